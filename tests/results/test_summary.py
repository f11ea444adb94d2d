"""What a database holds of an experiment, and the statistics over a trial's runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.common.metrics import to_points
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRow, TrialRunRow
from experiment_manager.results.statistics.describe import Summary
from experiment_manager.results.summary import ExperimentSummary, summarize

Record = Callable[..., TrialRunRow]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[DatabaseManager]:
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        yield db


@pytest.fixture
def trial(db: DatabaseManager) -> TrialRow:
    """The first trial of the experiment ``digits``."""
    return db.create_trial(db.create_experiment("digits").id, "small")


@pytest.fixture
def record(db: DatabaseManager, trial: TrialRow) -> Record:
    """Records the next run of a trial, from its start to its end."""

    def run(
        results: Mapping[Any, Any] | None = None,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
        of: TrialRow = trial,
    ) -> TrialRunRow:
        number = len(db.list_trial_runs(of.id)) + 1
        row = db.start_trial_run(of.id, number, seed=number - 1)
        if results is not None:
            db.record_results(row.id, to_points(results))
        db.update_trial_run_status(row.id, status, error)
        return row

    return run


def score(db: DatabaseManager) -> Summary:
    """The statistic of ``score`` over the first trial."""
    return summarize(db, "digits").trials[0].statistic("score")


# The mean over a trial's runs.


def test_the_mean_is_over_the_runs_of_one_trial(
    db: DatabaseManager, trial: TrialRow, record: Record
) -> None:
    other = db.create_trial(trial.experiment_id, "large")
    record({"score": 1})
    record({"score": 2})
    record({"score": 10}, of=other)
    small, large = summarize(db, "digits").trials
    assert (small.statistic("score").n, small.statistic("score").mean) == (2, 1.5)
    assert (large.statistic("score").n, large.statistic("score").mean) == (1, 10.0)


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.STOPPED, RunStatus.SKIPPED])
def test_a_run_that_succeeded_is_in_the_mean(
    db: DatabaseManager, record: Record, status: RunStatus
) -> None:
    record({"score": 1})
    record({"score": 3}, status)
    assert (score(db).n, score(db).mean) == (2, 2.0)


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.ABORTED, RunStatus.RUNNING])
def test_a_run_that_did_not_succeed_is_shown_but_not_in_the_mean(
    db: DatabaseManager, record: Record, status: RunStatus
) -> None:
    record({"score": 1})
    record({"score": 99}, status)
    assert (score(db).n, score(db).mean) == (1, 1.0)
    _, second = summarize(db, "digits").runs
    assert (second.number, second.status, second.metrics) == (2, status, {"score": 99.0})


def test_a_run_without_the_metric_is_not_counted(db: DatabaseManager, record: Record) -> None:
    record({"score": 1})
    record({"loss": 7})
    record()
    assert (score(db).n, score(db).n_missing, score(db).mean) == (1, 2, 1.0)


def test_a_metric_that_no_run_has_is_counted_for_none(db: DatabaseManager, record: Record) -> None:
    record({"loss": 7})
    assert score(db).n == 0


def test_a_run_that_diverged_is_counted_beside_the_mean(
    db: DatabaseManager, record: Record
) -> None:
    record({"score": 1})
    record({"score": math.nan})
    assert (score(db).n, score(db).n_not_finite, score(db).mean) == (1, 1, 1.0)


def test_a_trial_whose_runs_all_failed_has_no_mean(db: DatabaseManager, record: Record) -> None:
    record({"score": 1}, RunStatus.FAILED)
    assert score(db).n == 0
    assert math.isnan(score(db).mean)


# What is known of a run.


def test_a_run_has_its_seed_status_and_duration(db: DatabaseManager, record: Record) -> None:
    row = db.get_trial_run(record({"score": 0.5}).id)
    (run,) = summarize(db, "digits").runs
    assert row is not None
    assert (run.number, run.seed, run.status) == (1, 0, RunStatus.COMPLETED)
    assert run.duration_s == row.duration_s is not None
    assert run.error is None


def test_a_run_that_executes_has_no_duration_yet(db: DatabaseManager, trial: TrialRow) -> None:
    db.start_trial_run(trial.id, 1)
    (run,) = summarize(db, "digits").runs
    assert (run.status, run.duration_s) == (RunStatus.RUNNING, None)


def test_a_run_recorded_by_hand_has_no_seed(db: DatabaseManager, trial: TrialRow) -> None:
    db.create_trial_run(trial.id)
    (run,) = summarize(db, "digits").runs
    assert (run.seed, run.status) == (None, RunStatus.PENDING)


def test_a_failed_run_has_its_traceback(db: DatabaseManager, record: Record) -> None:
    record(status=RunStatus.FAILED, error="Traceback\nValueError: too low")
    (run,) = summarize(db, "digits").runs
    assert run.error == "Traceback\nValueError: too low"


def test_a_runs_metrics_are_its_final_ones(
    db: DatabaseManager, trial: TrialRow, record: Record
) -> None:
    run = record({"score": 0.5})
    db.record_epoch(run.id, 0, to_points({"loss": 1}))
    db.record_batch(run.id, 0, 0, to_points({"batch_loss": 1}))
    db.record_trial_metrics(trial.id, to_points({"of_trial": 1}))
    assert summarize(db, "digits").runs[0].metrics == {"score": 0.5}


def test_a_runs_metrics_are_those_that_are_one_number(db: DatabaseManager, record: Record) -> None:
    record({Metric.TEST_ACC: 0.5, "acc": {"cat": 1}, Metric.CONFUSION: [[3, 1], [0, 4]]})
    assert summarize(db, "digits").runs[0].metrics == {"test_acc": 0.5}


# The experiment as a whole.


def test_an_experiment_that_is_not_there_has_no_trials(db: DatabaseManager) -> None:
    summary = summarize(db, "digits")
    assert summary == ExperimentSummary("digits", ())
    assert summary.metric_names == []


def test_a_trial_without_runs_is_there(db: DatabaseManager, trial: TrialRow) -> None:
    (only,) = summarize(db, "digits").trials
    assert (only.name, only.runs) == (trial.name, ())
    assert only.statistic("score").n == 0


def test_trials_are_in_order_of_creation_and_runs_in_order_of_number(db: DatabaseManager) -> None:
    experiment = db.create_experiment("digits")
    b, a = (db.create_trial(experiment.id, name) for name in ("b", "a"))
    for trial, number in ((a, 1), (b, 10), (b, 2)):
        db.start_trial_run(trial.id, number)
    summary = summarize(db, "digits")
    assert [trial.name for trial in summary.trials] == ["b", "a"]
    assert [run.number for run in summary.runs] == [2, 10, 1]


def test_another_experiment_with_the_same_trial_is_left_out(
    db: DatabaseManager, record: Record
) -> None:
    other = db.create_trial(db.create_experiment("letters").id, "small")
    record({"score": 1})
    record({"score": 99}, of=other)
    assert [run.metrics for run in summarize(db, "digits").runs] == [{"score": 1.0}]
    assert [run.metrics for run in summarize(db, "letters").runs] == [{"score": 99.0}]


def test_the_metrics_of_all_runs_are_named_once_in_order_of_appearance(
    db: DatabaseManager, record: Record
) -> None:
    record({"loss": 1, "acc": 1})
    record({"f1": 1, "loss": 1}, RunStatus.FAILED)
    assert summarize(db, "digits").metric_names == ["loss", "acc", "f1"]


@pytest.mark.parametrize(
    "status", [s for s in RunStatus if s is not RunStatus.LOST], ids=lambda s: s.name
)
def test_it_is_a_success_where_every_run_is(
    db: DatabaseManager, record: Record, status: RunStatus
) -> None:
    record()
    record(status=status)
    assert summarize(db, "digits").is_success is status.is_success
