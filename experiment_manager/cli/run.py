"""``run DIR``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from experiment_manager.cli.console import create_console, path_text
from experiment_manager.cli.progress import create_progress
from experiment_manager.cli.summary import print_places, print_summary
from experiment_manager.db.manager import database_file, hide_password
from experiment_manager.experiment import Experiment

if TYPE_CHECKING:
    from rich.console import Console

    from experiment_manager.results.summary import ExperimentSummary


def run_experiment(
    config_dir: Path, overrides: Sequence[str] = (), *, sweeps: bool = False, quiet: bool = False
) -> bool:
    """Execute what is missing and print the results; True where every run succeeded."""
    console = create_console()
    experiment = Experiment.create(config_dir, overrides=overrides, sweeps=sweeps)
    planned = experiment.status()
    missing = sum(run.is_missing for run in planned)
    if quiet:
        summary = experiment.run()
    else:
        _print_beginning(console, experiment.name, missing, len(planned))
        with create_progress(console, missing) as progress:
            summary = experiment.run(extra_trackers=[progress])
    print_summary(console, summary)
    _print_failures(console, experiment, summary)
    print_places(console, _places(experiment))
    return not any(run.is_missing for run in experiment.status())


def _print_beginning(console: Console, experiment: str, missing: int, total: int) -> None:
    name = f"[bold]{escape(experiment)}[/]"
    if missing:
        console.print(f"{name}: {missing} of {total} runs to execute")
    else:
        console.print(f"{name}: nothing to do, all {total} runs are finished")


def _print_failures(console: Console, experiment: Experiment, summary: ExperimentSummary) -> None:
    for trial in summary.trials:
        for run in [run for run in trial.runs if run.error]:
            reason = _reason(str(run.error))
            log_dir = experiment.directory / "trials" / trial.name / f"run_{run.number}" / "logs"
            console.print(
                f"[red]{escape(trial.name)} run {run.number}:[/] {escape(reason)} "
                f"[dim](log: {escape(path_text(log_dir))})[/]",
                soft_wrap=True,
            )


def _reason(traceback: str) -> str:
    """The exception of a traceback: the first line behind its last frame."""
    _, _, end = traceback.rpartition('\n  File "')
    behind = [line for line in end.splitlines()[1:] if not line.startswith(" ")]
    return behind[0] if behind else traceback.strip().splitlines()[-1]


def _places(experiment: Experiment) -> dict[str, Path | str]:
    trials = experiment.directory / "trials"
    file = database_file(experiment.database_url)
    return {
        "Database": file or hide_password(experiment.database_url),
        "Logs": experiment.directory / "logs",
        "Artifacts": trials / "<trial>" / "run_<n>" / "artifacts",
    }
