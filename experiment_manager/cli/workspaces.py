"""Where the files of an experiment are, which its database does not hold."""

from __future__ import annotations

from pathlib import Path

import click

from experiment_manager.cli.places import Database, database_folder
from experiment_manager.config.paths import WorkspacePaths
from experiment_manager.db.rows import ExperimentRow


class ElsewhereError(click.UsageError):
    """The workspace of an experiment is not on this machine."""


def workspace_of(
    database: Database, experiment: ExperimentRow, given: Path | None = None
) -> Path | None:
    """The workspace that the folder of an experiment is in.

    It is the folder of an SQLite database, where that has the experiment's folder inside: so both
    may be moved. Else it is the one that the experiment was last executed in, unless a database
    lies there that this one is a copy of.

    Args:
        database: Which the experiment is of.
        experiment: The experiment.
        given: What the user named, which wins.

    Returns:
        The workspace; None where there is none, because the experiment was recorded by hand in a
        database on a server.

    Raises:
        ElsewhereError: It is on another machine.
    """
    beside = database_folder(database)
    if given is not None or (beside is not None and (beside / experiment.title).is_dir()):
        return given or beside
    if experiment.workspace is None:
        return beside
    recorded = WorkspacePaths(Path(experiment.workspace))
    if beside is not None and (recorded.workspace == beside or recorded.database.exists()):
        return beside
    if not recorded.workspace.is_dir():
        raise ElsewhereError(
            f"The files of {experiment.title!r} are in {experiment.workspace}, which is not on "
            "this machine: name the workspace with --workspace."
        )
    return recorded.workspace
