"""Confidence intervals: as SciPy and the books have them, and as often right as they say."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from experiment_manager.results.statistics.describe import describe
from experiment_manager.results.statistics.intervals import UNKNOWN, bca_interval

# Efron and Tibshirani (1993), chapter 14: spatial test data, A; table 14.2 has its intervals.
SPATIAL = [48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6]
SPATIAL += [0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41]


@pytest.mark.parametrize("n", [3, 5, 10])
def test_95_percent_intervals_hold_the_truth_in_94_to_96_percent(n: int) -> None:
    samples = np.random.default_rng(n).normal(0.9, 0.01, (20_000, n)).tolist()
    intervals = [describe(sample).interval() for sample in samples]
    share = sum(interval.low <= 0.9 <= interval.high for interval in intervals) / len(intervals)
    assert 0.94 < share < 0.96


@pytest.mark.parametrize(("n", "expected"), [(3, 0.72), (5, 0.84), (10, 0.91)])
def test_bootstrap_intervals_are_too_narrow_for_few_repeats(n: int, expected: float) -> None:
    samples = np.random.default_rng(n).normal(size=(1000, n)).tolist()
    intervals = [bca_interval(s, resamples=999, seed=k) for k, s in enumerate(samples)]
    share = sum(interval.low <= 0 <= interval.high for interval in intervals) / len(intervals)
    assert share == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("statistic", [np.mean, np.median, np.var])
@pytest.mark.parametrize("n", [5, 12, 40])
def test_the_bootstrap_agrees_with_scipy(statistic: np.ufunc, n: int) -> None:
    values = np.random.default_rng(n).exponential(size=n)
    theirs = scipy.stats.bootstrap(
        (values,), statistic, n_resamples=999, rng=np.random.default_rng(7)
    ).confidence_interval
    ours = bca_interval(values.tolist(), statistic, resamples=999, seed=7)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), rel=1e-12)


def test_the_bootstrap_agrees_with_the_book() -> None:
    interval = bca_interval(SPATIAL, np.var, level=0.9)
    assert (interval.low, interval.high) == pytest.approx((115.8, 259.6), abs=4)


def test_the_same_values_have_the_same_bootstrap_interval() -> None:
    assert bca_interval(SPATIAL) == bca_interval(SPATIAL)
    assert bca_interval(SPATIAL) != bca_interval(SPATIAL, seed=1)


@pytest.mark.parametrize("values", [[], [0.9], [0.9, 0.9, 0.9]])
def test_there_is_no_bootstrap_interval_without_spread(values: list[float]) -> None:
    assert bca_interval(values) is UNKNOWN


def test_a_bootstrap_level_that_is_no_fraction_is_refused() -> None:
    with pytest.raises(ValueError, match="'level' must lie above 0 and below 1, not 95"):
        bca_interval([1.0, 2.0], level=95)
