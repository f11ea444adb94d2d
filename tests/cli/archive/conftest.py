"""A workspace with three runs, and the commands in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.main import commands
from experiment_manager.config.paths import WorkspacePaths
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.testing.servers import MariaDBServer

SIZE = 1000


class Shell:
    """Calls commands; nobody is there to answer a question."""

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(commands, arguments, prog_name="experiment-manager")

    def printed(self, *arguments: str, code: int = 0) -> str:
        """What a command prints that ends with this code."""
        done = self(*arguments)
        assert done.exit_code == code, done.output
        return done.stdout

    def complaint(self, *arguments: str) -> str:
        """What a command says that cannot be understood."""
        done = self(*arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        return " ".join(done.stderr.split())

    def runs(self, *arguments: str) -> list[str]:
        """The names of the runs that ``ls`` lists."""
        found = json.loads(self.printed("ls", *arguments, "--json"))["runs"]
        names = [f"{run['experiment']}/{run['trial']}/{run['run']}" for run in found]
        versions = ["" if run["version"] is None else f"@{run['version']}" for run in found]
        return [name + version for name, version in zip(names, versions, strict=True)]

    def current(self) -> list[str]:
        """The names of the runs that there are."""
        return self.runs("run > 0")

    def archived(self) -> list[str]:
        """The names of those that were set aside."""
        return self.runs("--archived")


def create_run(db: DatabaseManager, workspace: Path, trial: str, number: int) -> None:
    """A run of the experiment ``digits`` with files."""
    trial_id = db.create_trial(db.create_experiment("digits").id, trial).id
    run = db.start_trial_run(trial_id, number, seed=number)
    directory = WorkspacePaths(workspace).run("digits", trial, number)
    directory.create()
    (directory.artifacts / "weights.bin").write_bytes(bytes(SIZE - 10))
    (directory.logs / "run.log").write_text("a line...\n")
    location = (directory.artifacts / "weights.bin").relative_to(workspace).as_posix()
    db.link_trial_run_artifact(run.id, db.record_artifact("weights", location).id)
    db.update_trial_run_status(run.id, "completed")


def create_runs(db: DatabaseManager, workspace: Path) -> None:
    """Two runs of the trial ``small``, one of ``large``."""
    for trial, number in (("small", 1), ("small", 2), ("large", 1)):
        create_run(db, workspace, trial, number)
    db.set_workspace(1, str(workspace.resolve()))


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabaseManager]:
    """The database of a workspace in the current folder, with three runs."""
    monkeypatch.chdir(tmp_path)
    with DatabaseManager("experiments.db", use_sqlite=True) as db:
        create_runs(db, Path())
        yield db


@pytest.fixture
def shell(db: DatabaseManager) -> Shell:  # noqa: ARG001 - the commands find it
    """Calls commands where that database is."""
    return Shell()


@pytest.fixture
def make_run(db: DatabaseManager) -> Callable[[str, int], None]:
    """Makes a run of a trial and a number."""
    return lambda trial, number: create_run(db, Path(), trial, number)


@pytest.fixture
def folders(db: DatabaseManager) -> Callable[[], list[str]]:  # noqa: ARG001 - beside it
    """Lists the folders of all runs, from those of their trials on."""

    def find() -> list[str]:
        found = sorted(path for path in Path("digits").rglob("run_*") if path.is_dir())
        return [path.relative_to("digits/trials").as_posix() for path in found]

    return find


@pytest.fixture
def in_a_file_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Shell]]:
    """A database file that is not in the workspace, which is ``work`` in the current folder."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "databases" / "all.db"
    with DatabaseManager(str(file), use_sqlite=True) as db:
        create_runs(db, tmp_path / "work")
        yield str(file), Shell()


@pytest.fixture
def on_server(
    mariadb: MariaDBServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Shell]]:
    """A database on a server with three runs, its workspace ``work`` in the current folder."""
    monkeypatch.chdir(tmp_path)
    url = mariadb.create_database()
    with DatabaseManager.from_url(url) as db:
        create_runs(db, tmp_path / "work")
    yield url, Shell()
    mariadb.drop_database(url)
