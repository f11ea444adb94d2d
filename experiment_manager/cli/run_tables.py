"""Tables with a line for each run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from experiment_manager.cli.console import (
    COLUMN_GAP,
    NUMBER_WIDTH,
    create_table,
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
    """Print runs of many experiments; what is ``named`` comes first."""
    fields = [field for field in named if field.group != METRICS and field.name not in NO_COLUMN]
    metrics = [field.name for field in named if field.group == METRICS]
    others = list(dict.fromkeys(name for run in runs for name in run.metrics))
    room = console.width - _text_width(runs, fields) - sum(map(_metric_width, metrics))
    shown = metrics + _fitting([name for name in others if name not in metrics], room)
    table = create_table(
        "Run", "Status", "Time", *map(str, fields), *shown, numbers=("Time", *shown)
    )
    for run in runs:
        table.add_row(*_cells(run, fields, shown))
    console.print(table)
    print_left_out(console, others, shown)


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


def _fitting(metrics: Sequence[str], room: int) -> list[str]:
    """The most interesting ones that have room, which may be none."""
    return metrics_that_fit([name for name in metrics if _metric_width(name) <= room], room)


def _metric_width(name: str) -> int:
    return max(len(name), NUMBER_WIDTH) + COLUMN_GAP


def _text_width(runs: Sequence[FoundRun], fields: Sequence[Field]) -> int:
    """What the columns without metrics take."""
    head = ["Run", "Status", "Time", *map(str, fields)]
    lines = [head, *(_texts(run, fields) for run in runs)]
    return sum(max(map(len, column)) + COLUMN_GAP for column in zip(*lines, strict=True))


def _texts(run: FoundRun, fields: Sequence[Field]) -> list[str]:
    values = [_value_text(run.value_of(field)) for field in fields]
    return [run.name, run.status.value, duration_text(run.run.duration_s), *values]


def _cells(run: FoundRun, fields: Sequence[Field], metrics: Sequence[str]) -> list[str]:
    name, _, *others = map(escape, _texts(run, fields))
    numbers = [_number_text(run.metrics.get(metric)) for metric in metrics]
    return [name, status_text(run.status), *others, *numbers]


def _number_text(value: float | None) -> str:
    return "-" if value is None else number_text(value)


def _value_text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return time_text(value)
    text = number_text(value) if isinstance(value, float) else str(value)
    return text if len(text) <= VALUE_WIDTH else f"{text[: VALUE_WIDTH - 3]}..."
