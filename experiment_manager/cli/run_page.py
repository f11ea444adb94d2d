"""A run in detail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from experiment_manager.cli.console import (
    create_table,
    duration_text,
    metrics_that_fit,
    number_text,
    status_text,
)
from experiment_manager.cli.marks import print_marks
from experiment_manager.cli.naming import Named
from experiment_manager.cli.origin_page import print_origin
from experiment_manager.cli.run_files import RunFile, common_folder, list_run_files
from experiment_manager.cli.run_tables import print_left_out
from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import CONFUSION_LABELS, CONFUSION_ROWS, is_confusion
from experiment_manager.db.rows import AttemptRow, MetricRow, TrialRow, TrialRunRow

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

EPOCHS_SHOWN = FILES_SHOWN = 20
EPOCH_COLUMN_WIDTH = 8


def print_run(console: Console, named: Named, trial: TrialRow, run: TrialRunRow) -> None:
    """Print how it ended, its marks, parameters, last epochs, results, files and errors."""
    db = named.db
    made = f"attempt {run.attempt}"
    rest = f", seed {run.seed}, {made}" if run.attempt == 1 else f" of {made}, seed {run.seed}"
    name = f"[bold]{escape(trial.name)} run {run.number}[/]"
    console.print(f"{name} {_ending_text(run)}{rest}")
    print_marks(console, named)
    print_parameters(console, db.get_trial_run_parameters(run.id))
    _print_epochs(console, db.get_epoch_history(run.id))
    for metric in db.get_results_metrics(run.id):
        _print_result(console, metric)
    print_files(console, list_run_files(named, run.id))
    print_origin(console, db.get_provenance(run.id))
    for attempt in db.list_attempts(run.id):
        console.print(f"Attempt {attempt.attempt} {_ending_text(attempt)}")
        _print_error(console, attempt.error)
    _print_error(console, run.error)


def _ending_text(ended: TrialRunRow | AttemptRow) -> str:
    """How a run or an attempt ended, why, and after which time."""
    reason = f" ({escape(ended.reason)})" if ended.reason not in {None, ended.status} else ""
    status = status_text(RunStatus(ended.status))
    return f"{status}{reason} in {duration_text(ended.duration_s)}"


def _print_error(console: Console, error: str | None) -> None:
    if error:
        console.print(escape(error), style="red")


def print_parameters(console: Console, parameters: Mapping[str, Any]) -> None:
    """Print parameters by name."""
    table = create_table("Parameter", "Value")
    for name, value in parameters.items():
        table.add_row(escape(name), escape(str(value)))
    console.print(table)


def _print_epochs(console: Console, history: list[tuple[int, MetricRow]]) -> None:
    """The last epochs, a column for each metric that is a number."""
    epochs: dict[int, dict[str, float]] = {}
    for index, metric in history:
        if metric.total_val is not None:
            epochs.setdefault(index, {})[metric.type] = metric.total_val
    all_names = list(dict.fromkeys(name for metrics in epochs.values() for name in metrics))
    if not all_names:
        return
    names = metrics_that_fit(all_names, console.width - EPOCH_COLUMN_WIDTH)
    table = create_table("Epoch", *names, numbers=("Epoch", *names))
    for index, metrics in sorted(epochs.items())[-EPOCHS_SHOWN:]:
        values = [number_text(metrics[n]) if n in metrics else "-" for n in names]
        table.add_row(str(index), *values)
    console.print(table)
    print_left_out(console, all_names, names)
    if len(epochs) > EPOCHS_SHOWN:
        console.print(f"[dim]The last {EPOCHS_SHOWN} of {len(epochs)} epochs.[/]")


def _print_result(console: Console, metric: MetricRow) -> None:
    labels = metric.per_label_val
    total = "" if metric.total_val is None else f" {number_text(metric.total_val)}"
    if labels is not None and is_confusion(labels):
        console.print(f"{escape(metric.type)}{total} [dim](rows: true, columns: predicted)[/]")
        console.print(_confusion_table(labels))
    elif labels is not None:
        each = "  ".join(f"{label} {number_text(value)}" for label, value in labels.items())
        console.print(f"{escape(metric.type)}{total}  {escape(each)}")
    else:
        console.print(f"{escape(metric.type)}{total}")


def print_files(console: Console, files: list[RunFile]) -> None:
    """The last files, below the folder that all of them are in."""
    if not files:
        return
    shown = files[-FILES_SHOWN:]
    folder = common_folder([file.place for file in shown])
    console.print(f"\nFiles{escape(f' in {folder}' if folder else '')}", soft_wrap=True)
    table = create_table("File", "Type", "Of")
    for file in shown:
        cells = (file.place.removeprefix(folder), file.artifact.type, file.owner)
        table.add_row(*map(escape, cells))
    console.print(table)
    if len(files) > FILES_SHOWN:
        console.print(f"[dim]The last {FILES_SHOWN} of {len(files)} files.[/]")


def _confusion_table(labels: Mapping[str, Any]) -> Table:
    names = [str(label) for label in labels[CONFUSION_LABELS]]
    table = create_table("", *names, numbers=tuple(names))
    for name, row in zip(names, labels[CONFUSION_ROWS], strict=True):
        table.add_row(escape(name), *(number_text(count) for count in row))
    return table
