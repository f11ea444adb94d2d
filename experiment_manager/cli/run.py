"""``run DIR``."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from experiment_manager.cli.console import create_console
from experiment_manager.cli.failures import print_failures
from experiment_manager.cli.progress import create_progress
from experiment_manager.cli.run_json import have_succeeded, output_to_errors, print_results
from experiment_manager.cli.summary import print_places, print_summary, print_unread
from experiment_manager.db.manager import database_file, hide_password
from experiment_manager.execution.choice import Choice, Work
from experiment_manager.experiment import Experiment

if TYPE_CHECKING:
    from rich.console import Console

    from experiment_manager.execution.planned import PlannedRun
    from experiment_manager.results.summary import ExperimentSummary


def run_experiment(
    config_dir: Path,
    overrides: Sequence[str] = (),
    choice: Choice | None = None,
    *,
    sweeps: bool = False,
    quiet: bool = False,
    join: bool = False,
    as_json: bool = False,
    executor: str | None = None,
    jobs: int | None = None,
) -> bool:
    """Execute what is missing and print the results; True where each that is chosen succeeded."""
    console, choice = create_console(), choice or Choice()
    experiment = Experiment.create(
        config_dir, overrides=overrides, sweeps=sweeps, executor=executor, jobs=jobs
    )
    execute = functools.partial(_execute, console, experiment, choice, quiet=quiet, join=join)
    if as_json:
        with output_to_errors():
            summary = execute()
            print_unread(console, experiment.results)
        return print_results(experiment, summary, choice)
    summary = execute()
    print_summary(console, summary)
    print_failures(console, experiment, summary)
    print_unread(console, experiment.results)
    print_places(console, _places(experiment))
    return have_succeeded(experiment, choice)


def _execute(
    console: Console, experiment: Experiment, choice: Choice, *, quiet: bool, join: bool
) -> ExperimentSummary:
    if quiet:
        return experiment.run(choice=choice, join=join)
    planned = experiment.status()
    work = choice.select(planned)
    begin = functools.partial(_print_beginning, console, experiment.name, planned, work)
    with create_progress(console, len(work.specs), begin) as progress:
        summary = experiment.run([progress], choice, join=join)
    if not work.specs:
        begin()
    return summary


def _print_beginning(
    console: Console, experiment: str, planned: Sequence[PlannedRun], work: Work
) -> None:
    name, total = f"[bold]{escape(experiment)}[/]", sum(not run.is_beyond for run in planned)
    held = {str(run.holder) for run in planned if run.holder}
    if work.specs:
        console.print(f"{name}: {len(work.specs)} of {total} runs to execute")
    elif all(run.status.is_success for run in planned):
        console.print(f"{name}: nothing to do, all {total} runs are finished")
    else:
        console.print(f"{name}: nothing to do of what was chosen")
    if work.archived:
        count = len(work.archived)
        runs = "1 earlier run is" if count == 1 else f"{count} earlier runs are"
        console.print(f"{runs} set aside before", soft_wrap=True)
    for holder in sorted(held):
        count = sum(str(run.holder) == holder for run in planned)
        console.print(f"[dim]{count} being executed by {escape(holder)}[/]", soft_wrap=True)


def _places(experiment: Experiment) -> dict[str, Path | str]:
    trials = experiment.directory / "trials"
    file = database_file(experiment.database_url)
    return {
        "Database": file or hide_password(experiment.database_url),
        "Logs": experiment.directory / "logs",
        "Artifacts": trials / "<trial>" / "run_<n>" / "artifacts",
    }
