"""Wilcoxon's signed-rank test: differences by seed, whose sizes count by rank alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

from experiment_manager.results.statistics.distributions import normal_tail
from experiment_manager.results.statistics.estimate import paired_differences, rounding_error
from experiment_manager.results.statistics.ranks import (
    doubled_ranks,
    signed_rank_counts,
    tie_sizes,
)
from experiment_manager.results.statistics.significance import SignificanceTest

WILCOXON = "Wilcoxon"
EXACT_UP_TO = 50  # differences; the normal approximation is as good beyond


def wilcoxon(first: Sequence[float], second: Sequence[float]) -> SignificanceTest:
    """The signed-rank test that differences by seed are symmetric about 0.

    For differences with outliers. With n pairs p is at least 2 / 2^n, whatever the values: 0.25
    with three, 0.0625 with five, so from six on it can be significant at 5 percent at all.
    Exact up to 50 differences, ties included; beyond by the normal approximation. Differences
    of 0 say nothing for either side and are left out, as Wilcoxon did.

    Source: F. Wilcoxon (1945), Individual comparisons by ranking methods, Biometrics Bulletin 1.

    Args:
        first: Finite values, at least one.
        second: The partners, in the same order.

    Returns:
        The statistic is the sum of the ranks of the positive differences. p is 1 where all
        differences are 0.

    Raises:
        ValueError: The two differ in length.

    Example:
        >>> test = wilcoxon([0.91, 0.93, 0.92], [0.90, 0.90, 0.90])
        >>> test.p, test.smallest_p
        (0.25, 0.25)
    """
    differences = [value for value in paired_differences(first, second) if value]
    if not differences:
        return SignificanceTest(WILCOXON, 0.0, 0.0, 1.0, 1.0)
    ranks = doubled_ranks([abs(d) for d in differences], rounding_error([*first, *second]))
    positive = sum(rank for rank, d in zip(ranks, differences, strict=True) if d > 0)
    excess = 2 * positive - sum(ranks)  # over the negative ones
    if len(ranks) <= EXACT_UP_TO:
        p, smallest_p = _exact_p(ranks, max(positive, sum(ranks) - positive))
    else:
        p, smallest_p = _normal_p(ranks, excess / 4), 0.0
    return SignificanceTest(WILCOXON, positive / 2, excess, p, smallest_p)


def _exact_p(ranks: Sequence[int], larger: int) -> tuple[float, float]:
    counts = signed_rank_counts(tuple(sorted(ranks)))
    patterns = 2 ** len(ranks)
    return min(1.0, 2 * sum(counts[larger:]) / patterns), 2 / patterns


def _normal_p(ranks: Sequence[int], excess: float) -> float:
    """From the sum's distance to its mean, with the variance that ties leave."""
    n = len(ranks)
    variance = n * (n + 1) * (2 * n + 1) / 24
    variance -= sum(size**3 - size for size in tie_sizes(ranks)) / 48
    return 2 * normal_tail(abs(excess) / math.sqrt(variance))
