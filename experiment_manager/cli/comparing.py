"""``diff``: two runs, or two trials, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.code_diff import code_diff
from experiment_manager.cli.console import (
    create_console,
    create_table,
    customary_first,
    number_text,
    status_text,
)
from experiment_manager.cli.differences import areas_text, difference_dict, print_differences
from experiment_manager.cli.naming import open_named
from experiment_manager.cli.places import database_text
from experiment_manager.config.plan import RECIPE
from experiment_manager.execution.areas import AREAS, areas_of
from experiment_manager.provenance.code import all_codes
from experiment_manager.provenance.comparison import Difference, compare
from experiment_manager.provenance.worktree import left_out
from experiment_manager.results.comparison import Differences, Side, run_side, trial_side

if TYPE_CHECKING:
    from rich.console import Console

CODE = "code"
VALUE_LENGTH = 120
LINE_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True)
class _NamedSide:
    name: str
    database: str
    side: Side
    is_trial: bool


def print_comparison(
    a: str, b: str, places: tuple[str, str], *, with_code: bool = False, as_json: bool = False
) -> None:
    """Print how two runs or trials differ.

    Args:
        a: ``EXPERIMENT/TRIAL[/RUN]``, perhaps abbreviated.
        b: Likewise.
        places: Where A is, and where B is: a file, a folder or a URL each.
        with_code: True for the differences in the recorded code line by line, too.
        as_json: True for other programs.
    """
    left, right = _load(a, places[0]), _load(b, places[1])
    lines = _code_diff(left, right) if with_code else None
    if as_json:
        code = None if lines is None else "\n".join(lines)
        print_json({**_dict(left, right), "code_diff": code})
    else:
        console = create_console()
        _print(console, left, right)
        for line in lines or ():
            console.print(escape(line), style=LINE_STYLES.get(line[:1]), soft_wrap=True)


def _load(name: str, place: str) -> _NamedSide:
    with open_named(name, place) as named:
        if named.trial is None:
            raise click.UsageError(f"{name!r} is a whole experiment; add /TRIAL or /TRIAL/RUN.")
        runs = named.select_runs()
        if not runs:
            raise click.UsageError(f"{named.name!r} has no runs.")
        is_trial = named.run is None
        side = trial_side(named.db, runs) if is_trial else run_side(named.db, runs[0])
        return _NamedSide(named.name, database_text(named.database), side, is_trial)


def _code_diff(left: _NamedSide, right: _NamedSide) -> list[str]:
    """The lines of the main code, then those of code that comes from elsewhere."""
    one, other = (dict(all_codes(_code_of(named))) for named in (left, right))
    return [line for name in one if name in other for line in code_diff(one[name], other[name])]


def _code_of(named: _NamedSide) -> Mapping[str, Any]:
    code: Mapping[str, Any] | None = areas_of(named.side.provenance).get(CODE)
    if code is None:
        raise click.UsageError(f"--code: the code of {named.name!r} was not recorded.")
    return code


def _dict(left: _NamedSide, right: _NamedSide) -> dict[str, Any]:
    params, facts = _differences(left.side, right.side)
    differences, equal = _differences_in_origin(left.side, right.side)
    return {
        "a": _side_dict(left),
        "b": _side_dict(right),
        "params": _differences_dict(params),
        "metrics": {
            name: {"a": one, "b": other, "difference": _difference(one, other)}
            for name, one, other in _metrics(left.side, right.side)
        },
        "provenance": _differences_dict(facts),
        "origin": {
            "differences": [difference_dict(difference) for difference in differences],
            "equal": equal,
        },
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


def _print(console: Console, left: _NamedSide, right: _NamedSide) -> None:
    for letter, named in (("A", left), ("B", right)):
        console.print(f"[bold]{letter}[/]  {escape(named.name)} {_standing(named)}")
    params, facts = _differences(left.side, right.side)
    _print_differences(console, "Parameter", "parameters", params)
    _print_metrics(console, left.side, right.side)
    _print_origin(console, left, right)
    _print_differences(console, "Provenance", "facts of provenance", facts)


def _print_origin(console: Console, left: _NamedSide, right: _NamedSide) -> None:
    """Print what differs in what they were made of, and of what that is not known."""
    differences, equal = _differences_in_origin(left.side, right.side)
    if differences:
        print_differences(console, differences)
    if equal:
        console.print(f"[dim]Made of the same: {areas_text(equal)}.[/]")
    if unseen := _unseen_code(left.side, right.side):
        text = f"Not recorded, so perhaps other code: {', '.join(unseen)}."
        console.print(f"[dim]{escape(text)}[/]")
    areas = [areas_of(named.side.provenance).keys() for named in (left, right)]
    for named, own, others in zip((left, right), areas, areas[::-1], strict=True):
        if unknown := [area for area in AREAS if area in others - own]:
            text = f"Not recorded of {named.name}: {areas_text(unknown)}."
            console.print(f"[dim]{escape(text)}[/]")


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
    """Those of the parameters, and those of facts that are in no area of their origin."""
    return (
        Differences.between(left.params, right.params),
        Differences.between(_facts(left.provenance), _facts(right.provenance)),
    )


def _facts(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Single facts; of the recipe the factory alone, for its settings are parameters."""
    areas = {*areas_of(provenance), RECIPE}
    facts = {name: value for name, value in provenance.items() if name not in areas}
    factory = provenance.get(RECIPE, {}).get("factory")
    return facts if factory is None else {**facts, "factory": factory}


def _differences_in_origin(left: Side, right: Side) -> tuple[list[Difference], list[str]]:
    """What differs in code, packages, machine and so on, and the areas where nothing does."""
    one, other = areas_of(left.provenance), areas_of(right.provenance)
    differences = compare(one, other)
    differing = {difference.area for difference in differences}
    differing |= {CODE} if _unseen_code(left, right) else set()
    return differences, [a for a in AREAS if a in one and a in other and a not in differing]


def _unseen_code(left: Side, right: Side) -> list[str]:
    """The files of code that may differ although no difference of the records tells."""
    codes = [areas_of(side.provenance).get(CODE) for side in (left, right)]
    if None in codes:
        return []
    return sorted({name for code in codes for name in left_out(code or {}, unseen_only=True)})


def _metrics(left: Side, right: Side) -> list[tuple[str, float | None, float | None]]:
    names = customary_first(sorted(left.metrics.keys() | right.metrics.keys()))
    return [(name, left.metrics.get(name), right.metrics.get(name)) for name in names]


def _difference(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else right - left


def _number_text(value: float | None) -> str:
    return "-" if value is None else number_text(value)
