"""``export``: the runs that a query finds, or the metrics of their epochs, as a file."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from experiment_manager.cli.console import path_text
from experiment_manager.cli.json_rows import run_dict
from experiment_manager.cli.places import databases_in, open_database
from experiment_manager.cli.row_files import WRITERS, Row, Rows
from experiment_manager.common.files import write_atomic
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.selection import FoundRun, select_runs

STANDARD_OUTPUT = "-"
RUN_COLUMNS: dict[str, type] = {
    "experiment": str,
    "trial": str,
    "run": int,
    "id": int,
    "status": str,
    "seed": int,
    "attempt": int,
    "started": datetime,
    "ended": datetime,
    "updated": datetime,
    "duration_s": float,
    "error": str,
    "reason": str,
    "note": str,
    "tags": str,
    "database": str,
}
EPOCH_COLUMNS: dict[str, type] = {
    "experiment": str,
    "trial": str,
    "run": int,
    "epoch": int,
    "metric": str,
    "value": float,
    "step": int,
}


def export_runs(
    query: str, place: str, target: str, *, suffix: str | None = None, epochs: bool = False
) -> None:
    """Write the runs that a query finds in the databases of a place.

    Args:
        query: See :mod:`experiment_manager.results.query`; empty for all runs.
        place: A file, a folder or a URL.
        target: A file, or ``-`` for standard output.
        suffix: ``csv``, ``jsonl`` or ``parquet``; None for the one that the file's name ends in.
        epochs: True for a row for each metric of each epoch, which are read run by run.

    Raises:
        QuerySyntaxError: The query cannot be understood.
        MissingDependencyError: Parquet is wanted, and pyarrow is not installed.
    """
    write = WRITERS[suffix or _suffix_of(target)]
    rows = _epoch_rows(query, place) if epochs else _run_rows(query, place)
    if target == STANDARD_OUTPUT:
        write(rows, sys.stdout.buffer)
        return

    def write_beside(beside: Path) -> None:
        with beside.open("wb") as sink:
            write(rows, sink)

    try:
        write_atomic(Path(target).absolute(), write_beside)
    except OSError as error:
        raise click.FileError(target, error.strerror) from error
    what = "row" if epochs else "run"
    counted = f"{rows.count} {what}{'' if rows.count == 1 else 's'}"
    click.echo(f"Wrote {counted} to {path_text(Path(target).absolute())}")


def _suffix_of(target: str) -> str:
    if target == STANDARD_OUTPUT:
        return "csv"
    suffix = Path(target).suffix.removeprefix(".").lower()
    if suffix not in WRITERS:
        known = ", ".join(f".{one}" for one in WRITERS)
        raise click.UsageError(
            f"{target!r} does not tell its format: it should end in one of {known}, or --format "
            "names it."
        )
    return suffix


def _run_rows(query: str, place: str) -> Rows:
    flat: list[dict[str, Any]] = []
    for database in databases_in(place):
        with open_database(database) as db:
            flat += [_flat(run_dict(found, database)) for found in select_runs(db, query)]
    columns = RUN_COLUMNS | {
        name: _type_of([run[name] for run in flat if run.get(name) is not None])
        for name in sorted({name for run in flat for name in run} - RUN_COLUMNS.keys(), key=_place)
    }
    return Rows(columns, ([run.get(name) for name in columns] for run in flat))


def _flat(run: dict[str, Any]) -> dict[str, Any]:
    """A current run whose parameters and metrics are columns; its tags are in one."""
    run = {name: run[name] for name in [*RUN_COLUMNS, "params", "metrics"]}
    run["tags"] = ",".join(run["tags"]) or None
    params = {f"params.{name}": value for name, value in run.pop("params").items()}
    metrics = {f"metrics.{name}": value for name, value in run.pop("metrics").items()}
    return run | params | metrics


def _place(column: str) -> tuple[bool, str]:
    """Parameters first."""
    return column.startswith("metrics."), column


def _type_of(values: Collection[Any]) -> type:
    """The narrowest that holds all values; JSON text where there is none."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return bool
    if not kinds or not kinds <= {int, float} or not all(map(_fits, values)):
        return str
    return int if kinds == {int} else float


def _fits(value: float) -> bool:
    """Whether 64 bits hold it."""
    return isinstance(value, float) or -(2**63) <= value < 2**63


def _epoch_rows(query: str, place: str) -> Rows:
    return Rows(EPOCH_COLUMNS, _epochs(query, place))


def _epochs(query: str, place: str) -> Iterator[Row]:
    for database in databases_in(place):
        with open_database(database) as db:
            for found in select_runs(db, query):
                yield from _epochs_of(db, found)


def _epochs_of(db: DatabaseManager, found: FoundRun) -> Iterator[Row]:
    run = (found.experiment, found.trial.name, found.run.number)
    columns = db.get_epoch_columns(found.trial.experiment_id, [found.run.id])
    history = (columns.epoch_idx, columns.type, columns.value, columns.step)
    for values in zip(*history, strict=True):
        yield (*run, *values)
