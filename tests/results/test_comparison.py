"""Two runs, or two trials, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.comparison import Differences, run_side, trial_side
from experiment_manager.results.selection import select_runs


def test_differences_are_sorted_by_name_into_changed_and_one_sided() -> None:
    found = Differences.between({"b": 1, "a": 1, "x": 1, "e": 0}, {"a": 2, "b": 2, "y": 2, "e": 0})
    assert list(found.changed.items()) == [("a", (1, 2)), ("b", (1, 2))]
    assert (found.only_left, found.only_right, found.equal) == ({"x": 1}, {"y": 2}, 1)


@pytest.mark.parametrize(("left", "right"), [(1, 1.0), (math.nan, math.nan), ([1], [1])])
def test_equal_values_are_no_difference(left: object, right: object) -> None:
    assert Differences.between({"a": left}, {"a": right}).equal == 1


@pytest.mark.parametrize(("left", "right"), [(1, True), (0, None), ("1", 1), (math.nan, 1.0)])
def test_values_of_different_meaning_differ(left: object, right: object) -> None:
    assert Differences.between({"a": left}, {"a": right}).changed == {"a": (left, right)}


@pytest.fixture
def db() -> Iterator[DatabaseManager]:
    """Three runs of a trial, the last one failed."""
    with DatabaseManager(":memory:", use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small").id
        for number, status, acc in ((1, "completed", 0.5), (2, "stopped", 1), (3, "failed", 9)):
            run = db.start_trial_run(trial, number).id
            db.record_trial_run_parameters(run, {"number": number})
            db.record_results(run, [MetricPoint("acc", acc)])
            db.record_provenance(run, {"host": f"node{number}"})
            db.update_trial_run_status(run, status)
        yield db


def test_a_run_is_what_it_recorded_last(db: DatabaseManager) -> None:
    (run,) = select_runs(db, "run = 3")
    side = run_side(db, run)
    assert (side.runs, side.metrics, side.provenance) == (1, {"acc": 9.0}, {"host": "node3"})


def test_a_trial_is_the_mean_of_its_successes_and_else_its_first_run(db: DatabaseManager) -> None:
    side = trial_side(db, select_runs(db))
    assert (side.runs, side.metrics) == (2, {"acc": 0.75})
    assert (side.params, side.provenance) == ({"number": 1}, {"host": "node1"})
