"""The permutation test of pairs."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from experiment_manager.results.statistics.permutation import RESAMPLES, permutation

# Darwin's maize in Fisher (1935), section 21: eighths of an inch, crossed minus self-fertilized.
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_it_agrees_with_fisher() -> None:
    assert permutation(DARWIN, [0.0] * 15).p == 1726 / 32768


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("decimals", [1, 6])
def test_it_agrees_with_scipy(n: int, decimals: int) -> None:
    differences = np.random.default_rng(n).normal(0.3, 1, n).round(decimals)
    theirs = scipy.stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert permutation(differences.tolist(), [0.0] * n).p == pytest.approx(
        theirs.pvalue, rel=1e-12
    )


def test_sums_that_are_equal_but_for_rounding_are_as_extreme() -> None:
    assert permutation([0.9, 0.8, 0.1], [0.8, 0.7, 0.2]).p == permutation([1, 1, -1], [0, 0, 0]).p


def test_many_pairs_are_permuted_at_random_and_the_same_way_again() -> None:
    differences = np.random.default_rng(3).normal(0.5, 1, 30)
    test = permutation(differences.tolist(), [0.0] * 30)
    assert test == permutation(differences.tolist(), [0.0] * 30)
    assert test.smallest_p == 1 / (RESAMPLES + 1)
    assert test.p == pytest.approx(scipy.stats.ttest_1samp(differences, 0).pvalue, abs=0.005)


@pytest.mark.parametrize(("n", "smallest_p"), [(1, 1), (3, 0.25), (5, 0.0625), (6, 0.03125)])
def test_its_smallest_p_is_that_of_differences_of_one_sign(n: int, smallest_p: float) -> None:
    test = permutation([0.2] * n, [0.1] * n)
    assert test.p == test.smallest_p == smallest_p


def test_equal_values_alone_speak_for_nobody() -> None:
    test = permutation([0.9, 0.8], [0.9, 0.8])
    assert (test.p, test.smallest_p, test.direction) == (1, 1, 0)
