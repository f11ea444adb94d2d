"""What the page of an experiment says of its failures: alike ones together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.markup import escape

from experiment_manager.cli.console import path_text
from experiment_manager.common.naming import first_of
from experiment_manager.common.reasons import exception_line

if TYPE_CHECKING:
    from rich.console import Console

    from experiment_manager.experiment import Experiment
    from experiment_manager.results.summary import ExperimentSummary


class _Failure(NamedTuple):
    trial: str
    run: int
    exception: str


def print_failures(console: Console, experiment: Experiment, summary: ExperimentSummary) -> None:
    """Print each kind of exception once, with its runs and where the log of the first is."""
    failures = [
        _Failure(trial.name, run.number, exception_line(run.error))
        for trial in summary.trials
        for run in trial.runs
        if run.error
    ]
    by_kind: dict[str, list[_Failure]] = {}
    for failure in failures:
        by_kind.setdefault(failure.exception.partition(":")[0], []).append(failure)
    for alike in by_kind.values():
        _print_alike(console, alike, experiment.directory)


def _print_alike(console: Console, alike: Sequence[_Failure], directory: Path) -> None:
    first = alike[0]
    log_dir = directory / "trials" / first.trial / f"run_{first.run}" / "logs"
    console.print(
        f"[red]{escape(_runs_text(alike))}:[/] {escape(first.exception)} "
        f"[dim](log: {escape(path_text(log_dir))})[/]",
        soft_wrap=True,
    )


def _runs_text(failures: Sequence[_Failure]) -> str:
    """``small run 1, large run 2 and 3 more runs``."""
    return first_of([f"{failure.trial} run {failure.run}" for failure in failures], 3, "run")
