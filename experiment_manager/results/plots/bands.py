"""What is shown around a mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from experiment_manager.results.statistics.estimate import estimate_mean, standard_deviation
from experiment_manager.results.statistics.intervals import UNKNOWN, Interval, t_interval


class Band(Enum):
    """What the band around a mean is; the value is how the command line calls it."""

    CONFIDENCE = "ci"
    DEVIATION = "sd"
    RANGE = "range"

    @property
    def text(self) -> str:
        """What it is, for a caption."""
        return _TEXTS[self]

    def of(self, values: Sequence[float]) -> Interval:
        """The band of these values; both ends are NaN for a single one.

        Args:
            values: Finite, at least one.

        Raises:
            MissingDependencyError: SciPy, for the confidence interval, is not installed.

        Example:
            >>> Band.DEVIATION.of([1.0, 2.0, 3.0]), Band.RANGE.of([1.0, 2.0, 4.0])
            (Interval(low=1.0, high=3.0), Interval(low=1.0, high=4.0))
        """
        return _FORMULAS[self](values) if len(values) > 1 else UNKNOWN


def _confidence(values: Sequence[float]) -> Interval:
    return t_interval(estimate_mean(values))


def _deviation(values: Sequence[float]) -> Interval:
    center, sd = math.fsum(values) / len(values), standard_deviation(values)
    return Interval(center - sd, center + sd)


def _range(values: Sequence[float]) -> Interval:
    return Interval(min(values), max(values))


_TEXTS: Mapping[Band, str] = {
    Band.CONFIDENCE: "95% confidence interval of the mean (Student's t)",
    Band.DEVIATION: "one standard deviation of the runs to either side",
    Band.RANGE: "from the lowest run to the highest",
}
_FORMULAS: Mapping[Band, Callable[[Sequence[float]], Interval]] = {
    Band.CONFIDENCE: _confidence,
    Band.DEVIATION: _deviation,
    Band.RANGE: _range,
}
