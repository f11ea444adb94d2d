"""The permutation test of pairs: nothing is supposed but that chance has no favourite."""

from __future__ import annotations

import math
from collections.abc import Sequence

from experiment_manager.results.statistics.distributions import numpy
from experiment_manager.results.statistics.estimate import mean, paired_differences
from experiment_manager.results.statistics.significance import SignificanceTest

PERMUTATION = "permutation"
EXACT_UP_TO = 16  # pairs: 65,536 ways to choose the signs
RESAMPLES = 9999
NOISE = 1e-12  # of the sum of all sizes: sums no further apart are equal


def permutation(
    first: Sequence[float], second: Sequence[float], *, seed: int = 0
) -> SignificanceTest:
    """The test that the two trials of a pair could be exchanged, by the mean difference.

    Under that supposition each difference by seed could as well have the other sign; p is the
    share of all 2^n choices of signs whose mean is at least as far from 0. Like Wilcoxon's it
    has a smallest possible value, 2 / 2^n, and needs six pairs; unlike it, it takes the sizes
    as they are. All choices up to 16 pairs, else 9,999 random ones with the observed one among
    them (B. Phipson and G. Smyth 2010, Statistical Applications in Genetics and Molecular
    Biology 9).

    Source: R. A. Fisher (1935), The Design of Experiments, section 21.

    Args:
        first: Finite values, at least one.
        second: The partners, in the same order.
        seed: Of the random choices.

    Returns:
        The statistic is the mean difference. p is 1 where all differences are 0.

    Raises:
        ValueError: The two differ in length.

    Example:
        >>> permutation([0.91, 0.93, 0.92], [0.90, 0.90, 0.90]).p
        0.25
    """
    differences = paired_differences(first, second)
    sizes = [abs(difference) for difference in differences if difference]
    least = abs(math.fsum(differences)) - NOISE * sum(sizes)
    if len(sizes) <= EXACT_UP_TO:
        p, smallest_p = _exact_share(sizes, least), 2.0 ** (1 - max(1, len(sizes)))
    else:
        p, smallest_p = _random_share(sizes, least, seed), 1 / (RESAMPLES + 1)
    difference = mean(differences)
    return SignificanceTest(PERMUTATION, difference, difference, p, smallest_p)


def _exact_share(sizes: Sequence[float], least: float) -> float:
    """The share of the choices of signs whose sum is at least so far from 0."""
    sums = [0.0]
    for size in sizes:
        sums = [total + size for total in sums] + [total - size for total in sums]
    return sum(abs(total) >= least for total in sums) / len(sums)


def _random_share(sizes: Sequence[float], least: float, seed: int) -> float:
    np = numpy()
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (RESAMPLES, len(sizes)))
    extreme = int(np.count_nonzero(np.abs(signs @ np.array(sizes)) >= least))
    return (extreme + 1) / (RESAMPLES + 1)
