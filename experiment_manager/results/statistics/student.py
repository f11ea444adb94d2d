"""The t tests: paired by seed, and Welch's."""

from __future__ import annotations

import math
from collections.abc import Sequence

from experiment_manager.results.statistics.distributions import t_tail
from experiment_manager.results.statistics.estimate import (
    MeanEstimate,
    estimate_difference,
    estimate_paired_difference,
)
from experiment_manager.results.statistics.significance import SignificanceTest

PAIRED_T, WELCH = "paired t", "Welch t"


def paired_t(first: Sequence[float], second: Sequence[float]) -> SignificanceTest:
    """Student's t test of the mean difference by seed.

    The default where seeds match. It supposes normal differences, which averages over a test
    set come close to, and is then exact at any number of pairs; it is the only one of the paired
    tests here that can be significant with five pairs or fewer.

    Source: Student (1908), The probable error of a mean, Biometrika 6.

    Args:
        first: Finite values, at least one.
        second: The partners, in the same order.

    Returns:
        The statistic is t. NaN with one pair, and where all differences are equal: then t would
        be infinite although no chance was seen at work, let alone measured.

    Raises:
        ValueError: The two differ in length.

    Example:
        >>> round(paired_t([0.91, 0.93, 0.92], [0.90, 0.90, 0.90]).p, 3)
        0.074
    """
    return t_test(PAIRED_T, estimate_paired_difference(first, second))


def welch(first: Sequence[float], second: Sequence[float]) -> SignificanceTest:
    """Welch's t test of two independent samples, which may differ in their variances.

    The default where seeds do not match. Trials do differ in variance, and where they do not,
    nearly nothing is lost against Student's pooled test (M. Delacre, D. Lakens and C. Leys 2017,
    International Review of Social Psychology 30).

    Source: see ``estimate_difference``.

    Args:
        first: Finite values, at least one.
        second: Finite values, at least one.

    Returns:
        The statistic is t. NaN where a sample has one value, and where neither has any spread.

    Example:
        >>> round(welch([0.91, 0.93, 0.92], [0.90, 0.90, 0.91, 0.89]).p, 3)
        0.049
    """
    return t_test(WELCH, estimate_difference(first, second))


def t_test(name: str, estimate: MeanEstimate) -> SignificanceTest:
    """The two-sided test that an estimated difference is 0."""
    if not estimate.has_error:
        return SignificanceTest(name, math.nan, estimate.value, math.nan)
    t = estimate.value / estimate.standard_error
    return SignificanceTest(name, t, t, 2 * t_tail(abs(t), estimate.df))
