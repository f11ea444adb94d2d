"""A mean, or a difference of means, with what is known of its error.

Intervals, t tests and equivalence tests ask for nothing else, so each is written once.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

LARGEST = 1e150  # far above what 32 bits hold


@dataclass(frozen=True)
class MeanEstimate:
    """An estimated mean, or difference of two, in the metric's unit.

    Attributes:
        value: The estimate.
        standard_error: Its standard error. NaN where there are too few values to have one, and
            0 where the values differ by nothing but rounding: their spread was not seen.
        df: Degrees of freedom of Student's t.
    """

    value: float
    standard_error: float
    df: float

    @property
    def has_error(self) -> bool:
        """True where the error is known, so that a test or an interval can stand on it."""
        return self.standard_error > 0


def estimate_mean(values: Sequence[float]) -> MeanEstimate:
    """The mean of the values, n - 1 degrees of freedom.

    Args:
        values: Finite, at least one.

    Example:
        >>> estimate_mean([1.0, 2.0, 3.0, 2.0]).value
        2.0
    """
    sd = standard_deviation(values, rounding_error(values))
    return MeanEstimate(mean(values), sd / math.sqrt(len(values)), len(values) - 1)


def estimate_paired_difference(first: Sequence[float], second: Sequence[float]) -> MeanEstimate:
    """The mean of ``first[i] - second[i]``, n - 1 degrees of freedom (Student 1908).

    Args:
        first: Finite values, at least one.
        second: The partners, in the same order.

    Raises:
        ValueError: The two differ in length.

    Example:
        >>> estimate_paired_difference([3.0, 5.0], [1.0, 2.0])
        MeanEstimate(value=2.5, standard_error=0.5, df=1)
    """
    differences = paired_differences(first, second)
    sd = standard_deviation(differences, rounding_error([*first, *second]))
    n = len(differences)
    return MeanEstimate(mean(differences), sd / math.sqrt(n), n - 1)


def estimate_difference(first: Sequence[float], second: Sequence[float]) -> MeanEstimate:
    """The mean of ``first`` minus that of ``second``, which may have different variances.

    Source: B. L. Welch (1947), The generalization of 'Student's' problem when several different
    population variances are involved, Biometrika 34, with his degrees of freedom.

    Args:
        first: Finite values, at least one.
        second: Finite values, at least one.
    """
    mean_1, mean_2 = estimate_mean(first), estimate_mean(second)
    error = math.hypot(mean_1.standard_error, mean_2.standard_error)
    value = mean_1.value - mean_2.value
    if not error > 0:
        return MeanEstimate(value, error, len(first) + len(second) - 2)
    share = (mean_1.standard_error / error) ** 2  # the first one's part of the variance
    df = 1 / (share**2 / mean_1.df + (1 - share) ** 2 / mean_2.df)
    return MeanEstimate(value, error, df)


def paired_differences(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Each first value minus its partner, exactly 0 where rounding could explain it.

    Raises:
        ValueError: The two differ in length.
    """
    if len(first) != len(second):
        raise ValueError(f"A pair takes two values; there are {len(first)} and {len(second)}")
    noise = rounding_error([*first, *second])
    differences = [one - other for one, other in zip(first, second, strict=True)]
    return [0.0 if abs(difference) <= noise else difference for difference in differences]


def has_converged(value: float) -> bool:
    """False for NaN, infinity, and what is so large that its square is infinite.

    Example:
        >>> has_converged(-1e9), has_converged(1e200), has_converged(math.nan)
        (True, False, False)
    """
    return abs(value) <= LARGEST


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, of an exact sum.

    Args:
        values: Finite, at least one.

    Example:
        >>> mean([1e16, 1.0, -1e16])
        0.3333333333333333
    """
    return math.fsum(values) / len(values)


def standard_deviation(values: Sequence[float], noise: float = 0.0) -> float:
    """The sample standard deviation (divisor n - 1), NaN below two values.

    Args:
        values: Finite.
        noise: Differences up to this are rounding: 0 where the values span no more.

    Example:
        >>> standard_deviation([1.0, 2.0, 3.0])
        1.0
    """
    if len(values) < 2:  # noqa: PLR2004 - one value has no spread
        return math.nan
    if max(values) - min(values) <= noise:
        return 0.0
    center = mean(values)
    return math.hypot(*[value - center for value in values]) / math.sqrt(len(values) - 1)


def rounding_error(values: Sequence[float]) -> float:
    """How much a difference of two such values may be off because floats are rounded.

    Example:
        >>> abs((0.9 - 0.8) - (0.8 - 0.7)) < rounding_error([0.9, 0.8, 0.7])
        True
    """
    return 4 * sys.float_info.epsilon * max(map(abs, values))
