"""A check finds what is wrong, once it is, and changes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.archive import archive_run, restore_run
from experiment_manager.audit.check import FileCheck, check_files
from experiment_manager.common.errors import ExperimentManagerError
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.config.paths import WorkspacePaths
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import JournalRow
from experiment_manager.pipelines.checkpoint_folder import FOLDER

PLACE = ("digits", "small")


# Nothing.


def test_of_a_database_without_experiments_nothing_is_found(work: Any) -> None:
    assert work.check() == FileCheck()


def test_of_runs_with_their_files_current_or_set_aside_nothing_is_found(work: Any) -> None:
    for number in (1, 2):
        work.add_file(work.make_run(number), "curve.png")
    work.set_aside(work.db.list_trial_runs(1)[0])
    assert work.check() == FileCheck()


def test_what_users_and_trackers_put_there_needs_no_row(work: Any) -> None:
    run = work.run(work.make_run().number)
    others = ["my_plots", "mlruns/0/meta", "tensorboard/digits/small/run_9", "digits/notes"]
    for folder in [*others, "digits/trials/small/fold_1", "digits/trials/small/archived/notes"]:
        (work.path / folder).mkdir(parents=True)
    for file in (run.artifacts / "model.onnx", run.logs / "a.log", run.root / "mlflow_run_id"):
        file.touch()
    (run.artifacts / FOLDER).mkdir()
    (run.artifacts / FOLDER / "mine.ckpt").touch()
    (work.path / "experiments.db.version_2.bak").touch()
    assert work.check() == FileCheck()


# What is being executed.


def test_of_a_run_that_is_running_nothing_is_missing(work: Any) -> None:
    work.add_file(work.make_run(1, "running"), "checkpoint.pt").unlink()
    assert work.found() == []


def test_of_an_experiment_that_is_being_executed_only_what_is_done_is_looked_at(
    work: Any,
) -> None:
    for number, status in enumerate(("failed", "completed"), start=1):
        work.add_file(work.make_run(number, status), "curve.png").unlink()
    work.run(3).create()
    lease = work.db.take_experiment(1, ProcessIdentity.current())
    assert work.found() == [("missing file", "digits/small/2")]
    assert work.check().notes[0].endswith(": digits")
    work.db.give_back(lease)
    assert len(work.found()) == 3


class Meanwhile(DatabaseManager):
    """A database in which another process sets a run aside when all rows have been read."""

    def list_journals(self) -> list[JournalRow]:
        with DatabaseManager.from_url(self.url) as db:
            for run in db.list_trial_runs(1):
                archive_run(db, Path(self.url.removeprefix("sqlite:///")).parent, *PLACE, run, "x")
        return super().list_journals()


def test_what_is_moved_during_the_check_is_not_missing(work: Any) -> None:
    work.add_file(work.make_run(), "curve.png")
    file = work.path.resolve() / "experiments.db"
    with Meanwhile(str(file), use_sqlite=True, read_only=True) as db:
        assert check_files(db, {PLACE[0]: work.path}).findings == ()
    restore_run(work.db, work.path, *PLACE, work.db.list_archived_runs(1)[0])


# Several workspaces.


def test_each_experiment_is_looked_for_in_its_own_workspace(work: Any, tmp_path: Path) -> None:
    work.make_run()
    trial = work.db.create_trial(work.db.create_experiment("other").id, "only")
    work.db.create_trial_run(trial.id, "completed", config_hash="abc")
    other = tmp_path / "other"
    WorkspacePaths(other).run("other", "only", 1).create()
    assert check_files(work.db, {PLACE[0]: work.path, "other": other}).findings == ()
    (finding,) = check_files(work.db, {PLACE[0]: other}).findings
    assert finding.name == "digits"


def test_an_experiment_without_a_workspace_is_left_out(work: Any) -> None:
    work.make_run()
    work.run().root.rename(work.path / "lost")
    assert check_files(work.db, {}).findings == ()


def test_a_folder_that_cannot_be_read_is_an_error(work: Any) -> None:
    work.make_run()
    folder = work.run().artifacts
    folder.rmdir()
    folder.symlink_to(folder.name)  # round and round
    with pytest.raises(ExperimentManagerError, match=r"artifacts cannot be looked into: .*links"):
        work.check()


def test_a_check_changes_nothing(work: Any) -> None:
    work.add_file(work.make_run(), "curve.png").unlink()
    (work.run().root / "journal_0123456789ab.torn").touch()
    before = {path: os.lstat(path).st_mtime_ns for path in work.path.resolve().rglob("*")}
    assert len(work.found()) == 2
    assert {path: os.lstat(path).st_mtime_ns for path in work.path.resolve().rglob("*")} == before
