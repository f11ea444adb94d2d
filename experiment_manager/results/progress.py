"""How far an experiment is: what is done, what runs, what failed, and how long the rest takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from experiment_manager.common.common import RunStatus
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.results.statistics.describe import Summary, describe


@dataclass(frozen=True)
class RunningRun:
    """A run that is being executed.

    Attributes:
        number: Its number in its trial, from 1.
        elapsed_s: Seconds since its last attempt began.
        epochs: How many it has.
        epochs_planned: How many it will have; None where that is unknown.
        metrics: The number that it recorded last under each name.
    """

    number: int
    elapsed_s: float
    epochs: int
    epochs_planned: int | None
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class TrialProgress:
    """How far a trial is.

    Attributes:
        name: Name of the trial.
        planned: How many runs it will have; None where that is unknown.
        states: How many runs stand how; those that were not begun yet are pending.
        running: Those that are being executed, in order of their numbers.
        values: What the runs that succeeded have recorded last under the watched metric.
        eta_s: Seconds until it is done, 0 where nothing is left; None where nobody can tell.
    """

    name: str
    planned: int | None
    states: Mapping[RunStatus, int]
    running: tuple[RunningRun, ...]
    values: Sequence[float]
    eta_s: float | None

    @property
    def done(self) -> int:
        """How many runs have succeeded."""
        return sum(count for status, count in self.states.items() if status.is_success)

    @property
    def failed(self) -> int:
        """How many runs have ended without success: they failed, or are aborted or lost."""
        return sum(n for s, n in self.states.items() if s.is_ended and not s.is_success)

    @property
    def is_done(self) -> bool:
        """True where every planned run has succeeded."""
        return self.done == self.planned

    @property
    def result(self) -> Summary:
        """The watched metric over the runs that succeeded."""
        return describe(self.values)


@dataclass(frozen=True)
class Failure:
    """A run that ended without success.

    Attributes:
        trial: Name of its trial.
        run: Its number in its trial.
        status: FAILED, ABORTED or LOST.
        exception: The exception in a line; None where there was none.
        time: When it ended, in UTC; when it was begun, where nobody saw it end.
    """

    trial: str
    run: int
    status: RunStatus
    exception: str | None
    time: datetime


@dataclass(frozen=True)
class ExperimentProgress:
    """How far an experiment is.

    Attributes:
        name: Name of the experiment.
        time: When that was so, in UTC.
        trials: In order of their creation.
        failures: The last ones, the latest first.
        processes: Those that execute the experiment.
        metric: The watched metric; None where none was recorded.
        metric_names: What runs record: those that are running, and the last that succeeded.
    """

    name: str
    time: datetime
    trials: tuple[TrialProgress, ...]
    failures: tuple[Failure, ...]
    processes: tuple[ProcessIdentity, ...]
    metric: str | None
    metric_names: frozenset[str] = frozenset()

    @property
    def states(self) -> Mapping[RunStatus, int]:
        """How many runs stand how; those that were not begun yet are pending."""
        counts: Counter[RunStatus] = Counter()
        for trial in self.trials:
            counts.update(trial.states)
        return {status: counts[status] for status in RunStatus if counts[status]}

    @property
    def planned(self) -> int | None:
        """How many runs it will have; None where that is unknown of a trial."""
        known = [trial.planned for trial in self.trials if trial.planned is not None]
        return sum(known) if len(known) == len(self.trials) else None

    @property
    def is_active(self) -> bool:
        """True while a process executes the experiment or a run of it."""
        return bool(self.processes) or any(trial.running for trial in self.trials)

    @property
    def eta_s(self) -> float | None:
        """Seconds until all is done, 0 where nothing is left; None where nobody can tell."""
        known = [trial.eta_s for trial in self.trials if trial.eta_s is not None]
        return max(known, default=0.0) if len(known) == len(self.trials) else None
