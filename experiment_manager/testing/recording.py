"""A tracker that remembers what it was told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker import Tracker


@dataclass(frozen=True)
class TrackerCall:
    """One call of a tracker.

    Attributes:
        name: The method.
        context: The context it got; an empty one for ``close``.
        level: The level it got, if any.
        points: The metrics it got.
        given: Its other arguments by name.
    """

    name: str
    context: Context = field(default_factory=Context)
    level: Level | None = None
    points: Sequence[MetricPoint] = ()
    given: Mapping[str, Any] = field(default_factory=dict)


class RecordingTracker(Tracker):
    """Keeps every call in a list and raises where it is told to.

    Args:
        failing: Names of the methods that raise ``OSError`` after they kept the call.

    Attributes:
        calls: What it was told, in order.
        failing: As given; may be changed at any time.

    Example:
        >>> from experiment_manager.trackers.tracker_manager import TrackerManager
        >>> tracker = RecordingTracker()
        >>> TrackerManager([tracker]).track("accuracy", 0.9, step=1)
        >>> tracker.calls[-1].name, tracker.calls[-1].context.epoch
        ('track', 1)
    """

    def __init__(self, failing: Collection[str] = ()) -> None:
        super().__init__()
        self.calls: list[TrackerCall] = []
        self.failing = failing

    def on_create(self, level: Level, context: Context, **details: Any) -> None:
        """Keep the call."""
        self._keep(TrackerCall("on_create", context, level, given=details))

    def on_start(self, level: Level, context: Context) -> None:
        """Keep the call."""
        self._keep(TrackerCall("on_start", context, level))

    def on_end(
        self,
        level: Level,
        context: Context,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
    ) -> None:
        """Keep the call."""
        self._keep(TrackerCall("on_end", context, level, given={"status": status, "error": error}))

    def track(self, points: Sequence[MetricPoint], context: Context) -> None:
        """Keep the call."""
        self._keep(TrackerCall("track", context, points=points))

    def log_params(self, params: Mapping[str, Any], context: Context) -> None:
        """Keep the call."""
        self._keep(TrackerCall("log_params", context, given=params))

    def on_add_artifact(self, artifact_path: Path, artifact_type: str, context: Context) -> None:
        """Keep the call."""
        given = {"path": artifact_path, "type": artifact_type}
        self._keep(TrackerCall("on_add_artifact", context, given=given))

    def on_checkpoint(
        self, network: Any, checkpoint_path: Path, points: Sequence[MetricPoint], context: Context
    ) -> None:
        """Keep the call."""
        given = {"network": network, "path": checkpoint_path}
        self._keep(TrackerCall("on_checkpoint", context, points=points, given=given))

    def close(self) -> None:
        """Keep the call."""
        self._keep(TrackerCall("close"))

    def named(self, name: str) -> list[TrackerCall]:
        """The calls of one method."""
        return [call for call in self.calls if call.name == name]

    def lifecycle(self) -> list[str]:
        """Every ``on_...`` of an entity as text, such as ``"on_start EPOCH"``."""
        return [f"{c.name} {c.level.name}" for c in self.calls if c.level is not None]

    def _keep(self, call: TrackerCall) -> None:
        self.calls.append(call)
        if call.name in self.failing:
            raise OSError(f"{call.name} was told to fail")
