"""Long curves become short, and keep their spikes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results import open_results
from experiment_manager.results.frames.downsampling import thinned

NUMBERS = st.lists(st.floats(allow_nan=False), min_size=1, max_size=300)


def kept(values: list[float], points: int) -> list[int]:
    rows: list[int] = thinned(np.zeros(len(values), int), np.array(values), points).tolist()
    return rows


@given(NUMBERS, st.integers(min_value=4, max_value=50))
def test_no_more_points_stay_than_were_asked_for(values: list[float], points: int) -> None:
    rows = kept(values, points)
    assert len(rows) <= points
    assert rows == sorted(set(rows))


@given(NUMBERS, st.integers(min_value=4, max_value=50))
def test_the_ends_and_the_extremes_stay(values: list[float], points: int) -> None:
    rows = kept(values, points)
    assert {0, len(values) - 1} <= set(rows)
    assert {min(values), max(values)} <= {values[row] for row in rows}


def test_a_curve_that_is_short_stays_whole() -> None:
    assert kept([1.0, 1.0, 1.0, 1.0], 4) == [0, 1, 2, 3]


def test_each_stretch_keeps_its_lowest_and_its_highest() -> None:
    values = [5.0, 1.0, 9.0, 5.0, 5.0, 5.0, 2.0, 5.0, 7.0, 5.0]
    assert kept(values, 6) == [0, 1, 2, 6, 8, 9]


def test_nan_counts_as_the_highest() -> None:
    values = [0.0, 5.0, 3.0, math.nan, 9.0, 1.0, 2.0, 0.5]
    assert kept(values, 4) == [0, 3, 7]
    assert kept([math.nan] * 10, 4) == [0, 9]


def test_each_curve_is_thinned_by_itself() -> None:
    curve = np.array([0, 1] * 50)
    values = np.arange(100.0)
    rows = thinned(curve, values, 4).tolist()
    assert rows == [0, 1, 98, 99]


def test_nothing_stays_of_nothing() -> None:
    assert thinned(np.array([], int), np.array([]), 4).tolist() == []


def test_metrics_are_thinned_where_it_is_asked_for(tmp_path: Path) -> None:
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small").id
        first, second = (db.start_trial_run(trial, number).id for number in (1, 2))
        for epoch in range(50):
            loss = MetricPoint("loss", 100.0 if epoch == 33 else 1 / (1 + epoch))
            db.record_epoch(first, epoch, [loss, MetricPoint("acc", 0.5)])
        db.record_epoch(second, 0, [MetricPoint("loss", 0.25)])
    results = open_results(tmp_path)
    thin = results.metrics("loss", points=10)
    assert 4 <= (thin.run == 1).sum() <= 10
    assert (thin.run == 2).sum() == 1
    assert thin.value.max() == 100.0
    whole = results.metrics("loss")
    assert len(whole) == 51
    assert set(zip(thin.epoch, thin.value, strict=True)) <= set(
        zip(whole.epoch, whole.value, strict=True)
    )
    assert 4 <= (results.metrics(points=10).metric == "acc").sum() <= 10
