"""Effect sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from experiment_manager.results.statistics.effects import hedges_g, probability_of_improvement


def with_moments(n: int, mean: float, sd: float) -> list[float]:
    """A sample of exactly this mean and standard deviation."""
    values = np.random.default_rng(n).normal(size=n)
    standardized = (values - values.mean()) / values.std(ddof=1)
    return [float(mean + sd * value) for value in standardized]


def test_hedges_g_agrees_with_the_book() -> None:
    # Borenstein et al. (2009), Introduction to Meta-Analysis, chapter 4.
    g = hedges_g(with_moments(50, 103, 5.5), with_moments(50, 100, 4.5))
    assert g == pytest.approx(0.5924, abs=5e-5)


@pytest.mark.parametrize(("n_1", "n_2"), [(2, 2), (5, 5), (3, 10)])
def test_hedges_g_is_cohens_d_with_the_exact_correction(n_1: int, n_2: int) -> None:
    draw = np.random.default_rng(n_1)
    first, second = draw.normal(1, 1, n_1), draw.normal(0, 2, n_2)
    df = n_1 + n_2 - 2
    pooled = np.sqrt(((n_1 - 1) * first.var(ddof=1) + (n_2 - 1) * second.var(ddof=1)) / df)
    # The mean of a chi distribution is what the pooled deviation is too small by.
    correction = 1 / (scipy.stats.chi.expect(lambda x: 1 / x, (df,)) * math.sqrt(df))
    expected = (first.mean() - second.mean()) / pooled * correction
    assert hedges_g(first.tolist(), second.tolist()) == pytest.approx(expected, rel=1e-8)


def test_hedges_g_changes_its_sign_with_the_sides() -> None:
    first, second = [0.9, 0.8, 0.85], [0.7, 0.75]
    assert hedges_g(second, first) == -hedges_g(first, second) < 0


@pytest.mark.parametrize(
    ("first", "second"), [([0.9], [0.8, 0.7]), ([], []), ([0.9, 0.9], [0.8, 0.8])]
)
def test_without_spread_there_is_no_hedges_g(first: list[float], second: list[float]) -> None:
    assert math.isnan(hedges_g(first, second))


def test_the_probability_of_improvement_is_u_over_the_number_of_pairs() -> None:
    first, second = [0.9, 0.8, 0.8, 0.7], [0.8, 0.6, 0.75]
    u = scipy.stats.mannwhitneyu(first, second).statistic
    assert probability_of_improvement(first, second) == u / 12


def test_of_a_loss_the_lower_run_is_the_better_one() -> None:
    assert probability_of_improvement([0.1, 0.2], [0.3, 0.2], higher_is_better=False) == 0.875


def test_without_values_no_improvement_is_known() -> None:
    assert math.isnan(probability_of_improvement([], [0.9]))
