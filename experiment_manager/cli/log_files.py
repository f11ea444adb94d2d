"""``logs``: the log files of an experiment, a trial or a run."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import click

from experiment_manager.cli.console import path_text
from experiment_manager.cli.naming import Named, open_named
from experiment_manager.cli.workspaces import workspace_of
from experiment_manager.config.paths import Directory, WorkspacePaths


def print_logs(
    name: str, place: str, *, workspace: Path | None = None, lines: int | None = None
) -> None:
    """Print the log files of what ``EXPERIMENT[/TRIAL[/RUN]]`` names.

    A trial's are its own and those of its runs. Each is headed by its path where there are
    several.

    Args:
        name: Its parts may be abbreviated.
        place: A file, a folder or a URL.
        workspace: Where the experiment's folder is; None for the one that the database knows of.
        lines: Only so many from the end of each; None for all.
    """
    with open_named(name, place) as named:
        workspace = workspace_of(named.database, named.experiment, workspace)
        if workspace is None:
            raise click.UsageError(
                f"The database does not tell where the logs of {named.name!r} are: name the "
                "workspace with --workspace."
            )
        folders = _folders(named, workspace)
    files = [file for folder in folders for file in sorted(folder.logs.glob("*.log"))]
    if not files:
        raise click.UsageError(
            f"There is no log file in {path_text(folders[0].logs)}. If the workspace is another "
            "one, name it with --workspace."
        )
    for file in files:
        _print_file(file, lines, with_heading=len(files) > 1)


def _folders(named: Named, workspace: Path) -> list[Directory]:
    """The folder of what is named, and of a trial those of its runs."""
    paths, title, trial = WorkspacePaths(workspace.resolve()), named.experiment.title, named.trial
    if trial is None:
        return [paths.experiment(title)]
    if named.archived is not None:
        archived = named.archived
        return [paths.archived_run(title, trial.name, archived.number, archived.version)]
    if named.run is not None:
        return [paths.run(title, trial.name, named.run.number)]
    runs = [paths.run(title, trial.name, run.number) for run in named.db.list_trial_runs(trial.id)]
    return [paths.trial(title, trial.name), *runs]


def _print_file(file: Path, lines: int | None, *, with_heading: bool) -> None:
    """Its bytes as they are: a log may hold what the terminal's encoding cannot say."""
    output = sys.stdout.buffer
    if with_heading:
        output.write(f"==> {path_text(file)} <==\n".encode())
    with file.open("rb") as content:
        shown: Iterable[bytes] = content if lines is None else deque(content, lines)
        output.writelines(shown)
