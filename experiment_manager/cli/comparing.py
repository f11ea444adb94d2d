"""``diff``: two runs, or two trials, side by side.

``--json`` prints ``{"a": ..., "b": ..., "params": ..., "metrics": ..., "provenance": ...}``.
``a`` and ``b`` are each ``name``, ``status`` (of a trial that of its first run), ``runs`` (how
many the metrics are of), ``database``. ``params`` and ``provenance`` are each ``changed``
(``[A's, B's]`` by name), ``only_a`` and ``only_b`` (values by name), ``equal`` (how many are the
same). ``metrics`` has by name ``a``, ``b`` and ``difference`` (B's less A's). What there is not
is null; NaN and infinities are texts, as :mod:`experiment_manager.cli.as_json` has them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from experiment_manager.cli.as_json import plain
from experiment_manager.cli.console import (
    create_console,
    create_table,
    customary_first,
    number_text,
    status_text,
)
from experiment_manager.cli.naming import open_named
from experiment_manager.cli.places import database_text
from experiment_manager.results.comparison import Differences, Side, run_side, trial_side
from experiment_manager.results.selection import select_runs

if TYPE_CHECKING:
    from rich.console import Console

VALUE_LENGTH = 120


@dataclass(frozen=True)
class _NamedSide:
    name: str
    database: str
    side: Side
    is_trial: bool


def print_comparison(a: str, b: str, place: str, *, as_json: bool = False) -> None:
    """Print how two runs or trials differ.

    Args:
        a: ``EXPERIMENT/TRIAL[/RUN]``, perhaps abbreviated.
        b: Likewise.
        place: A file, a folder or a URL.
        as_json: True for other programs.
    """
    left, right = _load(a, place), _load(b, place)
    if as_json:
        click.echo(json.dumps(plain(_dict(left, right)), allow_nan=False))
    else:
        _print(left, right)


def _load(name: str, place: str) -> _NamedSide:
    with open_named(name, place) as named:
        if named.trial is None:
            raise click.UsageError(f"{name!r} is a whole experiment; add /TRIAL or /TRIAL/RUN.")
        runs = select_runs(named.db, named.query)
        if not runs:
            raise click.UsageError(f"{named.name!r} has no runs.")
        is_trial = named.run is None
        side = trial_side(named.db, runs) if is_trial else run_side(named.db, runs[0])
        return _NamedSide(named.name, database_text(named.database), side, is_trial)


def _dict(left: _NamedSide, right: _NamedSide) -> dict[str, Any]:
    params, provenance = _differences(left.side, right.side)
    return {
        "a": _side_dict(left),
        "b": _side_dict(right),
        "params": _differences_dict(params),
        "metrics": {
            name: {"a": one, "b": other, "difference": _difference(one, other)}
            for name, one, other in _metrics(left.side, right.side)
        },
        "provenance": _differences_dict(provenance),
    }


def _side_dict(named: _NamedSide) -> dict[str, Any]:
    return {
        "name": named.name,
        "status": named.side.run.status.value,
        "runs": named.side.runs,
        "database": named.database,
    }


def _differences_dict(found: Differences) -> dict[str, Any]:
    return {
        "changed": {name: list(values) for name, values in found.changed.items()},
        "only_a": found.only_left,
        "only_b": found.only_right,
        "equal": found.equal,
    }


def _print(left: _NamedSide, right: _NamedSide) -> None:
    console = create_console()
    for letter, named in (("A", left), ("B", right)):
        console.print(f"[bold]{letter}[/]  {escape(named.name)} {_standing(named)}")
    params, provenance = _differences(left.side, right.side)
    _print_differences(console, "Parameter", "parameters", params)
    _print_metrics(console, left.side, right.side)
    _print_differences(console, "Provenance", "facts of provenance", provenance)


def _standing(named: _NamedSide) -> str:
    if not named.is_trial:
        return status_text(named.side.run.status)
    runs = f"{named.side.runs} run{'' if named.side.runs == 1 else 's'}"
    first = named.side.run.run.number
    return f"[dim](mean of {runs} that succeeded; parameters of run {first})[/]"


def _print_differences(console: Console, head: str, noun: str, found: Differences) -> None:
    rows = {name: (_value_text(a), _value_text(b)) for name, (a, b) in found.changed.items()}
    rows |= {name: (_value_text(value), "-") for name, value in found.only_left.items()}
    rows |= {name: ("-", _value_text(value)) for name, value in found.only_right.items()}
    if rows:
        table = create_table(head, "A", "B")
        for name, values in rows.items():
            table.add_row(*map(escape, (name, *values)))
        console.print(table)
    if found.equal:
        console.print(f"[dim]Equal {noun}: {found.equal}.[/]")


def _value_text(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= VALUE_LENGTH else f"{text[: VALUE_LENGTH - 3]}..."


def _print_metrics(console: Console, left: Side, right: Side) -> None:
    metrics = _metrics(left, right)
    if not metrics:
        return
    table = create_table("Metric", "A", "B", "B - A", numbers=("A", "B", "B - A"))
    for name, *values in metrics:
        cells = [_number_text(value) for value in (*values, _difference(*values))]
        table.add_row(escape(name), *cells)
    console.print(table)


def _differences(left: Side, right: Side) -> tuple[Differences, Differences]:
    """Those of the parameters and those of the provenance."""
    return (
        Differences.between(left.params, right.params),
        Differences.between(left.provenance, right.provenance),
    )


def _metrics(left: Side, right: Side) -> list[tuple[str, float | None, float | None]]:
    names = customary_first(sorted(left.metrics.keys() | right.metrics.keys()))
    return [(name, left.metrics.get(name), right.metrics.get(name)) for name in names]


def _difference(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else right - left


def _number_text(value: float | None) -> str:
    return "-" if value is None else number_text(value)
