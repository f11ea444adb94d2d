"""What the database is told of a run whose process could not tell it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.common.reasons import INTERRUPTED, LOST
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.execution.remote import settled_result
from experiment_manager.executors.executor import Executor, RunHandle, unsuccessful
from experiment_manager.executors.serial import SerialExecutor
from experiment_manager.testing.configs import create_spec
from experiment_manager.testing.executor_contract import note_run

ME = ProcessIdentity.current()
GONE = replace(ME, pid=2**40)  # more than any system has


@pytest.fixture
def db(tmp_path: Path) -> Iterator[DatabaseManager]:
    with DatabaseManager.from_url(f"sqlite:///{tmp_path / 'experiments.db'}") as db:
        yield db


class Ending(SerialExecutor):
    """Ends a run as it is told."""

    def ended(self, workspace: Path, reason: str, process: ProcessIdentity | None) -> RunHandle:
        handle = RunHandle(create_spec(workspace), self)
        handle.process = process
        self._end(handle, unsuccessful(handle.spec, reason, "in a test"), is_recorded=False)
        return handle


def begin(db: DatabaseManager, process: ProcessIdentity) -> None:
    """The row of a run that a process has begun, and its lease."""
    trial = db.create_trial(db.create_experiment("contract").id, "first")
    db.claim_trial_run(trial.id, 1, process)
    db.start_trial_run(trial.id, 1)


def status(db: DatabaseManager) -> str:
    ((_, run),) = db.list_runs(1)
    return run.status


@pytest.fixture
def executor() -> Executor:
    return Ending(note_run)


@pytest.mark.parametrize("known", [GONE, None])
def test_a_run_whose_process_is_gone_is_recorded_as_it_ended(
    tmp_path: Path, db: DatabaseManager, executor: Ending, known: ProcessIdentity | None
) -> None:
    begin(db, GONE)
    handle = executor.ended(tmp_path, INTERRUPTED, known)
    assert settled_result(handle, db).status is RunStatus.ABORTED
    assert status(db) == "aborted"


def test_a_run_that_another_process_has_is_left_to_it(
    tmp_path: Path, db: DatabaseManager, executor: Ending
) -> None:
    begin(db, ME)
    handle = executor.ended(tmp_path, LOST, None)
    assert settled_result(handle, db).status is RunStatus.FAILED
    assert status(db) == "running"


def test_a_run_that_nobody_has_begun_is_none_of_the_database(
    tmp_path: Path, db: DatabaseManager, executor: Ending
) -> None:
    handle = executor.ended(tmp_path, INTERRUPTED, None)
    assert settled_result(handle, db) == handle.result()
