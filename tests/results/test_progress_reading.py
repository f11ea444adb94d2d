"""The progress of an experiment is what its database says, and nothing that it does not say."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ExperimentRow
from experiment_manager.results.progress import ExperimentProgress
from experiment_manager.results.progress_reading import MOST_FAILURES, read_progress

ME = ProcessIdentity.current()
VANISHED = replace(ME, pid=2**40)
LONG_AGO = datetime(2026, 11, 1, tzinfo=timezone.utc)
HOUR_S = 3600.0
TRACEBACK = (
    'Traceback (most recent call last):\n  File "t.py", line 1, in run\nValueError: too low'
)
_titles = itertools.count()


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "postgres"])
def db(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseManager]:
    """A database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('progress')}/experiments.db"
    else:
        url = request.getfixturevalue(request.param).create_database()
    with DatabaseManager.from_url(url) as db:
        yield db


class Executed:
    """An experiment, and what is executed of it."""

    def __init__(self, db: DatabaseManager) -> None:
        self._db = db
        self.row: ExperimentRow = db.create_experiment(f"digits {next(_titles)}")

    def trial(self, name: str) -> int:
        return self._db.create_trial(self.row.id, name).id

    def begin(self, trial: str, number: int, *, process: ProcessIdentity = ME) -> int:
        trial_id = self.trial(trial)
        self._db.claim_trial_run(trial_id, number, process)
        return self._db.start_trial_run(trial_id, number).id

    def execute(
        self,
        trial: str,
        number: int,
        status: str = "completed",
        *,
        hours: float = 1,
        begun: datetime = LONG_AGO,
        error: str | None = None,
        **results: float,
    ) -> int:
        run_id = self.begin(trial, number)
        points = [MetricPoint(name, value) for name, value in results.items()]
        self._db.record_results(run_id, points)
        self._db.update_trial_run_status(run_id, status, error)
        self._db.update_trial_run_times(run_id, begun, begun + timedelta(hours=hours))
        return run_id

    def progress(self, **planned: int) -> ExperimentProgress:
        return read_progress(self._db, self.row, planned.get)


@pytest.fixture
def executed(db: DatabaseManager) -> Executed:
    """An experiment of which nothing was executed yet, in a database with others."""
    return Executed(db)


# What there is.


def test_runs_are_counted_by_trial_and_status_and_what_was_not_begun_is_pending(
    executed: Executed,
) -> None:
    executed.execute("small", 1)
    executed.execute("small", 2, "stopped")
    executed.execute("small", 3, "failed")
    executed.begin("large", 1)
    executed.trial("wide")
    progress = executed.progress(small=3, large=2, wide=4)
    assert [(trial.name, trial.planned, dict(trial.states)) for trial in progress.trials] == [
        ("small", 3, {RunStatus.COMPLETED: 1, RunStatus.STOPPED: 1, RunStatus.FAILED: 1}),
        ("large", 2, {RunStatus.RUNNING: 1, RunStatus.PENDING: 1}),
        ("wide", 4, {RunStatus.PENDING: 4}),
    ]
    assert [(trial.done, trial.failed, trial.is_done) for trial in progress.trials] == [
        (2, 1, False),
        (0, 0, False),
        (0, 0, False),
    ]
    assert progress.planned == 9
    assert progress.states[RunStatus.PENDING] == 5


def test_what_was_planned_may_be_unknown(executed: Executed) -> None:
    executed.execute("small", 1)
    executed.execute("large", 1)
    progress = executed.progress(large=1)
    small, large = progress.trials
    assert (small.planned, small.is_done, small.eta_s) == (None, False, None)
    assert (large.planned, large.is_done, large.eta_s) == (1, True, 0.0)
    assert (progress.planned, progress.eta_s) == (None, None)
    assert progress.states == {RunStatus.COMPLETED: 2}


def test_runs_beyond_the_plan_count(executed: Executed) -> None:
    for number in (1, 2, 3):
        executed.execute("small", number)
    (small,) = executed.progress(small=2).trials
    assert (small.done, small.planned) == (3, 3)


def test_runs_that_were_set_aside_do_not_count(db: DatabaseManager, executed: Executed) -> None:
    executed.execute("small", 1)
    db.archive_run(executed.execute("small", 2, "failed"), "removed")
    db.archive_run(executed.execute("large", 1, "failed"), "removed")
    progress = executed.progress(small=2, large=1)
    assert [trial.name for trial in progress.trials] == ["small"]
    assert progress.states == {RunStatus.COMPLETED: 1, RunStatus.PENDING: 1}
    assert progress.failures == ()


def test_a_run_whose_process_has_vanished_is_lost_and_not_running(executed: Executed) -> None:
    executed.begin("small", 1, process=VANISHED)
    progress = executed.progress(small=1)
    (small,) = progress.trials
    assert (small.states, small.running, small.failed) == ({RunStatus.LOST: 1}, (), 1)
    (failure,) = progress.failures
    assert (failure.run, failure.status, failure.exception) == (1, RunStatus.LOST, None)
    assert not progress.is_active


def test_a_running_run_tells_how_far_it_is(db: DatabaseManager, executed: Executed) -> None:
    run_id = executed.begin("small", 2)
    db.record_trial_run_parameters(run_id, {"epochs": 20})
    db.record_epoch(run_id, 0, [MetricPoint("val_loss", 0.5)])
    db.record_epoch(run_id, 1, [MetricPoint("val_loss", 0.25)])
    executed.begin("small", 3)
    progress = executed.progress()
    ((second, third),) = (trial.running for trial in progress.trials)
    assert (second.number, second.epochs, second.epochs_planned) == (2, 2, 20)
    assert second.metrics == {"val_loss": 0.25}
    assert (third.number, third.epochs, third.epochs_planned, third.metrics) == (3, 0, None, {})
    assert progress.metric_names == {"val_loss"}


