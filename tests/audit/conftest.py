"""A workspace in which rows and files fit together, until a test changes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from experiment_manager.archive import archive_run
from experiment_manager.audit.check import FileCheck, check_files
from experiment_manager.audit.finding import Finding
from experiment_manager.config.paths import Directory, WorkspacePaths
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ArchivedRunRow, TrialRunRow

PLACE = ("digits", "small")


class Workspace:
    """A workspace with a database in it, in which rows and files fit together.

    Attributes:
        path: Its folder.
        db: The database.
        paths: Where everything is.
    """

    def __init__(self, path: Path, db: DatabaseManager) -> None:
        self.path = path
        self.db = db
        self.paths = WorkspacePaths(path)

    def make_run(
        self, number: int = 1, status: str = "completed", *, planned: bool = True
    ) -> TrialRunRow:
        """A run of ``digits/small``, with a folder if it was planned."""
        trial = self.db.create_trial(self.db.create_experiment(PLACE[0]).id, PLACE[1])
        if planned:
            self.run(number).create()
        config_hash = "abc" if planned else None
        return self.db.create_trial_run(trial.id, status, number, config_hash=config_hash)

    def run(self, number: int = 1) -> Directory:
        """The folder of a run."""
        return self.paths.run(*PLACE, number)

    def add_file(self, run: TrialRunRow, file: str | Path) -> Path:
        """A file of a run, with its row; a relative path is one within the run's artifacts."""
        path = self.run(run.number).artifacts / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        inside = path.is_relative_to(self.path)
        self.add_row(run, path.relative_to(self.path).as_posix() if inside else str(path))
        return path

    def add_row(self, run: TrialRunRow, location: str) -> int:
        """The row of a file of a run, by itself."""
        artifact = self.db.record_artifact("file", location)
        self.db.link_trial_run_artifact(run.id, artifact.id)
        return artifact.id

    def set_aside(self, run: TrialRunRow) -> ArchivedRunRow:
        """Archive a run."""
        return archive_run(self.db, self.path, *PLACE, run, "removed")

    def check(self) -> FileCheck:
        """Everything that is found."""
        titles = [row.title for row in self.db.list_experiments()]
        return check_files(self.db, dict.fromkeys(titles, self.path))

    def found(self) -> list[tuple[str, str]]:
        """Kind and name of each thing that is found."""
        return [(one.kind.value, one.name) for one in self.check().findings]

    def only(self) -> Finding:
        """The one thing that is found."""
        (finding,) = self.check().findings
        return finding


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace without a run yet; reached by a link, as on many clusters."""
    (tmp_path / "real").mkdir()
    (tmp_path / "work").symlink_to("real")
    path = tmp_path / "work"
    with DatabaseManager(str(path / "experiments.db"), use_sqlite=True) as db:
        yield Workspace(path, db)
