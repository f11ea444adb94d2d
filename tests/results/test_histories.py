"""Two executions of one run, compared value by value."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRunRow
from experiment_manager.results.histories import (
    Agreement,
    Deviation,
    History,
    Place,
    Verdict,
    compare_values,
    load_history,
)

LOSS = [Place(epoch, None, "loss") for epoch in range(3)]
RESULT = Place(None, None, "test_acc")
EVERY_NUMBER = {LOSS[0]: 0.5, LOSS[1]: 0.25, RESULT: 0.75}


def history(
    values: dict[Place, float], status: RunStatus = RunStatus.COMPLETED, reason: str | None = None
) -> History:
    return History(status, reason, len({p.epoch for p in values} - {None}), values)


def agreement(
    original: dict[Place, float], repeated: dict[Place, float], tolerance: float = 0.0
) -> Agreement:
    return Agreement.between(history(original), history(repeated), tolerance)


# What is equal.


def test_the_same_values_are_identical() -> None:
    found = agreement(EVERY_NUMBER, dict(EVERY_NUMBER))
    assert (found.verdict, found.first, found.values.largest) == (Verdict.IDENTICAL, None, None)
    assert (found.values.total, found.values.equal) == (3, 3)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, 1e308])
def test_a_value_is_equal_to_itself_also_where_it_is_no_number(value: float) -> None:
    assert compare_values({RESULT: value}, {RESULT: value}).deviations == ()


def test_histories_without_values_are_identical() -> None:
    assert agreement({}, {}).verdict is Verdict.IDENTICAL


# What deviates, and how far.


@pytest.mark.parametrize(
    ("original", "repeated", "size"),
    [
        (0.0, 0.5, 0.5),
        (1.0, 1.5, 0.25),
        (-3.0, -1.0, 0.5),
        (1.0, math.nan, math.inf),
        (math.inf, -math.inf, math.inf),
        (math.inf, 1.0, math.inf),
        (None, 1.0, math.inf),
        (1.0, None, math.inf),
    ],
)
def test_a_deviation_is_absolute_for_small_and_relative_for_large_numbers(
    original: float | None, repeated: float | None, size: float
) -> None:
    assert Deviation(RESULT, original, repeated).size == size


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1))
def test_within_tolerance_is_just_what_is_said_of_it(
    original: float, repeated: float, tolerance: float
) -> None:
    found = agreement({RESULT: original}, {RESULT: repeated}, tolerance)
    is_within = abs(repeated - original) / (1 + abs(original)) <= tolerance
    assert (found.verdict is not Verdict.DIFFERENT) is (original == repeated or is_within)


def test_small_deviations_are_within_the_tolerance_and_the_largest_one_is_told() -> None:
    found = agreement(EVERY_NUMBER, {**EVERY_NUMBER, LOSS[0]: 0.5 + 3e-9, RESULT: 0.75 + 7e-9}, 1)
    assert (found.verdict, found.first, found.values.equal) == (Verdict.WITHIN_TOLERANCE, None, 1)
    assert found.values.largest is not None
    assert found.values.largest.place == RESULT


def test_the_first_difference_is_the_first_in_time() -> None:
    original = {RESULT: 1.0, LOSS[2]: 1.0, LOSS[0]: 1.0, LOSS[1]: 1.0}
    found = agreement(original, {**original, LOSS[1]: 2.0, LOSS[2]: 9.0, RESULT: 9.0})
    assert found.first == Deviation(LOSS[1], 1.0, 2.0)


def test_the_first_difference_is_the_first_beyond_the_tolerance() -> None:
    found = agreement(EVERY_NUMBER, {**EVERY_NUMBER, LOSS[0]: 0.5001, LOSS[1]: 0.5}, 0.01)
    assert found.first == Deviation(LOSS[1], 0.25, 0.5)


@pytest.mark.parametrize("tolerance", [0.0, 1e300])
def test_no_tolerance_covers_a_value_that_is_missing(tolerance: float) -> None:
    found = agreement({LOSS[0]: 0.5, LOSS[1]: 0.25}, {LOSS[0]: 0.5}, tolerance)
    assert found.first == Deviation(LOSS[1], 0.25, None)
    found = agreement({LOSS[0]: 0.5}, {LOSS[0]: 0.5, LOSS[1]: 0.25}, tolerance)
    assert found.first == Deviation(LOSS[1], None, 0.25)


# How they ended.


@pytest.mark.parametrize(
    "other",
    [
        history(EVERY_NUMBER, RunStatus.STOPPED),
        history(EVERY_NUMBER, RunStatus.FAILED, "ValueError"),
        History(RunStatus.COMPLETED, None, 3, EVERY_NUMBER),
    ],
)
def test_another_end_is_a_difference(other: History) -> None:
    assert Agreement.between(history(EVERY_NUMBER), other).verdict is Verdict.DIFFERENT


def test_a_failure_is_the_same_with_the_same_exception_after_the_same_epochs() -> None:
    failed = history(EVERY_NUMBER, RunStatus.FAILED, "ValueError")
    assert Agreement.between(failed, failed).verdict is Verdict.IDENTICAL
    other = history(EVERY_NUMBER, RunStatus.FAILED, "KeyError")
    assert Agreement.between(failed, other).verdict is Verdict.DIFFERENT


# What the database has.


@pytest.fixture
def db() -> Iterator[DatabaseManager]:
    with DatabaseManager(":memory:", use_sqlite=True) as db:
        yield db


@pytest.fixture
def run(db: DatabaseManager) -> TrialRunRow:
    trial = db.create_trial(db.create_experiment("digits").id, "small").id
    return db.start_trial_run(trial, 1)


def test_every_number_of_every_epoch_is_loaded_in_order(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    db.record_epoch(run.id, 0, [MetricPoint("loss", 0.5), MetricPoint("acc", None, {"cat": 0.1})])
    db.record_epoch(run.id, 1, [MetricPoint("loss", 0.25)])
    db.record_results(run.id, [MetricPoint("test_acc", 0.75)])
    assert list(load_history(db, run).values.items()) == [
        (Place(0, None, "loss"), 0.5),
        (Place(0, None, "acc/cat"), 0.1),
        (Place(1, None, "loss"), 0.25),
        (Place(None, None, "test_acc"), 0.75),
    ]


def test_the_cells_of_a_confusion_matrix_are_values(db: DatabaseManager, run: TrialRunRow) -> None:
    matrix = {"labels": ["cat", "dog"], "rows": [[3, 1], [0, 4]]}
    db.record_results(run.id, [MetricPoint("confusion", 0.875, matrix)])
    assert {place.metric: value for place, value in load_history(db, run).values.items()} == {
        "confusion": 0.875,
        "confusion/cat/cat": 3,
        "confusion/cat/dog": 1,
        "confusion/dog/cat": 0,
        "confusion/dog/dog": 4,
    }


def test_values_of_one_name_in_one_epoch_have_places_of_their_own(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    db.record_epoch(run.id, 0, [MetricPoint("loss", 0.5, step=1), MetricPoint("loss", 0.25)])
    assert [(p.nth, value) for p, value in load_history(db, run).values.items()] == [
        (1, 0.5),
        (2, 0.25),
    ]


def test_batches_are_compared_too(db: DatabaseManager, run: TrialRunRow) -> None:
    for epoch in (0, 1):
        db.record_batch(run.id, epoch, 7, [MetricPoint("loss", epoch / 2, step=7)])
    assert list(load_history(db, run).values.items()) == [
        (Place(0, 7, "loss"), 0.0),
        (Place(1, 7, "loss"), 0.5),
    ]


def test_the_end_is_loaded_with_the_number_of_epochs_also_without_metrics(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    db.create_epoch(0, run.id)
    db.create_epoch(1, run.id)
    db.update_trial_run_status(run.id, "failed", "ValueError: too low", reason="ValueError")
    row = db.get_trial_run(run.id)
    assert row is not None
    assert load_history(db, row).ending == "failed (ValueError) after 2 epochs"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place(3, 5, "loss"), "loss of batch 5 of epoch 3"),
        (Place(None, 5, "loss", 2), "loss of batch 5 (value 2)"),
        (Place(None, None, "f1"), "f1 among the results"),
    ],
)
def test_a_place_says_where_it_is(place: Place, text: str) -> None:
    assert str(place) == text
