"""The specification's calls, in the way a user of the library makes them."""

from __future__ import annotations

import math
import threading
from datetime import datetime, timezone

import pytest

from experiment_manager.common import errors
from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import (
    ConnectionError,  # noqa: A004 - the contract's name
    DatabaseError,
    DatabaseManager,
    QueryError,
)
from experiment_manager.db.rows import TrialRunRow

UNKNOWN = 4711


def test_a_whole_experiment_is_written_and_read(db: DatabaseManager) -> None:
    experiment = db.create_experiment("CIFAR-10", "Comparing networks")
    trial = db.create_trial(experiment.id, "ResNet-18")
    run = db.create_trial_run(trial.id, status="running")
    metric = db.record_metric(
        total_val=0.87, metric_type="accuracy", per_label_val={"airplane": 0.85, "car": 0.89}
    )
    db.create_epoch(epoch_idx=1, trial_run_id=run.id)
    db.add_epoch_metric(epoch_idx=1, trial_run_id=run.id, metric_id=metric.id)
    model = db.record_artifact("model", "/path/to/model.pth")
    plot = db.record_artifact("plot", "/path/to/curve.png")
    db.link_experiment_artifact(experiment.id, model.id)
    db.link_epoch_artifact(1, run.id, plot.id)
    db.update_trial_run_status(run.id, "completed")

    assert db.get_experiment_metrics(experiment.id) == [metric]
    assert db.get_experiment_artifacts(experiment.id) == [model]
    assert db.get_trial_artifacts(trial.id) == []
    assert db.get_epoch_artifacts(1, run.id) == [plot]
    ended = db.get_trial_run(run.id)
    assert ended is not None
    assert ended.status == "completed"


def test_a_scalar_metric_has_no_labels(db: DatabaseManager) -> None:
    metric = db.record_metric(0.95, "accuracy")
    assert (metric.type, metric.total_val, metric.per_label_val) == ("accuracy", 0.95, None)


def test_its_errors_are_those_of_the_package() -> None:
    assert (DatabaseError, ConnectionError, QueryError) == (
        errors.DatabaseError,
        errors.ConnectionError,
        errors.QueryError,
    )
    assert issubclass(ConnectionError, DatabaseError)
    assert issubclass(QueryError, DatabaseError)


def test_an_experiment_is_found_again_by_its_title(db: DatabaseManager) -> None:
    first = db.create_experiment("digits", "first words")
    again = db.create_experiment("digits")
    assert (again.id, again.description) == (first.id, "first words")


def test_a_new_description_replaces_the_old_one(db: DatabaseManager) -> None:
    db.create_experiment("digits", "first words")
    assert db.create_experiment("digits", "better words").description == "better words"


def test_a_trial_is_found_again_by_its_name_within_its_experiment(db: DatabaseManager) -> None:
    one, two = db.create_experiment("one"), db.create_experiment("two")
    trial = db.create_trial(one.id, "small")
    assert db.create_trial(one.id, "small") == trial
    assert db.create_trial(two.id, "small").id != trial.id


def test_runs_are_numbered_from_1_within_their_trial(db: DatabaseManager) -> None:
    experiment = db.create_experiment("digits")
    small, large = (db.create_trial(experiment.id, name) for name in ("small", "large"))
    numbers = [db.create_trial_run(trial.id).number for trial in (small, small, large)]
    assert numbers == [1, 2, 1]


def test_a_run_waits_unless_told_otherwise(db: DatabaseManager) -> None:
    trial = db.create_trial(db.create_experiment("digits").id, "small")
    run = db.create_trial_run(trial.id)
    assert (run.status, run.end_time, run.duration_s) == ("pending", None, None)


def test_a_run_number_is_given_once(db: DatabaseManager, run: TrialRunRow) -> None:
    with pytest.raises(QueryError, match="number=1"):
        db.create_trial_run(run.trial_id, number=1)


