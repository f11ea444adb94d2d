"""The rows and files of the runs of one database, for commands that move or delete them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from experiment_manager.archive import RunFolders, settle, size_bytes
from experiment_manager.cli.console import size_text
from experiment_manager.cli.json_rows import run_dict
from experiment_manager.cli.places import Database
from experiment_manager.cli.workspaces import workspace_of
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.selection import FoundRun


class RunStorage:
    """Where the runs of a database are, on disk too.

    Args:
        db: The open database.
        database: Its file or URL.
        workspace: The one that the user named, or None.
    """

    def __init__(self, db: DatabaseManager, database: Database, workspace: Path | None) -> None:
        self.db = db
        self._database = database
        self._given = workspace
        self.workspace = cache(self._find_workspace)

    def _find_workspace(self, experiment: str) -> Path | None:
        row = self.db.find_experiment(experiment)
        return None if row is None else workspace_of(self._database, row, self._given)

    def settle(self, experiments: Iterable[str]) -> None:
        """Put back what somebody has left who was killed while moving files of an experiment."""
        for experiment in dict.fromkeys(experiments):
            settle(self.db, self.workspace(experiment), experiment)

    def place(self, found: FoundRun) -> tuple[Path | None, str, str]:
        """What the calls of :mod:`experiment_manager.archive` want to know of a run."""
        return self.workspace(found.experiment), found.experiment, found.trial.name

    def size_bytes(self, found: FoundRun) -> int | None:
        """What the files of a run hold; None where it has no folder."""
        folder = RunFolders(*self.place(found)).find(found.archived or found.run)
        return None if folder is None else size_bytes(folder)

    def run_dict(self, found: FoundRun, size: int | None) -> dict[str, Any]:
        """A run for other programs, with the size of its files."""
        return run_dict(found, self._database) | {"size_bytes": size}


def files_text(size: int | None) -> str:
    """The size of a run's files in words."""
    return "no files" if size is None else size_text(size)


def total_text(count: int, sizes: Iterable[int | None]) -> str:
    """How many runs, and what their files hold together."""
    total = sum(size or 0 for size in sizes)
    return f"{count} run{'' if count == 1 else 's'} ({size_text(total)})"
