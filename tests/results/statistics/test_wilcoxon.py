"""The signed-rank test: exact, with ties and without."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from experiment_manager.results.statistics.wilcoxon import wilcoxon

# Hollander and Wolfe (1973): depression before and after; an example of R's wilcox.test.
BEFORE = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
AFTER = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]


def test_it_agrees_with_r() -> None:
    test = wilcoxon(BEFORE, AFTER)
    assert test.statistic == 40
    assert test.p / 2 == pytest.approx(0.01953, abs=5e-6)
    assert test.direction > 0


@pytest.mark.parametrize("n", [3, 5, 6, 12, 50])
def test_it_agrees_with_scipys_exact_test(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.3, 1, n)
    ours = wilcoxon(differences.tolist(), [0.0] * n)
    theirs = scipy.stats.wilcoxon(differences, method="exact")
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-12)


@pytest.mark.parametrize("decimals", [1, 6])
def test_it_agrees_with_scipys_normal_approximation_for_many(decimals: int) -> None:
    differences = np.random.default_rng(1).normal(0.2, 1, 80).round(decimals)
    ours = wilcoxon(differences.tolist(), [0.0] * 80)
    theirs = scipy.stats.wilcoxon(differences, method="asymptotic")
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-12)


@pytest.mark.parametrize(
    "differences", [[1, 1, 1, 2, 2, -3], [1, -1, 2, 2, -3, 4], [2, 2, 2, 2, 2, 2, 2]]
)
def test_with_ties_it_is_the_permutation_test_of_the_ranks(differences: list[float]) -> None:
    signed_ranks = np.sign(differences) * scipy.stats.rankdata(np.abs(differences))
    theirs = scipy.stats.permutation_test(
        (signed_ranks,), np.sum, permutation_type="samples", n_resamples=np.inf
    )
    ours = wilcoxon(differences, [0.0] * len(differences))
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-12)


def test_differences_that_are_equal_but_for_rounding_are_tied() -> None:
    first, second = [0.9, 0.8, 0.5, 0.1], [0.8, 0.7, 0.6, 0.0]
    assert wilcoxon(first, second).statistic == wilcoxon([1, 1, -1, 1], [0, 0, 0, 0]).statistic


@pytest.mark.parametrize(("n", "smallest_p"), [(2, 0.5), (3, 0.25), (5, 0.0625), (6, 0.03125)])
def test_its_smallest_p_is_that_of_differences_of_one_sign(n: int, smallest_p: float) -> None:
    test = wilcoxon(list(range(1, n + 1)), [0.0] * n)
    assert test.p == test.smallest_p == smallest_p


def test_pairs_of_equal_values_are_left_out() -> None:
    test = wilcoxon([0.9, 0.8, 0.7, 0.6], [0.9, 0.7, 0.5, 0.3])
    assert (test.p, test.smallest_p) == (0.25, 0.25)


def test_equal_values_alone_speak_for_nobody() -> None:
    test = wilcoxon([0.9, 0.8], [0.9, 0.8])
    assert (test.p, test.smallest_p, test.direction) == (1, 1, 0)
