"""The rank-sum test: exact, with ties and without."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from experiment_manager.results.statistics.mann_whitney import mann_whitney

# Hollander and Wolfe (1973): permeability of membranes; an example of R's wilcox.test.
AT_TERM = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
EARLY = [1.15, 0.88, 0.90, 0.74, 1.21]


def test_it_agrees_with_r() -> None:
    test = mann_whitney(AT_TERM, EARLY)
    assert test.statistic == 35
    assert test.p / 2 == pytest.approx(0.1272, abs=5e-5)
    assert test.direction > 0


@pytest.mark.parametrize(("n_1", "n_2"), [(3, 3), (5, 5), (3, 8), (15, 15)])
def test_it_agrees_with_scipys_exact_test(n_1: int, n_2: int) -> None:
    draw = np.random.default_rng(n_1)
    first, second = draw.normal(0.5, 1, n_1), draw.normal(0, 1, n_2)
    ours = mann_whitney(first.tolist(), second.tolist())
    theirs = scipy.stats.mannwhitneyu(first, second, method="exact")
    assert (ours.statistic, ours.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-12)


@pytest.mark.parametrize("decimals", [1, 6])
def test_it_agrees_with_scipys_normal_approximation_for_many(decimals: int) -> None:
    draw = np.random.default_rng(1)
    first, second = draw.normal(0.5, 1, 30).round(decimals), draw.normal(0, 1, 20).round(decimals)
    ours = mann_whitney(first.tolist(), second.tolist())
    theirs = scipy.stats.mannwhitneyu(first, second, method="asymptotic")
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-12)


@pytest.mark.parametrize(
    ("first", "second"), [([1, 1, 2], [2, 3, 3, 4]), ([1, 2, 2], [2, 2]), ([5, 5, 5], [5, 5, 6])]
)
def test_with_ties_it_is_the_permutation_test_of_u(
    first: list[float], second: list[float]
) -> None:
    theirs = scipy.stats.permutation_test(
        (first, second),
        lambda x, y: scipy.stats.mannwhitneyu(x, y, method="asymptotic").statistic,
        n_resamples=np.inf,
        vectorized=False,
    )
    assert mann_whitney(first, second).p == pytest.approx(theirs.pvalue, rel=1e-12)


@pytest.mark.parametrize(("n", "smallest_p"), [(1, 1), (3, 0.1), (4, 2 / 70)])
def test_its_smallest_p_is_that_of_samples_that_do_not_overlap(n: int, smallest_p: float) -> None:
    test = mann_whitney(list(range(n)), list(range(n, 2 * n)))
    assert test.p == test.smallest_p == pytest.approx(smallest_p)


@pytest.mark.parametrize("n", [3, 30])
def test_equal_values_alone_speak_for_nobody(n: int) -> None:
    test = mann_whitney([0.9] * n, [0.9] * n)
    assert (test.p, test.direction) == (1, 0)
