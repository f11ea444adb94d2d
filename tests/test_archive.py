"""Rows and files of runs are set aside, brought back and deleted together, or not at all."""

from __future__ import annotations

import functools
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from experiment_manager.archive import (
    RunFolders,
    archive_run,
    delete_archived,
    delete_folder,
    list_unknown_folders,
    restore_run,
    settle,
    size_bytes,
)
from experiment_manager.common.errors import ExperimentManagerError
from experiment_manager.config.paths import WorkspacePaths
from experiment_manager.db.manager import DatabaseManager, QueryError
from experiment_manager.db.rows import ArchivedRunRow, TrialRunRow

PLACE = ("digits", "small")
AfterKills = Callable[[str], Iterator[tuple[DatabaseManager, Path]]]
FILES = {"artifacts/weights.bin": "0" * 1000, "logs/run.log": "begun\n"}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder for the database and the experiment; reached by a link, as on many clusters."""
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    return tmp_path / "linked"


@pytest.fixture
def db(workspace: Path) -> Iterator[DatabaseManager]:
    with DatabaseManager(str(workspace / "experiments.db"), use_sqlite=True) as db:
        yield db


def make_run(db: DatabaseManager, workspace: Path, number: int = 1) -> TrialRunRow:
    """A run with files."""
    trial = db.create_trial(db.create_experiment(PLACE[0]).id, PLACE[1])
    run = db.start_trial_run(trial.id, number)
    folder = WorkspacePaths(workspace).run(*PLACE, number).root
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
        location = (folder / name).relative_to(workspace).as_posix()
        db.link_trial_run_artifact(run.id, db.record_artifact("file", location).id)
    db.update_trial_run_status(run.id, "completed")
    return run


def set_aside(db: DatabaseManager, workspace: Path, run: TrialRunRow) -> ArchivedRunRow:
    return archive_run(db, workspace, *PLACE, run, "removed")


def folders_of(workspace: Path) -> list[str]:
    """Every folder of a run, from that of the trial on."""
    trial = WorkspacePaths(workspace).trial(*PLACE).root
    return sorted(path.relative_to(trial).as_posix() for path in trial.rglob("run_*"))


def files_of(db: DatabaseManager, workspace: Path, run_id: int) -> dict[str, str]:
    """The files of a run as the database finds them, by the ends of their names."""
    found = [workspace / one.location for one in db.get_trial_run_artifacts(run_id)]
    return {"/".join(path.parts[-2:]): path.read_text() for path in found}


# What happens to the files.


def test_the_folder_of_a_run_moves_to_the_archive_and_its_files_are_found_there(
    db: DatabaseManager, workspace: Path
) -> None:
    run = make_run(db, workspace)
    set_aside(db, workspace, run)
    assert folders_of(workspace) == ["archived/run_1.1"]
    assert files_of(db, workspace, run.id) == FILES


def test_the_runs_of_a_number_stand_side_by_side(db: DatabaseManager, workspace: Path) -> None:
    runs = []
    for _ in range(3):
        runs.append(make_run(db, workspace))
        set_aside(db, workspace, runs[-1])
    assert folders_of(workspace) == [f"archived/run_1.{version}" for version in (1, 2, 3)]
    assert [files_of(db, workspace, run.id) for run in runs] == [FILES] * 3


def test_a_run_comes_back_with_its_folder(db: DatabaseManager, workspace: Path) -> None:
    run = make_run(db, workspace)
    restore_run(db, workspace, *PLACE, set_aside(db, workspace, run))
    assert folders_of(workspace) == ["run_1"]
    assert files_of(db, workspace, run.id) == FILES
    assert not WorkspacePaths(workspace).archive(*PLACE).exists()


def test_a_run_is_deleted_with_its_folder(db: DatabaseManager, workspace: Path) -> None:
    kept = make_run(db, workspace, 2)
    run = make_run(db, workspace)
    delete_archived(db, workspace, *PLACE, set_aside(db, workspace, run))
    assert folders_of(workspace) == ["run_2"]
    assert db.get_trial_run(run.id) is None
    assert files_of(db, workspace, kept.id) == FILES


def test_the_folders_of_trial_and_experiment_go_with_the_last_run(
    db: DatabaseManager, workspace: Path
) -> None:
    paths = WorkspacePaths(workspace)
    archived = set_aside(db, workspace, make_run(db, workspace))
    for directory in (paths.experiment(PLACE[0]), paths.trial(*PLACE)):
        directory.create()
        (directory.logs / "a.log").touch()
    delete_archived(db, workspace, *PLACE, archived)
    assert [path.name for path in workspace.iterdir() if path.is_dir()] == []
    assert db.list_experiments() == []


def test_what_somebody_else_has_put_there_stays(db: DatabaseManager, workspace: Path) -> None:
    archived = set_aside(db, workspace, make_run(db, workspace))
    notes = WorkspacePaths(workspace).trial(*PLACE).root / "notes.txt"
    notes.write_text("mine")
    delete_archived(db, workspace, *PLACE, archived)
    assert notes.read_text() == "mine"


@pytest.mark.parametrize("is_here", [True, False], ids=["no folder", "no workspace"])
def test_a_run_without_files_is_set_aside_brought_back_and_deleted_in_the_database_alone(
    db: DatabaseManager, workspace: Path, is_here: bool
) -> None:
    trial = db.create_trial(db.create_experiment("by/hand").id, "..")
    run, place = db.create_trial_run(trial.id), workspace if is_here else None
    archived = archive_run(db, place, "by/hand", "..", run, "removed")
    restore_run(db, place, "by/hand", "..", archived)
    assert db.list_trial_runs(trial.id) == [run]
    again = archive_run(db, place, "by/hand", "..", run, "removed")
    delete_archived(db, place, "by/hand", "..", again)
    assert db.list_experiments() == []
    assert [path.name for path in workspace.iterdir() if path.is_dir()] == []


def test_the_size_of_a_folder_is_that_of_its_files(db: DatabaseManager, workspace: Path) -> None:
    run = make_run(db, workspace)
    folder = RunFolders(workspace, *PLACE).find(run)
    assert folder is not None
    assert size_bytes(folder) == sum(map(len, FILES.values()))


# What is refused.


def test_a_run_does_not_come_back_where_another_one_has_its_number(
    db: DatabaseManager, workspace: Path
) -> None:
    archived = set_aside(db, workspace, make_run(db, workspace))
    other = make_run(db, workspace)
    with pytest.raises(QueryError, match="a run 1 of its trial already"):
        restore_run(db, workspace, *PLACE, archived)
    assert folders_of(workspace) == ["archived/run_1.1", "run_1"]
    assert files_of(db, workspace, other.id) == FILES


def test_a_run_does_not_come_back_where_something_else_lies_in_its_place(
    db: DatabaseManager, workspace: Path
) -> None:
    archived = set_aside(db, workspace, make_run(db, workspace))
    WorkspacePaths(workspace).run(*PLACE, 1).root.mkdir()
    with pytest.raises(ExperimentManagerError, match="run_1 exists, but no run"):
        restore_run(db, workspace, *PLACE, archived)
    assert files_of(db, workspace, archived.trial_run_id) == FILES


def test_where_the_folder_cannot_be_moved_nothing_is_set_aside(
    db: DatabaseManager, workspace: Path
) -> None:
    run = make_run(db, workspace)
    WorkspacePaths(workspace).archive(*PLACE).write_text("in the way")
    with pytest.raises(FileExistsError):
        set_aside(db, workspace, run)
    assert db.list_archived_runs(run.trial_id) == []
    assert files_of(db, workspace, run.id) == FILES


def test_where_the_database_does_not_take_it_the_folder_is_moved_back(
    db: DatabaseManager, workspace: Path
) -> None:
    run = make_run(db, workspace)
    forbid_commits(workspace)
    with pytest.raises(QueryError, match="FOREIGN KEY"):
        set_aside(db, workspace, run)
    assert folders_of(workspace) == ["run_1"]
    assert files_of(db, workspace, run.id) == FILES


def forbid_commits(workspace: Path) -> None:
    """Let a transaction that sets a run aside fail at its very end."""
    with closing(sqlite3.connect(workspace / "experiments.db")) as connection:
        connection.executescript(
            "CREATE TABLE late (id INTEGER REFERENCES EXPERIMENT (id) DEFERRABLE INITIALLY "
            "DEFERRED); CREATE TRIGGER spoil AFTER INSERT ON ARCHIVED_RUN "
            "BEGIN INSERT INTO late VALUES (4711); END;"
        )


# What somebody has left.


def test_folders_that_no_run_of_the_database_has_are_found(
    db: DatabaseManager, workspace: Path
) -> None:
    set_aside(db, workspace, make_run(db, workspace))
    make_run(db, workspace)
    archive = WorkspacePaths(workspace.resolve()).archive(*PLACE)
    others = [archive / name for name in ("run_1.7", "run_3.1", "run_3.2.deleted")]
    for folder in [*others, archive / "notes"]:
        (folder / "logs").mkdir(parents=True)
    assert list_unknown_folders(db, workspace) == others
    for folder in others:
        delete_folder(folder)
    assert folders_of(workspace) == ["archived/run_1.1", "run_1"]


def test_folders_of_experiments_in_another_database_are_not_unknown(
    db: DatabaseManager, workspace: Path
) -> None:
    paths = WorkspacePaths(workspace.resolve())
    for number in (1, 2):
        paths.archived_run("other", "small", number, 1).create()
    discarded = paths.discarded_run("other", "small", 2, 1)
    paths.archived_run("other", "small", 2, 1).root.rename(discarded)
    assert list_unknown_folders(db, workspace) == [discarded]


def test_a_version_whose_folder_is_still_there_is_not_given_again(
    db: DatabaseManager, workspace: Path
) -> None:
    run = make_run(db, workspace)
    WorkspacePaths(workspace).archived_run(*PLACE, 1, 4).create()
    assert set_aside(db, workspace, run).version == 5


def test_settling_changes_nothing_where_nobody_was_killed(
    db: DatabaseManager, workspace: Path
) -> None:
    set_aside(db, workspace, make_run(db, workspace))
    make_run(db, workspace)
    before = folders_of(workspace)
    settle(db, workspace, PLACE[0])
    settle(db, workspace, "unheard of")
    assert folders_of(workspace) == before


# Killed at any instant.

KILLED_AT_EACH_LINE = """
import os
import functools
import shutil
import signal
import sys
from pathlib import Path

