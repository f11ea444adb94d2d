"""How many repeats it takes to see a difference."""

from __future__ import annotations

import math
from bisect import bisect_left

from experiment_manager.results.statistics.distributions import noncentral_t_cdf, t_quantile
from experiment_manager.results.statistics.intervals import check_fraction

MOST_REPEATS = 10_000


def t_test_power(effect: float, repeats: int, *, paired: bool, alpha: float = 0.05) -> float:
    """How likely a two-sided t test finds a difference of this size.

    Source: J. Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 2,
    with the exact noncentral t distribution.

    Args:
        effect: The true difference in standard deviations: of the differences by seed where
            paired, else of the values.
        repeats: Pairs, or runs of each trial; at least 2.
        paired: Whether the runs are paired by seed.
        alpha: The p value that counts as significant.

    Example:
        >>> round(t_test_power(0.5, 64, paired=False), 2)
        0.8
    """
    df = repeats - 1 if paired else 2 * repeats - 2
    shift = abs(effect) * math.sqrt(repeats if paired else repeats / 2)
    critical = t_quantile(1 - alpha / 2, df)
    missed = noncentral_t_cdf(critical, df, shift) - noncentral_t_cdf(-critical, df, shift)
    return 1 - missed


def repeats_needed(
    effect: float, *, paired: bool, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """The fewest repeats with which a t test finds a difference of this size so often.

    An effect measured on few runs is itself uncertain by about ``1 / sqrt(n)``, and so is this
    number: a size for the next batch of runs, not a promise. It is sounder to put in the smallest
    effect that would matter.

    Args:
        effect: As in ``t_test_power``.
        paired: Whether the runs are paired by seed.
        alpha: The p value that counts as significant.
        power: How often the difference is to be found, above 0, below 1.

    Returns:
        Pairs, or runs of each trial; None where 10,000 are not enough, as for an effect of 0.

    Raises:
        ValueError: ``alpha`` or ``power`` is out of range.

    Example:
        >>> repeats_needed(0.5, paired=True), repeats_needed(0.5, paired=False)
        (34, 64)
    """
    check_fraction("alpha", alpha)
    check_fraction("power", power)
    candidates = range(2, MOST_REPEATS + 1)
    place = bisect_left(
        candidates, power, key=lambda n: t_test_power(effect, n, paired=paired, alpha=alpha)
    )
    return candidates[place] if place < len(candidates) else None
