"""The Mann-Whitney test: independent samples, whose values count by rank alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

from experiment_manager.results.statistics.distributions import normal_tail
from experiment_manager.results.statistics.ranks import doubled_ranks, rank_sum_counts, tie_sizes
from experiment_manager.results.statistics.significance import SignificanceTest

MANN_WHITNEY = "Mann-Whitney"
EXACT_UP_TO = 30  # values of both samples; the normal approximation is as good beyond


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> SignificanceTest:
    """The rank-sum test that a value of one sample is as likely above one of the other as below.

    For values with outliers. With n runs of each trial p is at least 2 over the number of ways
    to choose n of 2n: 0.1 with three, 0.029 with four. Exact up to 30 values, ties included;
    beyond by the normal approximation, corrected for ties and continuity.

    Source: H. B. Mann and D. R. Whitney (1947), On a test of whether one of two random variables
    is stochastically larger than the other, Annals of Mathematical Statistics 18.

    Args:
        first: Finite values, at least one.
        second: Finite values, at least one.

    Returns:
        The statistic is U of the first sample. p is 1 where all values are equal.

    Example:
        >>> test = mann_whitney([0.91, 0.93, 0.92], [0.90, 0.89, 0.88])
        >>> test.statistic, test.p, test.smallest_p
        (9.0, 0.1, 0.1)
    """
    n_1, n_2 = len(first), len(second)
    ranks = doubled_ranks([*first, *second])
    rank_sum = sum(ranks[:n_1])
    u = (rank_sum - n_1 * (n_1 + 1)) / 2
    excess = u - n_1 * n_2 / 2  # over the mean of U
    if n_1 + n_2 <= EXACT_UP_TO:
        p, smallest_p = _exact_p(ranks, n_1, rank_sum)
    else:
        p, smallest_p = _normal_p(ranks, n_1, abs(excess)), 0.0
    return SignificanceTest(MANN_WHITNEY, u, excess, p, smallest_p)


def _exact_p(ranks: Sequence[int], size: int, rank_sum: int) -> tuple[float, float]:
    """Twice the smaller tail, and what it is at the nearest end of the distribution."""
    counts = rank_sum_counts(tuple(sorted(ranks)), size)
    choices = math.comb(len(ranks), size)
    lower = sum(count for total, count in counts.items() if total <= rank_sum)
    upper = sum(count for total, count in counts.items() if total >= rank_sum)
    ends = min(counts[min(counts)], counts[max(counts)])
    return min(1.0, 2 * min(lower, upper) / choices), min(1.0, 2 * ends / choices)


def _normal_p(ranks: Sequence[int], size: int, excess: float) -> float:
    n = len(ranks)
    ties = sum(count**3 - count for count in tie_sizes(ranks)) / (n * (n - 1))
    variance = size * (n - size) / 12 * (n + 1 - ties)
    return min(1.0, 2 * normal_tail((excess - 0.5) / math.sqrt(variance))) if variance else 1.0
