"""A tracker's calls as records: to keep them for later, to write them down, to send them."""

from __future__ import annotations

import json
import math
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.metrics import CONFUSION_ROWS, MetricPoint, is_confusion
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker import Tracker

_NON_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


class Event(NamedTuple):
    """One call of a tracker (a named tuple: made for every metric).

    Attributes:
        method: Name of the method, such as ``"track"``.
        context: The context it got.
        time_s: When it was called, in seconds since 1970.
        level: The level it got, else the deepest open one.
        points: Its metrics.
        params: Its parameters.
        path: The file it names.
        artifact_type: What that file is.
        status: How the entity ended.
        error: The traceback of a failure.
        details: What the entity's creator said of it.
    """

    method: str
    context: Context
    time_s: float
    level: Level | None = None
    points: Sequence[MetricPoint] = ()
    params: Mapping[str, Any] | None = None
    path: Path | None = None
    artifact_type: str | None = None
    status: RunStatus | None = None
    error: str | None = None
    details: Mapping[str, Any] | None = None

    def to_json(self) -> str:
        """The event as one line of plain JSON, without what is not set.

        JSON has no numbers for NaN and the infinities: they are the strings ``"NaN"``,
        ``"Infinity"`` and ``"-Infinity"``, which ``float()`` takes in most languages. What is
        neither number, text, list nor mapping is written as its text.

        Example:
            >>> context = Context(Level.TRIAL, "digits", "small")
            >>> Event("track", context, 7.5, points=[MetricPoint("loss", math.nan)]).to_json()
            '{"time_s": 7.5, "method": "track", "experiment": "digits", "trial": "small", \
"metrics": [{"name": "loss", "value": "NaN"}]}'
        """
        record = {
            "time_s": self.time_s,
            "method": self.method,
            **self.context._asdict(),
            "level": self.level and self.level.name,
            "metrics": [_without_none(point._asdict()) for point in self.points] or None,
            "params": self.params,
            "path": self.path,
            "artifact_type": self.artifact_type,
            "status": self.status and self.status.value,
            "error": self.error,
            "details": self.details or None,
        }
        return json.dumps(_plain(_without_none(record)), allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Event:
        """What :meth:`to_json` wrote; parameters and details as plain as they stand there.

        Example:
            >>> context = Context(Level.TRIAL, "digits", "small")
            >>> event = Event("track", context, 7.5, Level.TRIAL, (MetricPoint("loss", 0.5),))
            >>> Event.from_json(event.to_json()) == event
            True
        """
        record = json.loads(line)
        level = Level[record["level"]] if "level" in record else None
        places = {name: record[name] for name in Context._fields if name in record}
        status, path = record.get("status"), record.get("path")
        return cls(
            record["method"],
            Context(**{**places, "level": level}),
            record["time_s"],
            level,
            tuple(_point(metric) for metric in record.get("metrics", ())),
            record.get("params"),
            None if path is None else Path(path),
            record.get("artifact_type"),
            None if status is None else RunStatus(status),
            record.get("error"),
            record.get("details"),
        )


class EventTracker(Tracker):
    """A tracker that makes an event of every call, and does the same with all of them."""

    @abstractmethod
    def record(self, event: Event) -> None:
        """Take one event."""

    def on_create(self, level: Level, context: Context, **details: Any) -> None:
        """An event with what the creator said."""
        self.record(Event("on_create", context, time.time(), level, details=details))

    def on_start(self, level: Level, context: Context) -> None:
        """An event."""
        self.record(Event("on_start", context, time.time(), level))

    def on_end(
        self,
        level: Level,
        context: Context,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
    ) -> None:
        """An event with the outcome."""
        self.record(Event("on_end", context, time.time(), level, status=status, error=error))

    def track(self, points: Sequence[MetricPoint], context: Context) -> None:
        """An event with the metrics, if there are any."""
        if points:
            self.record(Event("track", context, time.time(), context.level, points))

    def log_params(self, params: Mapping[str, Any], context: Context) -> None:
        """An event with the parameters, if there are any."""
        if params:
            now = time.time()
            self.record(Event("log_params", context, now, context.level, params=dict(params)))

    def on_add_artifact(self, artifact_path: Path, artifact_type: str, context: Context) -> None:
        """An event that names the file."""
        self._record_file("on_add_artifact", artifact_path, artifact_type, (), context)

    def on_checkpoint(
        self, network: Any, checkpoint_path: Path, points: Sequence[MetricPoint], context: Context
    ) -> None:
        """An event that names the file, with the metrics it was saved for."""
        del network
        self._record_file("on_checkpoint", checkpoint_path, "checkpoint", points, context)

    def _record_file(
        self,
        method: str,
        path: Path,
        artifact_type: str,
        points: Sequence[MetricPoint],
        context: Context,
    ) -> None:
        event = Event(method, context, time.time(), context.level, points)
        absolute = Path.cwd() / path  # the folder may be another one when the file is read
        self.record(event._replace(path=absolute, artifact_type=artifact_type))


def _point(metric: Mapping[str, Any]) -> MetricPoint:
    value, per_label = metric.get("value"), metric.get("per_label")
    return MetricPoint(
        metric["name"],
        None if value is None else float(value),
        None if per_label is None else _numbers(per_label),
        metric.get("step"),
    )


def _numbers(per_label: Mapping[str, Any]) -> dict[str, Any]:
    """The values as floats again, or the rows of a confusion matrix; its labels are text."""
    if is_confusion(per_label):
        rows = [[float(count) for count in row] for row in per_label[CONFUSION_ROWS]]
        return {**per_label, CONFUSION_ROWS: rows}
    return {label: float(value) for label, value in per_label.items()}


def _without_none(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value is not None}


def _plain(value: Any) -> Any:
    """The same as strict JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else _NON_FINITE.get(value, value)
    return value if value is None or isinstance(value, (str, int)) else str(value)
