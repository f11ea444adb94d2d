"""How large a difference is, apart from how certain."""

from __future__ import annotations

import math
from collections.abc import Sequence

from experiment_manager.results.statistics.estimate import mean, rounding_error, standard_deviation


def hedges_g(first: Sequence[float], second: Sequence[float]) -> float:
    """The difference of the means in standard deviations, corrected for small samples.

    The two samples' spread is pooled, paired or not, so that the size means the same in both
    designs (D. Lakens 2013, Frontiers in Psychology 4:863).

    Source: L. V. Hedges (1981), Distribution theory for Glass's estimator of effect size and
    related estimators, Journal of Educational Statistics 6, with the exact correction.

    Args:
        first: Finite values.
        second: Finite values; the effect is positive where these are lower.

    Returns:
        NaN where one has fewer than two values, and where neither has any spread.

    Example:
        >>> round(hedges_g([3.0, 4.0, 5.0], [1.0, 2.0, 3.0]), 2)
        1.6
    """
    if min(len(first), len(second)) < 2:  # noqa: PLR2004 - one value has no spread
        return math.nan
    df = len(first) + len(second) - 2
    weighted = [
        math.sqrt((len(values) - 1) / df) * standard_deviation(values, rounding_error(values))
        for values in (first, second)
    ]
    pooled = math.hypot(*weighted)
    if pooled == 0:
        return math.nan
    d = (mean(first) - mean(second)) / pooled
    return d * math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)


def probability_of_improvement(
    first: Sequence[float], second: Sequence[float], *, higher_is_better: bool = True
) -> float:
    """How likely a run of the first is better than one of the second; a tie counts half.

    Source: Agarwal et al. 2021 (see ``describe``): the Mann-Whitney U over the number of pairs.

    Args:
        first: Finite values.
        second: Finite values.
        higher_is_better: False for a loss.

    Returns:
        From 0 to 1; NaN where one has no values.

    Example:
        >>> probability_of_improvement([0.9, 0.8], [0.7, 0.8])
        0.875
    """
    if not first or not second:
        return math.nan
    above = sum((one > other) + (one == other) / 2 for one in first for other in second)
    share = above / (len(first) * len(second))
    return share if higher_is_better else 1 - share