# The metric.


def test_the_result_is_that_of_the_runs_that_succeeded(executed: Executed) -> None:
    executed.execute("small", 1, test_acc=0.5)
    executed.execute("small", 2, test_acc=0.75)
    executed.execute("small", 3, "failed", test_acc=0.0)
    executed.execute("small", 4, test_acc=math.nan)
    executed.execute("large", 1, "failed", test_acc=0.0)
    progress = executed.progress()
    assert progress.metric == "test_acc"
    small, large = (trial.result for trial in progress.trials)
    assert (small.n, small.n_not_finite, small.mean) == (2, 1, 0.625)
    assert (large.n, large.n_runs) == (0, 0)


def test_the_metric_is_chosen_among_the_final_results_of_the_last_success(
    db: DatabaseManager, executed: Executed
) -> None:
    executed.execute("small", 1, old=1.0)
    last = executed.execute("small", 2, begun=LONG_AGO + timedelta(days=1), score=2.0)
    db.record_epoch(last, 0, [MetricPoint("loss", 0.5)])
    progress = read_progress(db, executed.row, choose_metric="/".join)
    assert progress.metric == "score"


def test_without_final_results_it_is_chosen_among_what_the_epochs_recorded(
    db: DatabaseManager, executed: Executed
) -> None:
    db.record_epoch(executed.execute("small", 1), 0, [MetricPoint("loss", 0.5)])
    progress = executed.progress()
    assert (progress.metric, progress.trials[0].result.mean) == ("loss", 0.5)


# Failures.


def test_the_last_failures_come_first_with_their_exception(executed: Executed) -> None:
    executed.execute("small", 1, "failed", error=TRACEBACK)
    executed.execute("small", 2, "aborted", begun=LONG_AGO + timedelta(days=1))
    aborted, failed = executed.progress().failures
    assert (aborted.run, aborted.status, aborted.exception) == (2, RunStatus.ABORTED, None)
    assert (failed.trial, failed.run, failed.exception) == ("small", 1, "ValueError: too low")
    assert failed.time == LONG_AGO + timedelta(hours=1)


def test_so_many_failures_are_told_as_a_screen_shows_and_all_are_counted(
    db: DatabaseManager, executed: Executed
) -> None:
    with db.transaction():
        for number in range(1, MOST_FAILURES + 6):
            executed.execute("small", number, "failed")
    progress = executed.progress()
    assert len(progress.failures) == MOST_FAILURES
    assert progress.trials[0].failed == MOST_FAILURES + 5


# Who is at it, and when all is done.


def test_it_is_active_while_a_process_holds_it_or_executes_a_run(
    db: DatabaseManager, executed: Executed
) -> None:
    run_id = executed.begin("small", 1)
    assert executed.progress().is_active
    db.update_trial_run_status(run_id, "completed")
    assert not executed.progress().is_active
    lease = db.take_experiment(executed.row.id, ME)
    assert executed.progress().processes == (ME,)
    assert executed.progress().is_active
    db.give_back(lease)
    assert not executed.progress().is_active


def test_a_holder_that_has_vanished_executes_nothing(
    db: DatabaseManager, executed: Executed
) -> None:
    executed.execute("small", 1)
    db.take_experiment(executed.row.id, VANISHED)
    progress = executed.progress(small=2)
    assert (progress.is_active, progress.eta_s) == (False, None)


def test_what_is_left_takes_as_long_as_what_is_done(
    db: DatabaseManager, executed: Executed
) -> None:
    executed.execute("small", 1, hours=1)
    executed.execute("small", 2, hours=3)
    executed.trial("large")
    db.take_experiment(executed.row.id, ME)
    progress = executed.progress(small=3, large=2)
    assert [trial.eta_s for trial in progress.trials] == [2 * HOUR_S, 6 * HOUR_S]
    assert progress.eta_s == 6 * HOUR_S


def test_what_took_several_attempts_tells_no_time(db: DatabaseManager, executed: Executed) -> None:
    db.take_experiment(executed.row.id, ME)
    executed.execute("small", 1, "failed", hours=3)
    executed.execute("small", 1, hours=1)
    assert executed.progress(small=3).eta_s is None
    executed.execute("small", 2, hours=4)
    assert executed.progress(small=3).eta_s == 4 * HOUR_S


def test_failures_from_before_the_execution_are_tried_again_and_its_own_are_not(
    db: DatabaseManager, executed: Executed
) -> None:
    executed.execute("small", 1)
    executed.execute("small", 2, "failed")
    lost = executed.begin("small", 3, process=VANISHED)
    db.update_trial_run_times(lost, LONG_AGO, None)
    db.take_experiment(executed.row.id, ME)
    assert executed.progress(small=3).eta_s == 2 * HOUR_S
    later = datetime.now(timezone.utc) + timedelta(seconds=1)
    executed.execute("small", 2, "failed", begun=later, hours=0)
    assert executed.progress(small=3).eta_s == HOUR_S


def test_runs_that_are_executed_at_the_same_time_share_what_is_left(
    db: DatabaseManager, executed: Executed
) -> None:
    executed.execute("small", 1, hours=1)
    db.take_experiment(executed.row.id, ME)
    executed.begin("small", 2)
    executed.begin("small", 3)
    eta_s = executed.progress(small=9).eta_s
    assert eta_s == pytest.approx(4 * HOUR_S, abs=HOUR_S / 2)


def test_without_anybody_at_it_nobody_can_tell_when_it_will_be_done(executed: Executed) -> None:
    executed.execute("small", 1)
    assert executed.progress(small=2).eta_s is None
    assert executed.progress(small=1).eta_s == 0.0