@pytest.mark.parametrize("status", [RunStatus.STOPPED, "stopped"])
def test_a_status_that_ends_a_run_sets_its_end(
    db: DatabaseManager, run: TrialRunRow, status: RunStatus | str
) -> None:
    db.update_trial_run_status(run.id, status)
    ended = db.get_trial_run(run.id)
    assert ended is not None
    assert ended.status == "stopped"
    assert ended.end_time is not None
    assert ended.duration_s == (ended.end_time - run.start_time).total_seconds()


def test_a_failed_run_keeps_its_traceback(db: DatabaseManager, run: TrialRunRow) -> None:
    db.update_trial_run_status(run.id, "failed", error="Traceback: the loss is “NaN” 💥")
    failed = db.get_trial_run(run.id)
    assert failed is not None
    assert failed.error == "Traceback: the loss is “NaN” 💥"


@pytest.mark.parametrize("status", ["done", "COMPLETED", ""])
def test_an_unknown_status_is_refused(db: DatabaseManager, run: TrialRunRow, status: str) -> None:
    with pytest.raises(QueryError, match="is no status of a run; known: pending"):
        db.update_trial_run_status(run.id, status)
    unchanged = db.get_trial_run(run.id)
    assert unchanged is not None
    assert unchanged.status == "running"


def test_times_are_aware_and_in_utc(db: DatabaseManager) -> None:
    before = datetime.now(timezone.utc)
    experiment = db.create_experiment("digits")
    assert experiment.start_time.tzinfo is timezone.utc
    assert before <= experiment.start_time <= datetime.now(timezone.utc)


WRITES_WITH_UNKNOWN_ID = {
    "create_trial": lambda db: db.create_trial(UNKNOWN, "small"),
    "create_trial_run": lambda db: db.create_trial_run(UNKNOWN),
    "start_trial_run": lambda db: db.start_trial_run(UNKNOWN, 1),
    "create_epoch": lambda db: db.create_epoch(1, UNKNOWN),
    "create_batch": lambda db: db.create_batch(1, 1, UNKNOWN),
    "update_trial_run_status": lambda db: db.update_trial_run_status(UNKNOWN, "completed"),
    "add_experiment_metric": lambda db: db.add_experiment_metric(1, UNKNOWN),
    "add_trial_metric": lambda db: db.add_trial_metric(1, UNKNOWN),
    "add_results_metric": lambda db: db.add_results_metric(1, UNKNOWN),
    "add_epoch_metric": lambda db: db.add_epoch_metric(1, 1, UNKNOWN),
    "link_experiment_artifact": lambda db: db.link_experiment_artifact(1, UNKNOWN),
    "link_trial_artifact": lambda db: db.link_trial_artifact(UNKNOWN, 1),
    "link_trial_run_artifact": lambda db: db.link_trial_run_artifact(UNKNOWN, 1),
    "link_results_artifact": lambda db: db.link_results_artifact(UNKNOWN, 1),
    "link_epoch_artifact": lambda db: db.link_epoch_artifact(UNKNOWN, 1, 1),
    "link_batch_artifact": lambda db: db.link_batch_artifact(UNKNOWN, 1, 1, 1),
    "record_epoch": lambda db: db.record_epoch(UNKNOWN, 1, [MetricPoint("loss", 1.0)]),
    "record_batch": lambda db: db.record_batch(UNKNOWN, 1, 1, [MetricPoint("loss", 1.0)]),
    "record_results": lambda db: db.record_results(UNKNOWN, [MetricPoint("loss", 1.0)]),
    "record_trial_metrics": lambda db: db.record_trial_metrics(UNKNOWN, [MetricPoint("x", 1.0)]),
    "record_experiment_metrics": lambda db: db.record_experiment_metrics(
        UNKNOWN, [MetricPoint("x", 1.0)]
    ),
    "record_trial_run_parameters": lambda db: db.record_trial_run_parameters(UNKNOWN, {"a": 1}),
    "record_trial_parameters": lambda db: db.record_trial_parameters(UNKNOWN, {"a": 1}),
    "record_experiment_parameters": lambda db: db.record_experiment_parameters(UNKNOWN, {"a": 1}),
}


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("call", WRITES_WITH_UNKNOWN_ID)
def test_writing_with_an_unknown_id_names_it_and_leaves_nothing(
    db: DatabaseManager, call: str
) -> None:
    before = db.list_epochs(1), db.get_experiment_metrics(1)
    with pytest.raises(QueryError, match=str(UNKNOWN)) as raised:
        WRITES_WITH_UNKNOWN_ID[call](db)
    assert raised.value.__cause__ is not None or call == "update_trial_run_status"
    assert (db.list_epochs(1), db.get_experiment_metrics(1)) == before
    assert db.list_epochs(UNKNOWN) == []


