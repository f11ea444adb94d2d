"""How long runs take, learned from those that have succeeded."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class RunTimes:
    """What is expected of the runs to come.

    Attributes:
        means_s: Mean wall time in seconds of the finished runs of each trial that has any.

    Example:
        >>> times = RunTimes.of([("small", 2.0), ("small", 4.0), ("large", 9.0)])
        >>> times.expected_s("small"), times.expected_s("another")
        (3.0, 6.0)
    """

    means_s: Mapping[str, float]

    @classmethod
    def of(cls, durations: Iterable[tuple[str, float]]) -> RunTimes:
        """Learned from runs that succeeded in their first attempt, whose whole time is known.

        Args:
            durations: Of each run, its trial and its wall time in seconds.
        """
        by_trial: dict[str, list[float]] = {}
        for trial, duration_s in durations:
            by_trial.setdefault(trial, []).append(duration_s)
        return cls({trial: statistics.fmean(times) for trial, times in by_trial.items()})

    def expected_s(self, trial: str) -> float | None:
        """How long a run of this trial takes if it is like those that are finished.

        Returns:
            Seconds: the trial's mean, or of a trial without a finished run the mean over all
            trials; None where there is no finished run at all.
        """
        return self.means_s.get(trial, self._overall_s)

    @cached_property
    def _overall_s(self) -> float | None:
        return statistics.fmean(self.means_s.values()) if self.means_s else None
