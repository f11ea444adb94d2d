"""Runs of all experiments at once: found by a condition, and counted."""

from __future__ import annotations

import pytest
from sqlalchemy import true

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRunRow
from experiment_manager.db.schema import EXPERIMENT, TRIAL, TRIAL_RUN
from experiment_manager.db.selection_calls import IDS_AT_ONCE


def test_runs_are_found_by_a_condition_on_any_of_the_three_tables(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    db.create_trial(db.create_experiment("other").id, "small_network")
    condition = (EXPERIMENT.c.title == "digits") & (TRIAL.c.name != "x") & (TRIAL_RUN.c.seed == 7)
    (found,) = db.select_runs(condition)
    assert (found.experiment, found.trial.name, found.run) == ("digits", "small_network", run)
    assert db.count_runs(condition) == 1


def test_they_come_by_experiment_trial_and_number(db: DatabaseManager, run: TrialRunRow) -> None:
    other = db.create_trial(db.create_experiment("another").id, "a").id
    db.create_trial_run(other)
    db.create_trial_run(run.trial_id, number=3)
    db.create_trial_run(run.trial_id, number=2)
    found = db.select_runs(true())
    assert [(one.experiment, one.run.number) for one in found] == [
        ("digits", 1),
        ("digits", 2),
        ("digits", 3),
        ("another", 1),
    ]
    assert db.select_runs(true(), limit=2) == found[:2]


def test_values_of_more_runs_than_fit_in_a_statement_are_found(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    with db.transaction():
        others = [db.create_trial_run(run.trial_id).id for _ in range(IDS_AT_ONCE)]
    ids = [run.id, *others]
    db.record_epoch(ids[0], 0, [MetricPoint("loss", 0.5), MetricPoint("acc", 0.25)])
    db.record_epoch(ids[-1], 0, [MetricPoint("loss", 1.5)])
    db.record_trial_run_parameters(ids[0], {"lr": 0.1, "epochs": 3})
    db.record_trial_run_parameters(ids[-1], {"lr": None})
    assert db.get_latest_values(ids) == {
        ids[0]: {"acc": 0.25, "loss": 0.5},
        ids[-1]: {"loss": 1.5},
    }
    assert db.get_latest_values(ids, ["acc"]) == {ids[0]: {"acc": 0.25}}
    assert db.get_parameters_of_runs(ids) == {
        ids[0]: {"epochs": 3, "lr": 0.1},
        ids[-1]: {"lr": None},
    }
    assert db.get_parameters_of_runs(ids, ["epochs"]) == {ids[0]: {"epochs": 3}}


def test_names_are_listed_once(db: DatabaseManager, run: TrialRunRow) -> None:
    second = db.create_trial_run(run.trial_id)
    for one in (run, second):
        db.record_epoch(one.id, 0, [MetricPoint("loss", 0.5), MetricPoint("acc", 0.25)])
        db.record_trial_run_parameters(one.id, {"lr": 0.1, "epochs": 3})
    assert db.list_metric_names() == ["acc", "loss"]
    assert db.list_parameter_names() == ["epochs", "lr"]


def test_trials_and_runs_are_counted_by_experiment(db: DatabaseManager, run: TrialRunRow) -> None:
    digits = db.create_experiment("digits").id
    db.create_trial(digits, "large")
    db.create_experiment("empty")
    db.create_trial_run(run.trial_id, "failed")
    db.create_trial_run(run.trial_id, "running")
    assert db.count_trials() == {digits: 2}
    assert db.count_runs_by_status() == {digits: {"running": 2, "failed": 1}}


def test_nothing_is_found_in_an_empty_database(db: DatabaseManager) -> None:
    assert db.select_runs(true()) == []
    assert db.count_runs(true()) == 0
    assert (db.count_trials(), db.count_runs_by_status()) == ({}, {})
    assert (db.get_latest_values([]), db.get_parameters_of_runs([])) == ({}, {})


@pytest.mark.parametrize("name", ["mariadb", "postgres"])
def test_servers_count_the_same(name: str, request: pytest.FixtureRequest) -> None:
    with DatabaseManager.from_url(request.getfixturevalue(name).create_database()) as db:
        experiment = db.create_experiment("digits").id
        trial = db.create_trial(experiment, "small").id
        for status in ("running", "failed", "running"):
            db.create_trial_run(trial, status)
        assert db.count_trials() == {experiment: 1}
        counts = db.count_runs_by_status()
    assert list(counts[experiment].items()) == [("running", 2), ("failed", 1)]
