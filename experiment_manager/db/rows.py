"""What the database gives back: a frozen dataclass for a row of each table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """A row of EXPERIMENT; times are in UTC."""

    id: int
    title: str
    description: str
    start_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A row of TRIAL; times are in UTC."""

    id: int
    name: str
    experiment_id: int
    start_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class TrialRunRow:
    """A row of TRIAL_RUN; times are in UTC.

    Attributes:
        status: Value of a ``RunStatus``.
        start_time: When its last attempt began.
        end_time: When it ended; None before.
        number: Its number within its trial, from 1.
        attempt: How often it was begun, from 1.
        config_hash: Hash of its resolved configuration, where it was planned.
        error: Traceback of a failure.
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
    heartbeat: datetime | None
    error: str | None

    @property
    def duration_s(self) -> float | None:
        """Wall time of the last attempt in seconds; None before its end."""
        return None if self.end_time is None else (self.end_time - self.start_time).total_seconds()


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
