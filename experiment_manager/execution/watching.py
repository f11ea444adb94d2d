"""What the trackers of the driver hear of runs that are executed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiment_manager.common.common import Level
from experiment_manager.executors.executor import RunHandle
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker import Tracker
from experiment_manager.trial import RunResult


@dataclass(frozen=True)
class TellTrackers:
    """Tells trackers when runs begin and end; of epochs the driver knows nothing.

    Attributes:
        trackers: Those that are in the driver's hands alone.
    """

    trackers: Sequence[Tracker]

    def __call__(self, handle: RunHandle, result: RunResult | None) -> None:
        """The run has begun, or come to its result."""
        spec = handle.spec
        context = Context().entering_trial(spec.experiment, spec.trial)
        context = context.entering(Level.TRIAL_RUN, run=spec.run, run_key=str(spec))
        for tracker in self.trackers:
            if result is None:
                details = {"seed": spec.seed, "config": spec.recorded_config}
                tracker.on_create(Level.TRIAL_RUN, context, **details)
                tracker.on_start(Level.TRIAL_RUN, context)
            elif handle.process is not None:
                tracker.on_end(Level.TRIAL_RUN, context, result.status, result.error)
