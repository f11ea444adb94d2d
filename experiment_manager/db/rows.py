"""What the database gives back: a frozen dataclass for a row of each table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from experiment_manager.common.processes import ProcessIdentity

LEASE_S = 90.0  # after which a process on another machine that is silent counts as dead


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """A row of EXPERIMENT; times are in UTC.

    Attributes:
        note: What somebody wrote about it.
        workspace: Absolute folder in which its folder was when it last ran; None for one that
            was made by hand.
    """

    id: int
    title: str
    description: str
    start_time: datetime
    update_time: datetime
    note: str | None = None
    workspace: str | None = None


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A row of TRIAL; times are in UTC.

    Attributes:
        note: What somebody wrote about it.
    """

    id: int
    name: str
    experiment_id: int
    start_time: datetime
    update_time: datetime
    note: str | None = None


@dataclass(frozen=True, slots=True)
class TrialRunRow:
    """A row of TRIAL_RUN; times are in UTC.

    Attributes:
        status: Value of a ``RunStatus``; ``lost`` where its process has vanished.
        start_time: When its last attempt began.
        end_time: When it ended; None before.
        number: Its number within its trial, from 1.
        attempt: How often it was begun, from 1.
        config_hash: Hash of its resolved configuration, where it was planned.
        error: Traceback of a failure.
        reason: Why it did not succeed, in a word: the exception's class, ``oom`` (out of memory),
            ``timeout``, ``interrupted``, ``terminated``; None where it did, or has not ended.
        note: What somebody wrote about it.
    """

    id: int
    trial_id: int
    status: str
    start_time: datetime
    update_time: datetime
    end_time: datetime | None
    number: int
    seed: int | None
    attempt: int
    config_hash: str | None
    error: str | None
    reason: str | None = None
    note: str | None = None

    @property
    def duration_s(self) -> float | None:
        """Wall time of the last attempt in seconds; None before its end."""
        return _seconds(self.start_time, self.end_time)


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """A row of TRIAL_RUN_ATTEMPT: how an attempt of a run before its last one ended.

    Attributes:
        attempt: Which one, from 1.
        status: Value of a ``RunStatus``; ``lost`` for one whose process vanished.
        reason: As that of a run.
        error: Traceback of a failure.
    """

    trial_run_id: int
    attempt: int
    status: str
    reason: str | None
    error: str | None
    start_time: datetime
    end_time: datetime | None

    @property
    def duration_s(self) -> float | None:
        """Wall time in seconds; None where nobody saw it end."""
        return _seconds(self.start_time, self.end_time)


@dataclass(frozen=True, slots=True)
class ArchivedRunRow:
    """A row of ARCHIVED_RUN: a run that was set aside.

    Attributes:
        number: The number that it had in its trial.
        version: Which of the runs of this number that were set aside, from 1.
        reason: ``changed``, ``restarted`` or ``removed``.
        time: When, in UTC.
    """

    trial_run_id: int
    number: int
    version: int
    reason: str
    time: datetime


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """A row of LEASE: a process that executes an experiment or a run.

    Attributes:
        experiment_id: The experiment, or None.
        trial_run_id: The run, or None.
        process: Who it is.
        start_time: Since when, in UTC.
        age_s: Seconds since it was last heard of, by the database's clock.
    """

    id: int
    experiment_id: int | None
    trial_run_id: int | None
    process: ProcessIdentity
    start_time: datetime
    age_s: float

    @property
    def is_lost(self) -> bool:
        """True where the process is provably gone, or has long not been heard of."""
        if self.process.is_here:
            return self.process.is_gone
        return self.age_s > LEASE_S


@dataclass(frozen=True, slots=True)
class EpochRow:
    """A row of EPOCH."""

    idx: int
    trial_run_id: int
    time: datetime


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A row of METRIC.

    Attributes:
        type: The metric's name.
        total_val: Its number; None for a per-label metric without a total.
        per_label_val: Label to number, or a confusion matrix's ``labels`` and ``rows``.
        step: The step that its caller gave.
    """

    id: int
    type: str
    total_val: float | None
    per_label_val: Mapping[str, Any] | None
    step: int | None


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """A row of ARTIFACT; a relative location is one below the workspace."""

    id: int
    type: str
    location: str


@dataclass(frozen=True, slots=True)
class JournalRow:
    """A row of JOURNAL: a file that may hold what the database does not have.

    Attributes:
        trial_run_id: The run that it is of; None where it is of an experiment or a trial.
        location: Its path, relative to the folder of an SQLite database that lies above it.
        host: Name of the machine that wrote it.
        applied: Number of its last record that is in the database; 0 before the first.
    """

    id: int
    trial_run_id: int | None
    location: str
    host: str
    applied: int


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else (end - start).total_seconds()
