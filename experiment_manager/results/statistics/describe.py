"""The repeats of one trial in a few numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from experiment_manager.results.statistics.estimate import (
    MeanEstimate,
    has_converged,
    mean,
    rounding_error,
    standard_deviation,
)
from experiment_manager.results.statistics.intervals import Interval, t_interval


@dataclass(frozen=True)
class Summary:
    """A metric over the repeats of a trial.

    Attributes:
        n: Runs with a finite value; the numbers below are of them.
        n_missing: Runs that failed or have no value.
        n_not_finite: Runs that ended with NaN, infinity, or a number above 1e150: they diverged.
        mean: Arithmetic mean; like all below NaN where n is 0.
        sd: Sample standard deviation (divisor n - 1); NaN where n is below 2, 0 where the values
            differ by nothing but rounding.
        median: Middle value.
        iqm: Mean of the middle half.
    """

    n: int
    n_missing: int
    n_not_finite: int
    mean: float
    sd: float
    median: float
    iqm: float

    @property
    def n_runs(self) -> int:
        """All runs, with a value or not."""
        return self.n + self.n_missing + self.n_not_finite

    def interval(self, level: float = 0.95) -> Interval:
        """The confidence interval of the mean by Student's t (see ``t_interval``).

        Args:
            level: Above 0, below 1.

        Returns:
            Unknown where n is below 2 or sd is 0.

        Raises:
            ValueError: The level is out of range.
            MissingDependencyError: SciPy is not installed; all else here does without.
        """
        error = self.sd / math.sqrt(max(1, self.n))
        return t_interval(MeanEstimate(self.mean, error, self.n - 1), level)


def describe(values: Iterable[float | None]) -> Summary:
    """The summary of a metric over repeats.

    Runs without a finite value have no part in the mean, because any number put in their place
    would be invented; but their count stays beside it, because a mean over the runs that went
    well flatters a trial whose others failed.

    Args:
        values: One for each run; None for a run that failed or has no value.

    Example:
        >>> summary = describe([0.91, 0.93, 0.92, None, float("nan")])
        >>> summary.n, summary.n_missing, summary.n_not_finite, round(summary.mean, 3)
        (3, 1, 1, 0.92)
        >>> interval = summary.interval()
        >>> round(interval.low, 3), round(interval.high, 3)
        (0.895, 0.945)
    """
    runs = list(values)
    present = [float(value) for value in runs if value is not None]
    finite = [value for value in present if has_converged(value)]
    counts = (len(finite), len(runs) - len(present), len(present) - len(finite))
    if not finite:
        return Summary(*counts, math.nan, math.nan, math.nan, math.nan)
    return Summary(
        *counts,
        mean=mean(finite),
        sd=standard_deviation(finite, rounding_error(finite)),
        median=statistics.median(finite),
        iqm=interquartile_mean(finite),
    )


def interquartile_mean(values: Sequence[float]) -> float:
    """The mean of what is left without the lowest and the highest quarter.

    A quarter of n is rounded down, as in ``scipy.stats.trim_mean`` and in rliable (R. Agarwal
    et al. 2021, Deep reinforcement learning at the edge of the statistical precipice, NeurIPS):
    of five values the middle three remain, and below four values it is the mean.

    Args:
        values: At least one.

    Example:
        >>> interquartile_mean([5, 8, 4, 38, 8, 6, 9, 7, 7, 3, 1, 6])
        6.5
    """
    cut = len(values) // 4
    return mean(sorted(values)[cut : len(values) - cut])
