"""The repeats of one trial in a few numbers."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import scipy.stats

from experiment_manager.common.errors import MissingDependencyError
from experiment_manager.results.statistics.describe import describe, interquartile_mean
from experiment_manager.results.statistics.distributions import scipy_special, t_quantile
from experiment_manager.results.statistics.intervals import UNKNOWN


def test_runs_without_a_finite_value_are_counted_and_not_averaged() -> None:
    summary = describe([1.0, None, 3.0, math.nan, None, math.inf, -math.inf])
    assert (summary.n, summary.n_missing, summary.n_not_finite, summary.n_runs) == (2, 2, 3, 7)
    assert summary.mean == 2.0


@pytest.mark.parametrize("values", [[], [None, None], [math.nan]])
def test_without_a_value_nothing_is_known(values: list[float | None]) -> None:
    summary = describe(values)
    numbers = (summary.mean, summary.sd, summary.median, summary.iqm)
    assert summary.n == 0
    assert all(map(math.isnan, numbers))
    assert summary.interval() is UNKNOWN


def test_one_value_has_a_mean_but_no_spread_and_no_interval() -> None:
    summary = describe([0.9])
    assert (summary.mean, summary.median, summary.iqm) == (0.9, 0.9, 0.9)
    assert math.isnan(summary.sd)
    assert summary.interval() is UNKNOWN


@pytest.mark.parametrize("values", [[0.1, 0.1, 0.1], [0.1 + 0.2, 0.3, 0.3]])
def test_values_that_differ_by_nothing_but_rounding_have_no_spread_and_no_interval(
    values: list[float | None],
) -> None:
    summary = describe(values)
    assert summary.sd == 0
    assert summary.interval() is UNKNOWN


@pytest.mark.parametrize("n", [2, 3, 5, 8, 50])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_it_agrees_with_scipy(n: int, scale: float) -> None:
    values = scale * np.random.default_rng(n).normal(1, 0.1, n)
    summary = describe(values)
    interval = summary.interval()
    mean = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert summary.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert summary.sd == pytest.approx(np.std(values, ddof=1), rel=1e-12)
    assert summary.median == pytest.approx(np.median(values), rel=1e-12)
    assert summary.iqm == pytest.approx(scipy.stats.trim_mean(values, 0.25), rel=1e-12)
    assert (interval.low, interval.high) == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize(
    ("values", "iqm"),
    [
        ([1, 2, 9], 4),
        ([1, 2, 3, 90], 2.5),
        ([90, 3, 1, 2, 4], 3),
        ([5, 8, 4, 38, 8, 6, 9, 7, 7, 3, 1, 6], 6.5),
    ],
)
def test_the_interquartile_mean_leaves_out_whole_values(values: list[float], iqm: float) -> None:
    assert interquartile_mean(values) == iqm


def test_a_number_whose_square_no_float_can_hold_is_not_finite_either() -> None:
    summary = describe([1e38, 1.7e308, -1e200, 3e38])
    assert (summary.n, summary.n_not_finite, summary.mean) == (2, 2, 2e38)


@pytest.mark.parametrize("level", [0, 1, 95, math.nan])
def test_a_level_that_is_no_fraction_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="'level' must lie above 0 and below 1, not"):
        describe([1.0, 2.0]).interval(level)


def test_without_scipy_all_but_the_interval_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if f"{name}.".startswith("scipy.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    scipy_special.cache_clear()
    t_quantile.cache_clear()
    summary = describe([1.0, 2.0, 3.0])
    assert (summary.mean, summary.sd) == (2, 1)
    with pytest.raises(MissingDependencyError, match=r"experiment-manager\[results\]"):
        summary.interval()
