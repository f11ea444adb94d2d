"""Each level's rows are found, in order, and only those."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import MetricRow, TrialRunRow


def points(*names: str) -> list[MetricPoint]:
    return [MetricPoint(name, 1.0) for name in names]


def names(metrics: list[MetricRow]) -> list[str]:
    return [metric.type for metric in metrics]


@pytest.fixture
def filled(db: DatabaseManager, run: TrialRunRow) -> DatabaseManager:
    """A metric at each level of one branch, and a neighbour at each level with one of its own."""
    db.record_experiment_metrics(1, points("experiment"))
    db.record_trial_metrics(run.trial_id, points("trial"))
    db.record_epoch(run.id, 1, points("epoch"))
    db.record_batch(run.id, 1, 1, points("batch"))
    db.record_results(run.id, points("results"))
    sibling_run = db.start_trial_run(run.trial_id, 2)
    db.record_results(sibling_run.id, points("sibling_run"))
    sibling_trial = db.create_trial(1, "large_network")
    db.record_trial_metrics(sibling_trial.id, points("sibling_trial"))
    db.record_experiment_metrics(db.create_experiment("other").id, points("other_experiment"))
    return db


def test_a_run_has_the_metrics_of_its_results_epochs_and_batches(filled: DatabaseManager) -> None:
    assert names(filled.get_trial_run_metrics(1)) == ["epoch", "batch", "results"]


def test_a_trial_has_its_own_metrics_and_those_of_its_runs(filled: DatabaseManager) -> None:
    expected = ["trial", "epoch", "batch", "results", "sibling_run"]
    assert names(filled.get_trial_metrics(1)) == expected


def test_an_experiment_has_all_metrics_at_and_below_it(filled: DatabaseManager) -> None:
    expected = ["experiment", "trial", "epoch", "batch", "results", "sibling_run", "sibling_trial"]
    assert names(filled.get_experiment_metrics(1)) == expected


def test_results_epochs_and_batches_have_their_own_metrics(filled: DatabaseManager) -> None:
    assert names(filled.get_results_metrics(1)) == ["results"]
    assert names(filled.get_epoch_metrics(1, 1)) == ["epoch"]
    assert names(filled.get_batch_metrics(1, 1, 1)) == ["batch"]


def test_a_metric_with_two_owners_is_given_once(db: DatabaseManager, run: TrialRunRow) -> None:
    metric = db.record_metric(0.1, "best_loss")
    db.create_epoch(1, run.id)
    db.add_epoch_metric(1, run.id, metric.id)
    db.add_results_metric(run.id, metric.id)
    db.add_experiment_metric(1, metric.id)
    assert db.get_trial_run_metrics(run.id) == [metric]
    assert db.get_experiment_metrics(1) == [metric]


def test_artifacts_belong_to_the_level_they_were_linked_at(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    artifact = {
        level: db.record_artifact("file", f"{level}.txt")
        for level in ("experiment", "trial", "run", "results", "epoch", "batch")
    }
    db.create_batch(1, 1, run.id)
    db.link_experiment_artifact(1, artifact["experiment"].id)
    db.link_trial_artifact(run.trial_id, artifact["trial"].id)
    db.link_trial_run_artifact(run.id, artifact["run"].id)
    db.link_results_artifact(run.id, artifact["results"].id)
    db.link_epoch_artifact(1, run.id, artifact["epoch"].id)
    db.link_batch_artifact(1, 1, run.id, artifact["batch"].id)
    assert db.get_experiment_artifacts(1) == [artifact["experiment"]]
    assert db.get_trial_artifacts(run.trial_id) == [artifact["trial"]]
    assert db.get_trial_run_artifacts(run.id) == [artifact["run"]]
    assert db.get_results_artifacts(run.id) == [artifact["results"]]
    assert db.get_epoch_artifacts(1, run.id) == [artifact["epoch"]]
    assert db.get_batch_artifacts(1, 1, run.id) == [artifact["batch"]]


def test_experiments_and_trials_are_listed_in_order_of_their_creation(db: DatabaseManager) -> None:
    experiments = [db.create_experiment(title) for title in ("b", "a", "c")]
    trials = [db.create_trial(experiments[1].id, name) for name in ("y", "x")]
    assert db.list_experiments() == experiments
    assert db.list_trials(experiments[1].id) == trials
    assert db.get_experiment(experiments[2].id) == experiments[2]
    assert db.get_trial(trials[0].id) == trials[0]


def test_runs_are_listed_beside_their_trial_in_order_of_their_numbers(db: DatabaseManager) -> None:
    experiment = db.create_experiment("digits")
    b, a = (db.create_trial(experiment.id, name) for name in ("b", "a"))
    started = [(a, 1), (b, 2), (b, 1)]
    for trial, number in started:
        db.start_trial_run(trial.id, number)
    db.start_trial_run(db.create_trial(db.create_experiment("other").id, "a").id, 1)
    found = [(trial, run.number) for trial, run in db.list_runs(experiment.id)]
    assert found == [(b, 1), (b, 2), (a, 1)]
    assert [run.number for run in db.list_trial_runs(b.id)] == [1, 2]


def test_epochs_and_their_history_are_in_order_of_the_index(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    for epoch in (10, 2, 1):
        db.record_epoch(run.id, epoch, points("loss", "acc"))
    assert [epoch.idx for epoch in db.list_epochs(run.id)] == [1, 2, 10]
    history = [(epoch, metric.type) for epoch, metric in db.get_epoch_history(run.id)]
    assert history == [(epoch, name) for epoch in (1, 2, 10) for name in ("loss", "acc")]


def test_final_metrics_name_the_run_they_belong_to(filled: DatabaseManager) -> None:
    final = [(run_id, metric.type) for run_id, metric in filled.get_final_metrics(1)]
    assert final == [(1, "results"), (2, "sibling_run")]


@pytest.mark.parametrize(
    "read",
    [
        lambda db: db.list_runs(1),
        lambda db: db.get_final_metrics(1),
        lambda db: db.get_epoch_history(1),
        lambda db: db.get_experiment_metrics(1),
    ],
    ids=["list_runs", "get_final_metrics", "get_epoch_history", "get_experiment_metrics"],
)
def test_what_the_summary_reads_takes_no_query_for_each_run(
    filled: DatabaseManager, read: Callable[[DatabaseManager], Any]
) -> None:
    statements: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(filled._engine, "before_cursor_execute", keep)
    assert read(filled)
    selects = [statement for statement in statements if statement.startswith("SELECT")]
    assert len([statement for statement in selects if '"LEASE"' not in statement]) == 1


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT metric_id FROM EPOCH_METRIC WHERE trial_run_id = 1",
        "SELECT metric_id FROM BATCH_METRIC WHERE trial_run_id = 1",
        "SELECT metric_id FROM RESULTS_METRIC WHERE trial_run_id = 1",
        "SELECT 1 FROM EPOCH_METRIC WHERE metric_id = 1",
        "SELECT id FROM TRIAL WHERE experiment_id = 1",
        "SELECT id FROM TRIAL_RUN WHERE trial_id = 1",
        "SELECT trial_run_id FROM TRIAL_RUN_PARAMETER WHERE name = 'lr' AND number > 0.1",
    ],
)
def test_a_read_finds_an_index(rows: Callable[..., list[tuple[Any, ...]]], sql: str) -> None:
    plan = [row[-1] for row in rows(f"EXPLAIN QUERY PLAN {sql}")]
    assert all("USING" in step and "INDEX" in step for step in plan), plan
