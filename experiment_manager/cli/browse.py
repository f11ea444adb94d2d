"""``ls`` and ``show``: what the databases hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from experiment_manager.cli.console import (
    create_console,
    create_table,
    duration_text,
    metrics_that_fit,
    number_text,
    path_text,
    status_text,
)
from experiment_manager.cli.summary import print_places, print_summary
from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.metrics import CONFUSION_LABELS, CONFUSION_ROWS, is_confusion
from experiment_manager.config.paths import DATABASE_FILE
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import MetricRow, TrialRow, TrialRunRow
from experiment_manager.results.summary import ExperimentSummary, TrialSummary, summarize

if TYPE_CHECKING:
    from rich.console import Console

SEARCHED = (DATABASE_FILE, f"*/{DATABASE_FILE}", f"outputs/*/{DATABASE_FILE}")
EPOCHS_SHOWN = 20
RUN_COLUMNS_WIDTH, EPOCH_COLUMN_WIDTH = 38, 8


def list_experiments(where: Path) -> None:
    """Print a line for each experiment in the databases below ``where``."""
    console = create_console()
    table = create_table(
        "Experiment", "Trials", "Runs", "States", "Updated", "Database", numbers=("Trials", "Runs")
    )
    for path in find_databases(where):
        with _open(path) as db:
            for experiment in db.list_experiments():
                summary = summarize(db, experiment.title)
                updated = experiment.update_time.astimezone().strftime("%Y-%m-%d %H:%M")
                table.add_row(
                    escape(experiment.title),
                    str(len(summary.trials)),
                    str(len(summary.runs)),
                    _counted_states(summary),
                    updated,
                    escape(path_text(path)),
                )
    console.print(table)


def show_entity(name: str, where: Path) -> None:
    """Print an experiment, a trial or a run, named ``EXPERIMENT[/TRIAL[/RUN]]``."""
    console = create_console()
    title, _, rest = name.partition("/")
    trial_name, _, number = rest.partition("/")
    with _open_with_experiment(title, where) as (db, path):
        summary = summarize(db, title)
        if not trial_name:
            print_summary(console, summary)
            print_places(console, {"Database": path, "Folder": path.parent / title})
            return
        trial = _chosen_trial(summary, trial_name)
        if not number:
            _print_trial(console, trial)
            return
        _print_run(console, db, *_chosen_run(db, title, trial_name, number))


def find_databases(where: Path, remedy: str = "Name another place with --in.") -> list[Path]:
    """The databases in a place as ``ls`` takes it; the remedy ends the error's text."""
    here = where.resolve()
    if here.is_file():
        return [here]
    found = sorted({path for pattern in SEARCHED for path in here.glob(pattern)})
    if not found:
        raise click.UsageError(f"No {DATABASE_FILE} found in {here}. {remedy}")
    return found


@contextmanager
def _open(path: Path) -> Iterator[DatabaseManager]:
    with DatabaseManager(str(path), use_sqlite=True, read_only=True) as db:
        yield db


@contextmanager
def _open_with_experiment(title: str, where: Path) -> Iterator[tuple[DatabaseManager, Path]]:
    """The first database that holds the experiment."""
    known: list[str] = []
    for path in find_databases(where):
        with _open(path) as db:
            titles = [experiment.title for experiment in db.list_experiments()]
            if title in titles:
                yield db, path
                return
            known += titles
    raise click.UsageError(f"No experiment is named {title!r}.{did_you_mean(title, known)}")


def _chosen_trial(summary: ExperimentSummary, name: str) -> TrialSummary:
    by_name = {trial.name: trial for trial in summary.trials}
    if name not in by_name:
        raise click.UsageError(
            f"{summary.name!r} has no trial {name!r}.{did_you_mean(name, by_name)}"
        )
    return by_name[name]


def _chosen_run(
    db: DatabaseManager, title: str, trial_name: str, number: str
) -> tuple[TrialRow, TrialRunRow]:
    experiment = db.find_experiment(title)
    runs = [] if experiment is None else db.list_runs(experiment.id)
    by_number = {str(run.number): (trial, run) for trial, run in runs if trial.name == trial_name}
    wanted = number.removeprefix("run_")
    if wanted not in by_number:
        known = ", ".join(by_number)
        raise click.UsageError(f"{trial_name!r} has no run {number!r}; it has: {known}")
    return by_number[wanted]


def _counted_states(summary: ExperimentSummary) -> str:
    counts = Counter(run.status for run in summary.runs)
    return ", ".join(f"{count} {status_text(status)}" for status, count in counts.items())


def _print_trial(console: Console, trial: TrialSummary) -> None:
    names = list(dict.fromkeys(name for run in trial.runs for name in run.metrics))
    metrics = metrics_that_fit(names, console.width - RUN_COLUMNS_WIDTH)
    table = create_table("Run", "Seed", "Status", "Time", *metrics, numbers=("Run", *metrics))
    for run in trial.runs:
        values = [number_text(run.metrics[m]) if m in run.metrics else "-" for m in metrics]
        seed = "-" if run.seed is None else str(run.seed)
        duration = duration_text(run.duration_s)
        table.add_row(str(run.number), seed, status_text(run.status), duration, *values)
    console.print(table)
    _print_left_out(console, names, metrics)


def _print_run(console: Console, db: DatabaseManager, trial: TrialRow, run: TrialRunRow) -> None:
    status = status_text(RunStatus(run.status))
    console.print(
        f"[bold]{escape(trial.name)} run {run.number}[/] {status} in "
        f"{duration_text(run.duration_s)}, seed {run.seed}, attempt {run.attempt}"
    )
    _print_parameters(console, db.get_trial_run_parameters(run.id))
    _print_epochs(console, db.get_epoch_history(run.id))
    for metric in db.get_results_metrics(run.id):
        _print_result(console, metric)
    for artifact in db.get_trial_run_artifacts(run.id):
        console.print(f"{escape(artifact.type)}: {escape(artifact.location)}", soft_wrap=True)
    if run.error:
        console.print(escape(run.error), style="red")


def _print_parameters(console: Console, parameters: Mapping[str, Any]) -> None:
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
    _print_left_out(console, all_names, names)
    if len(epochs) > EPOCHS_SHOWN:
        console.print(f"[dim]The last {EPOCHS_SHOWN} of {len(epochs)} epochs.[/]")


def _print_left_out(console: Console, names: list[str], shown: list[str]) -> None:
    left_out = [name for name in names if name not in shown]
    if left_out:
        console.print(f"[dim]No room for: {escape(', '.join(left_out))}[/]")


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


def _confusion_table(labels: Mapping[str, Any]) -> Any:
    names = [str(label) for label in labels[CONFUSION_LABELS]]
    table = create_table("", *names, numbers=tuple(names))
    for name, row in zip(names, labels[CONFUSION_ROWS], strict=True):
        table.add_row(escape(name), *(number_text(count) for count in row))
    return table
