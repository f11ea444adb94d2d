"""The runs of a trial, counted: those that it has, and those that it shall have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from experiment_manager.common.common import RunStatus
from experiment_manager.db.progress_calls import RunCount
from experiment_manager.results.eta import Remaining, etas_s
from experiment_manager.results.progress import RunningRun
from experiment_manager.results.run_times import RunTimes


@dataclass(frozen=True)
class TrialRuns:
    """The runs of a trial.

    Attributes:
        id: Of the trial.
        name: Its name.
        expected: How many runs it shall have; None where that is unknown.
        counts: Those that it has; recent are those of the processes that execute it now.
        running: Those that are being executed.
    """

    id: int
    name: str
    expected: int | None
    counts: Sequence[RunCount]
    running: tuple[RunningRun, ...]

    @property
    def planned(self) -> int | None:
        """How many runs it will have: what there is stays where the plan became smaller."""
        return None if self.expected is None else max(self.expected, self._begun)

    @property
    def states(self) -> dict[RunStatus, int]:
        """How many stand how; those that were not begun yet are pending."""
        counts = {count.status: count.runs for count in self.counts}
        pending = counts.get(RunStatus.PENDING, 0) + self._unbegun
        return counts | ({RunStatus.PENDING: pending} if pending else {})

    @property
    def mean_duration_s(self) -> float | None:
        """The mean wall time of the runs that succeeded at once; None where there is none."""
        done = [count for count in self.counts if count.status.is_success]
        runs = sum(count.whole for count in done)
        return sum(count.whole_duration_s for count in done) / runs if runs else None

    def remaining(self, *, is_executed: bool) -> Remaining:
        """What is left.

        Args:
            is_executed: True where processes will execute what has not succeeded, unless they
                have tried that already.
        """
        missing = [count for count in self.counts if not _is_at_work_or_done(count)]
        if self.planned is None:
            to_come = None
        elif is_executed:
            to_come = self._unbegun + sum(map(_untried, missing))
        else:
            to_come = None if missing or self._unbegun else 0
        return Remaining(self.name, tuple(run.elapsed_s for run in self.running), to_come)

    @property
    def _begun(self) -> int:
        return sum(count.runs for count in self.counts)

    @property
    def _unbegun(self) -> int:
        return 0 if self.planned is None else self.planned - self._begun


def etas_of(
    trials: Sequence[TrialRuns], since: datetime | None, now: datetime
) -> list[float | None]:
    """The seconds until each trial is done, 0 where nothing is left; None where nobody can tell.

    Args:
        trials: In the order in which they are executed.
        since: When the processes began that execute them; None where there are none.
        now: The time.
    """
    means_s = {trial.name: trial.mean_duration_s for trial in trials}
    times = RunTimes({name: mean_s for name, mean_s in means_s.items() if mean_s is not None})
    remaining = [trial.remaining(is_executed=since is not None) for trial in trials]
    return list(etas_s(remaining, times, _parallelism(trials, since, now)))


def _parallelism(trials: Sequence[TrialRuns], since: datetime | None, now: datetime) -> float:
    """How many runs are executed at the same time: now, or on average if that is more.

    Between two runs there are fewer for a moment.
    """
    running = [run.elapsed_s for trial in trials for run in trial.running]
    executed_s = (now - since).total_seconds() if since is not None else 0.0
    if executed_s <= 0:
        return max(1, len(running))
    ended_s = sum(count.recent_duration_s for trial in trials for count in trial.counts)
    return max(1.0, len(running), (ended_s + sum(running)) / executed_s)


def _is_at_work_or_done(count: RunCount) -> bool:
    return count.status.is_success or count.status is RunStatus.RUNNING


def _untried(count: RunCount) -> int:
    is_pending = count.status is RunStatus.PENDING
    return count.runs if is_pending else count.runs - count.recent
