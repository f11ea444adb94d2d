"""Tables with a line for each run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.markup import escape

from experiment_manager.cli.console import (
    COLUMN_GAP,
    create_table,
    customary_first,
    duration_text,
    metrics_that_fit,
    number_text,
    status_text,
)
from experiment_manager.results.query_fields import METRICS, Field
from experiment_manager.results.selection import FoundRun
from experiment_manager.results.summary import TrialSummary

if TYPE_CHECKING:
    from rich.console import Console

TRIAL_COLUMNS_WIDTH = 38
VALUE_WIDTH = 16
NO_COLUMN = {"experiment", "trial", "run", "status", "duration", "error"}
"""Fields that a table of runs shows in a place of their own, or has no room for."""


def print_found_runs(console: Console, runs: Sequence[FoundRun], named: Sequence[Field]) -> None:
    """Print runs of many experiments; what is ``named`` comes first, as long as there is room."""
    metrics = customary_first(dict.fromkeys(name for run in runs for name in run.metrics))
    asked = [field for field in named if field.group or field.name not in NO_COLUMN]
    wanted = list(dict.fromkeys([*asked, *(Field(METRICS, name) for name in metrics)]))
    shown = _that_fit(wanted, runs, console.width)
    shown.sort(key=lambda field: field.group == METRICS)
    numbers = ("Time", *(_head(field) for field in shown if field.group == METRICS))
    table = create_table("Run", "Status", "Time", *map(_head, shown), numbers=numbers)
    for run in runs:
        cells = [escape(_value_text(run.value_of(field))) for field in shown]
        table.add_row(escape(run.name), status_text(run.status), _time_taken(run), *cells)
    console.print(table)
    print_left_out(console, [*map(_head, wanted)], [*map(_head, shown)])


def print_trial(console: Console, trial: TrialSummary) -> None:
    """Print the runs of a trial with their final results."""
    names = list(dict.fromkeys(name for run in trial.runs for name in run.metrics))
    metrics = metrics_that_fit(names, console.width - TRIAL_COLUMNS_WIDTH)
    table = create_table("Run", "Seed", "Status", "Time", *metrics, numbers=("Run", *metrics))
    for run in trial.runs:
        values = [_number_text(run.metrics.get(name)) for name in metrics]
        seed = "-" if run.seed is None else str(run.seed)
        duration = duration_text(run.duration_s)
        table.add_row(str(run.number), seed, status_text(run.status), duration, *values)
    console.print(table)
    print_left_out(console, names, metrics)


def time_text(time: datetime) -> str:
    """A time as the clock on the wall had it."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M")


def print_left_out(console: Console, names: Sequence[str], shown: Sequence[str]) -> None:
    """Print which names a table had no room for, where there are any."""
    left_out = [name for name in names if name not in shown]
    if left_out:
        console.print(f"[dim]No room for: {escape(', '.join(left_out))}[/]")


def _that_fit(wanted: Sequence[Field], runs: Sequence[FoundRun], width: int) -> list[Field]:
    """The fields whose columns have room beside those that every run has."""
    always = [["Run", "Status", "Time"]]
    always += [[run.name, run.status.value, _time_taken(run)] for run in runs]
    room = width - 1 - sum(map(_column_width, zip(*always, strict=True)))
    fitting = []
    for field in wanted:
        values = (_value_text(run.value_of(field)) for run in runs)
        needed = _column_width([_head(field), *values])
        if needed <= room:
            fitting.append(field)
            room -= needed
    return fitting


def _column_width(cells: Iterable[str]) -> int:
    return max(map(cell_len, cells)) + COLUMN_GAP


def _head(field: Field) -> str:
    return field.name if field.group == METRICS else str(field)


def _time_taken(run: FoundRun) -> str:
    return duration_text(run.run.duration_s)


def _number_text(value: float | None) -> str:
    return "-" if value is None else number_text(value)


def _value_text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return time_text(value)
    text = number_text(value) if isinstance(value, float) else str(value)
    return text if len(text) <= VALUE_WIDTH else f"{text[: VALUE_WIDTH - 3]}..."