from experiment_manager import archive
from experiment_manager.db.manager import DatabaseManager

template, target, call = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]


def kill_at(line):
    lines_left = line

    def trace(frame, event, _argument):
        nonlocal lines_left
        if frame.f_code.co_filename != archive.__file__:
            return None
        lines_left -= event == "line"
        if lines_left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


def execute(workspace, line):
    with DatabaseManager(str(workspace / "experiments.db"), use_sqlite=True) as db:
        (trial,) = db.list_trials(1)
        (run,) = db.list_archived_runs(trial.id) or db.list_trial_runs(trial.id)
        extra = ("removed",) if call == "archive_run" else ()
        sys.settrace(kill_at(line))
        getattr(archive, call)(db, workspace, "digits", "small", run, *extra)
        sys.settrace(None)


line, was_killed = 0, True
while was_killed:
    workspace = target / str(line)
    shutil.copytree(template, workspace)
    if (child := os.fork()) == 0:
        execute(workspace, line)
        os._exit(0)
    was_killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    line += 1
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Workspaces in which a call was killed: at its first line, its second, ... To be copied."""

    @functools.cache
    def kill(call: str) -> Path:
        folder = tmp_path_factory.mktemp(call)
        template, killed = folder / "template", folder / "killed"
        with open_in(template) as db:
            run = make_run(db, template)
            if call != "archive_run":
                set_aside(db, template, run)
        command = [sys.executable, "-c", KILLED_AT_EACH_LINE, str(template), str(killed), call]
        done = subprocess.run(command, check=False, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
        assert len(list(killed.iterdir())) > 20
        return killed

    return kill


@pytest.fixture
def after_kills(
    killed: Callable[[str], Path], tmp_path: Path
) -> Callable[[str], Iterator[tuple[DatabaseManager, Path]]]:
    """Each database and its workspace, after a call was killed at one of its lines."""

    def copies(call: str) -> Iterator[tuple[DatabaseManager, Path]]:
        shutil.copytree(killed(call), tmp_path / call)
        for workspace in (tmp_path / call).iterdir():
            with open_in(workspace) as db:
                yield db, workspace

    return copies


def open_in(workspace: Path) -> DatabaseManager:
    return DatabaseManager(str(workspace / "experiments.db"), use_sqlite=True)


def assert_whole(db: DatabaseManager, workspace: Path) -> bool:
    """The one run has its folder where it belongs, and nothing else lies about; is it current?"""
    settle(db, workspace, PLACE[0])
    archived = [f"archived/run_1.{run.version}" for run in db.list_archived_runs(1)]
    is_current = db.list_trial_runs(1) != []
    assert folders_of(workspace) == archived + ["run_1"] * is_current
    assert len(archived) + is_current == 1
    assert files_of(db, workspace, 1) == FILES
    assert list_unknown_folders(db, workspace) == []
    return is_current


def test_a_run_is_set_aside_as_a_whole_or_not_at_all(after_kills: AfterKills) -> None:
    outcomes = set()
    for db, workspace in after_kills("archive_run"):
        assert list_unknown_folders(db, workspace) == []
        outcomes.add(assert_whole(db, workspace))
    assert outcomes == {True, False}


def test_setting_aside_again_completes_what_was_killed(after_kills: AfterKills) -> None:
    for db, workspace in after_kills("archive_run"):
        for run in db.list_trial_runs(1):
            set_aside(db, workspace, run)
        assert not assert_whole(db, workspace)
        make_run(db, workspace)
        assert files_of(db, workspace, 1) == FILES


def test_a_run_comes_back_as_a_whole_or_not_at_all(after_kills: AfterKills) -> None:
    outcomes = set()
    for db, workspace in after_kills("restore_run"):
        assert list_unknown_folders(db, workspace) == []
        outcomes.add(assert_whole(db, workspace))
    assert outcomes == {True, False}


def test_deleting_again_completes_what_was_killed(after_kills: AfterKills) -> None:
    is_row_left = set()
    for db, workspace in after_kills("delete_archived"):
        left = db.list_archived_runs(1)
        is_row_left.add(left != [])
        for run in left:
            delete_archived(db, workspace, *PLACE, run)
        for folder in list_unknown_folders(db, workspace):
            delete_folder(folder)
        assert db.list_experiments() == []
        assert [path for path in workspace.rglob("*") if path.suffix in {".log", ".bin"}] == []
    assert is_row_left == {True, False}


def test_a_run_comes_back_whose_deletion_was_killed_before_it_counted(
    after_kills: AfterKills,
) -> None:
    for db, workspace in after_kills("delete_archived"):
        for run in db.list_archived_runs(1):
            restore_run(db, workspace, *PLACE, run)
            assert assert_whole(db, workspace)
