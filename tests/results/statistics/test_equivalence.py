"""Equivalence by two one-sided t tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from experiment_manager.results.statistics.equivalence import equivalence_p
from experiment_manager.results.statistics.estimate import (
    estimate_difference,
    estimate_paired_difference,
)
from experiment_manager.results.statistics.intervals import t_interval

# Student's sleep data, with bounds of 1 hour, as t_TOST of the R package TOSTER prints it.
DRUG_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
DRUG_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_it_agrees_with_toster() -> None:
    p = equivalence_p(estimate_difference(DRUG_1, DRUG_2), 1)
    assert p == pytest.approx(0.748319811, abs=5e-10)


@pytest.mark.parametrize("margin", [0.01, 0.03, 0.1])
def test_it_is_the_larger_p_of_scipys_two_one_sided_tests(margin: float) -> None:
    differences = np.random.default_rng(1).normal(0.01, 0.03, 8)
    low = scipy.stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    high = scipy.stats.ttest_1samp(differences, margin, alternative="less").pvalue
    ours = equivalence_p(estimate_paired_difference(differences.tolist(), [0.0] * 8), margin)
    assert ours == pytest.approx(max(low, high), rel=1e-12)


def test_at_5_percent_the_90_percent_interval_touches_the_margin() -> None:
    estimate = estimate_paired_difference([0.91, 0.92, 0.9, 0.93], [0.9, 0.92, 0.91, 0.9])
    margin = t_interval(estimate, 0.9).high
    assert equivalence_p(estimate, margin) == pytest.approx(0.05)


def test_it_does_not_matter_which_side_is_higher() -> None:
    there = estimate_difference([0.9, 0.91], [0.92, 0.94])
    back = estimate_difference([0.92, 0.94], [0.9, 0.91])
    assert equivalence_p(there, 0.05) == pytest.approx(equivalence_p(back, 0.05))


@pytest.mark.parametrize("n", [3, 10])
def test_a_difference_of_just_the_margin_is_rarely_called_equivalent(n: int) -> None:
    samples = np.random.default_rng(n).normal(1, 0.2, (10_000, n)).tolist()
    estimates = [estimate_paired_difference(sample, [0.0] * n) for sample in samples]
    share = sum(equivalence_p(estimate, 1.0) <= 0.05 for estimate in estimates) / len(estimates)
    assert share < 0.06


def test_without_spread_nothing_is_equivalent() -> None:
    assert math.isnan(equivalence_p(estimate_paired_difference([0.9, 0.8], [0.9, 0.8]), 0.1))


@pytest.mark.parametrize("margin", [0, -0.1, math.nan, math.inf])
def test_a_margin_that_is_no_number_above_0_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="'margin' must be a number above 0, not"):
        equivalence_p(estimate_difference([0.9, 0.8], [0.7, 0.9]), margin)