def test_reading_with_an_unknown_id_finds_nothing(db: DatabaseManager) -> None:
    assert db.get_experiment(UNKNOWN) is None
    assert db.get_trial(UNKNOWN) is None
    assert db.get_trial_run(UNKNOWN) is None
    assert db.find_experiment("nothing") is None
    assert db.list_trials(UNKNOWN) == []
    assert db.list_trial_runs(UNKNOWN) == []
    assert db.get_experiment_metrics(UNKNOWN) == []
    assert db.get_trial_artifacts(UNKNOWN) == []
    assert db.get_epoch_metrics(1, UNKNOWN) == []
    assert db.get_trial_run_parameters(UNKNOWN) == {}


def test_the_same_link_twice_is_one_row(db: DatabaseManager, run: TrialRunRow) -> None:
    artifact, metric = db.record_artifact("model", "a.pt"), db.record_metric(0.5, "loss")
    for _ in range(2):
        db.create_epoch(3, run.id)
        db.link_trial_run_artifact(run.id, artifact.id)
        db.link_results_artifact(run.id, artifact.id)
        db.add_epoch_metric(3, run.id, metric.id)
        db.add_results_metric(run.id, metric.id)
    assert [epoch.idx for epoch in db.list_epochs(run.id)] == [3]
    assert db.get_trial_run_artifacts(run.id) == [artifact]
    assert db.get_results_artifacts(run.id) == [artifact]
    assert db.get_epoch_metrics(3, run.id) == [metric]
    assert db.get_results_metrics(run.id) == [metric]


def test_a_transaction_commits_its_calls_together(
    db: DatabaseManager, file: str, run: TrialRunRow
) -> None:
    with DatabaseManager(str(file), use_sqlite=True) as other, db.transaction():
        db.create_epoch(1, run.id)
        assert other.list_epochs(run.id) == []
    assert len(db.list_epochs(run.id)) == 1


def test_a_transaction_left_by_an_error_leaves_nothing(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    def diverge() -> None:
        with db.transaction():
            db.create_epoch(1, run.id)
            math.exp(1e6)

    with pytest.raises(OverflowError, match="math range"):  # the user's own, as it was
        diverge()
    assert db.list_epochs(run.id) == []


def test_an_inner_transaction_belongs_to_the_outer_one(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    def fail_after_the_inner_one() -> None:
        with db.transaction():
            with db.transaction():
                db.create_epoch(1, run.id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_the_inner_one()
    assert db.list_epochs(run.id) == []


@pytest.mark.parametrize("in_memory", [False, True])
def test_several_threads_share_a_manager(file: str, in_memory: bool) -> None:
    with DatabaseManager(":memory:" if in_memory else str(file), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small")

        def work() -> None:
            for _ in range(10):
                db.record_results(db.create_trial_run(trial.id).id, [MetricPoint("loss", 1.0)])

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [run.number for run in db.list_trial_runs(trial.id)] == list(range(1, 41))
        assert len(db.get_trial_metrics(trial.id)) == 40


def test_a_closed_manager_says_so(db: DatabaseManager, run: TrialRunRow) -> None:
    db.close()
    db.close()
    with pytest.raises(ConnectionError, match="closed"):
        db.list_experiments()
    with pytest.raises(ConnectionError, match="closed"):
        db.create_epoch(1, run.id)
    with pytest.raises(ConnectionError, match="closed"), db.transaction():
        pass
