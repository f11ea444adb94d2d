"""The t tests: as SciPy and R have them, and what they do where there is no spread."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from experiment_manager.results.statistics.estimate import (
    estimate_difference,
    estimate_paired_difference,
)
from experiment_manager.results.statistics.intervals import t_interval
from experiment_manager.results.statistics.student import paired_t, welch

# Student (1908): hours of sleep gained with two drugs, R's data set sleep; as its t.test prints.
DRUG_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
DRUG_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_the_paired_test_agrees_with_r() -> None:
    test = paired_t(DRUG_1, DRUG_2)
    interval = t_interval(estimate_paired_difference(DRUG_1, DRUG_2))
    assert test.statistic == pytest.approx(-4.0621, abs=5e-5)
    assert test.p == pytest.approx(0.002833, abs=5e-7)
    assert (interval.low, interval.high) == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)


def test_welchs_test_agrees_with_r() -> None:
    test, estimate = welch(DRUG_1, DRUG_2), estimate_difference(DRUG_1, DRUG_2)
    interval = t_interval(estimate)
    assert (test.statistic, estimate.df) == pytest.approx((-1.8608, 17.776), abs=5e-4)
    assert test.p == pytest.approx(0.07939, abs=5e-6)
    assert (interval.low, interval.high) == pytest.approx((-3.3654832, 0.2054832), abs=5e-8)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 40])
def test_the_paired_test_agrees_with_scipy(n: int) -> None:
    first, second = np.random.default_rng(n).normal(0.9, 0.02, (2, n))
    ours, theirs = paired_t(first.tolist(), second.tolist()), scipy.stats.ttest_rel(first, second)
    interval = t_interval(estimate_paired_difference(first.tolist(), second.tolist()), 0.9)
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-12)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-12)
    assert (interval.low, interval.high) == pytest.approx(
        tuple(theirs.confidence_interval(0.9)), rel=1e-12
    )


@pytest.mark.parametrize(("n_1", "n_2"), [(2, 2), (3, 5), (10, 4), (40, 30)])
def test_welchs_test_agrees_with_scipy(n_1: int, n_2: int) -> None:
    draw = np.random.default_rng(n_1)
    first, second = draw.normal(0.9, 0.02, n_1), draw.normal(0.9, 0.05, n_2)
    ours = welch(first.tolist(), second.tolist())
    theirs = scipy.stats.ttest_ind(first, second, equal_var=False)
    interval = t_interval(estimate_difference(first.tolist(), second.tolist()))
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-12)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-12)
    assert (interval.low, interval.high) == pytest.approx(
        tuple(theirs.confidence_interval()), rel=1e-12
    )


def test_a_sample_without_spread_leaves_welchs_test_the_other_one() -> None:
    constant, other = [0.9, 0.9, 0.9], [0.8, 0.85, 0.87]
    assert estimate_difference(constant, other).df == pytest.approx(2)
    assert welch(constant, other).p == pytest.approx(scipy.stats.ttest_1samp(other, 0.9).pvalue)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_paired_test_is_wrong_as_often_as_it_says(n: int) -> None:
    pairs = np.random.default_rng(n).normal(size=(20_000, 2, n)).tolist()
    share = sum(paired_t(*pair).p <= 0.05 for pair in pairs) / len(pairs)
    assert 0.04 < share < 0.06


@pytest.mark.parametrize("n", [3, 5, 10])
def test_welchs_test_is_never_wrong_more_often_than_it_says(n: int) -> None:
    pairs = np.random.default_rng(n).normal(size=(20_000, 2, n)).tolist()
    assert sum(welch(*pair).p <= 0.05 for pair in pairs) / len(pairs) < 0.06


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([0.9], [0.8]),
        ([0.9, 0.8, 0.7], [0.8, 0.7, 0.6]),  # all differences are 0.1, up to rounding
        ([0.9, 0.8], [0.9, 0.8]),
    ],
)
def test_differences_without_spread_give_no_paired_p(
    first: list[float], second: list[float]
) -> None:
    assert math.isnan(paired_t(first, second).p)


@pytest.mark.parametrize(
    ("first", "second"), [([0.9], [0.8, 0.7]), ([0.9, 0.9], [0.8, 0.8]), ([1.0], [1.0])]
)
def test_samples_without_spread_give_no_p_of_welchs(
    first: list[float], second: list[float]
) -> None:
    assert math.isnan(welch(first, second).p)


def test_values_without_a_partner_are_refused() -> None:
    with pytest.raises(ValueError, match="A pair takes two values; there are 2 and 1"):
        paired_t([0.9, 0.8], [0.7])
