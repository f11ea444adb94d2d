"""What ``tail`` tells of runs, as a line for people and as a dict for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.markup import escape

from experiment_manager.cli.console import (
    customary_first,
    duration_text,
    number_text,
    status_text,
)
from experiment_manager.common.common import RunStatus
from experiment_manager.db.rows import TrialRunRow


@dataclass(frozen=True)
class Attempt:
    """An attempt at a run.

    Attributes:
        experiment: Title of its experiment.
        trial: Name of its trial.
        run: How it stands.
    """

    experiment: str
    trial: str
    run: TrialRunRow

    @property
    def key(self) -> tuple[int, int]:
        """Tells it from every other one."""
        return self.run.id, self.run.attempt

    @property
    def status(self) -> RunStatus:
        """How it stands."""
        return RunStatus(self.run.status)

    @property
    def name(self) -> str:
        """How it is called, with markup."""
        return escape(f"{self.trial} run {self.run.number}")

    def as_dict(self, event: str) -> dict[str, Any]:
        """What every event tells of it."""
        return {
            "event": event,
            "experiment": self.experiment,
            "trial": self.trial,
            "run": self.run.number,
            "attempt": self.run.attempt,
        }


@dataclass(frozen=True)
class RunStarted:
    """An attempt has begun."""

    attempt: Attempt

    def as_text(self) -> str:
        """A line with markup."""
        return f"{self.attempt.name} started, seed {self.attempt.run.seed}"

    def as_dict(self) -> dict[str, Any]:
        """As :mod:`experiment_manager.cli.as_json` describes it."""
        return {**self.attempt.as_dict("started"), "seed": self.attempt.run.seed}


@dataclass(frozen=True)
class EpochRecorded:
    """An epoch has new metrics.

    Attributes:
        attempt: Whose.
        epoch: Its index.
        done: How many epochs there are up to this one.
        planned: How many there will be; None where that is unknown.
        eta_s: How long the rest takes if it goes like what this attempt has done.
        metrics: The new numbers by name.
    """

    attempt: Attempt
    epoch: int
    done: int
    planned: int | None
    eta_s: float | None
    metrics: Mapping[str, float]

    def as_text(self) -> str:
        """A line with markup."""
        count = f"{self.done}/{self.planned}" if self.planned else f"{self.done}"
        eta = duration_text(self.eta_s)
        return f"{self.attempt.name} epoch {count}, ETA {eta}  {_metrics_text(self.metrics)}"

    def as_dict(self) -> dict[str, Any]:
        """As :mod:`experiment_manager.cli.as_json` describes it."""
        return {
            **self.attempt.as_dict("epoch"),
            "epoch": self.epoch,
            "done": self.done,
            "planned": self.planned,
            "eta_s": self.eta_s,
            "metrics": self.metrics,
        }


@dataclass(frozen=True)
class RunEnded:
    """An attempt has ended.

    Attributes:
        attempt: Which.
        epochs: How many there are.
        metrics: Its final results by name.
    """

    attempt: Attempt
    epochs: int
    metrics: Mapping[str, float]

    def as_text(self) -> str:
        """A line with markup."""
        status = self.attempt.status
        counted = f"{self.epochs} epoch{'' if self.epochs == 1 else 's'}"
        duration = duration_text(self.attempt.run.duration_s)
        text = f"{self.attempt.name} {status_text(status)}, {counted} in {duration}"
        results = _metrics_text(self.metrics)
        return f"{text}  {results}" if status.is_success and results else text

    def as_dict(self) -> dict[str, Any]:
        """As :mod:`experiment_manager.cli.as_json` describes it."""
        return {
            **self.attempt.as_dict("ended"),
            "status": self.attempt.run.status,
            "epochs": self.epochs,
            "duration_s": self.attempt.run.duration_s,
            "error": self.attempt.run.error,
            "metrics": self.metrics,
        }


Event = RunStarted | EpochRecorded | RunEnded


def _metrics_text(metrics: Mapping[str, float]) -> str:
    numbers = (f"{name} {number_text(metrics[name])}" for name in customary_first(metrics))
    return escape("  ".join(numbers))
