"""Whether runs get further from job to job, where a job does not last as long as a run."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from experiment_manager.config.plan import RunSpec
from experiment_manager.pipelines.checkpoint_folder import CheckpointFolder


@dataclass(frozen=True)
class _FirstRun:
    """What a job began with: the one run that has all of its time."""

    name: str
    end_s: float
    epoch: int | None


class JobProgress:
    """Knows with what jobs began, to find runs that would never come to their end."""

    def __init__(self) -> None:
        self._first_runs: dict[int, _FirstRun] = {}

    def begin(self, job: int, spec: RunSpec, time_s: float) -> None:
        """A job gets a run.

        Args:
            job: Its number.
            spec: The run.
            time_s: How long the job has for its runs, at least.
        """
        if job not in self._first_runs:
            end_s = time.monotonic() + time_s
            self._first_runs[job] = _FirstRun(str(spec), end_s, _last_epoch(spec))

    def is_in_vain(self, job: int, spec: RunSpec) -> bool:
        """True where a run had all the time of a job, and ends without a new checkpoint."""
        first = self._first_runs[job]
        had_all = first.name == str(spec) and time.monotonic() >= first.end_s
        return had_all and _last_epoch(spec) == first.epoch


def _last_epoch(spec: RunSpec) -> int | None:
    """The last epoch from which the run could go on."""
    folder = CheckpointFolder(spec.directory.artifacts, logging.getLogger(__name__))
    return max((one.epoch for one in folder.saved() if one.has_state), default=None)
