"""Runs from TensorBoard's event files."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from experiment_manager.cli.source_runs import SourceRun, in_order, trial_of_folder, utc_time
from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.trackers.plugins.event_file import import_tensorboardx, read_events

SCALARS = "scalars"  # TensorFlow writes numbers as tensors, and says so when it begins a tag
_LAYOUTS = {1: "<f", 2: "<d"}  # by the number of TensorFlow's type


def read_tensorboard(source: str) -> Iterator[SourceRun]:
    """The run of an event file, or those of all folders with some in or below a folder.

    Scalars belong to the epoch of their step; other summaries are left out. A run lasted from its
    first event to its last.

    Raises:
        MissingDependencyError: tensorboardX is not installed.
    """
    tensorboardx = import_tensorboardx()
    path = Path(source).resolve()
    by_folder: dict[Path, list[Path]] = {}
    for file in sorted([path] if path.is_file() else path.rglob("*tfevents*")):
        by_folder.setdefault(file.parent, []).append(file)
    root = path.parent if path.is_file() else path
    for folder in in_order(by_folder):
        content = _Content(tensorboardx)
        content.read(by_folder[folder])
        yield SourceRun(
            source=f"tensorboard:{folder}",
            trial=trial_of_folder(folder, root),
            params=content.params,
            epochs=sorted(content.points.items()),
            status=content.status,
            started=content.started,
            ended=content.ended,
        )


class _Content:
    """What the event files of a run hold."""

    def __init__(self, tensorboardx: ModuleType) -> None:
        self.params: dict[str, Any] = {}
        self.points: dict[int, list[MetricPoint]] = {}
        self.status = RunStatus.COMPLETED
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self._tensorboardx = tensorboardx
        self._scalars: set[str] = set()

    def read(self, files: Iterable[Path]) -> None:
        """Take in what they hold, in the order of their writing."""
        for file in files:
            for event in read_events(file, self._tensorboardx):
                self._extend_to(utc_time(event.wall_time))
                for value in event.summary.value:
                    self._add(value, event.step)

    def _extend_to(self, time: datetime) -> None:
        self.started = min(self.started or time, time)
        self.ended = max(self.ended or time, time)

    def _add(self, value: Any, step: int) -> None:
        plugin = value.metadata.plugin_data
        if plugin.plugin_name == SCALARS:
            self._scalars.add(value.tag)
        if plugin.plugin_name == "hparams":
            self._add_session(plugin.content)
        kind = value.WhichOneof("value")
        number = value.simple_value if kind == "simple_value" else None
        if kind == "tensor" and value.tag in self._scalars:
            number = _number_of(value.tensor)
        if number is not None:
            self.points.setdefault(step, []).append(MetricPoint(value.tag, number, None, step))

    def _add_session(self, content: bytes) -> None:
        """The parameters at a run's start, or the outcome at its end."""
        proto = self._tensorboardx.proto
        data = proto.plugin_hparams_pb2.HParamsPluginData.FromString(content)
        for name, value in data.session_start_info.hparams.items():
            self.params[name] = getattr(value, value.WhichOneof("kind") or "", None)
        if data.session_end_info.status == proto.api_pb2.STATUS_FAILURE:
            self.status = RunStatus.FAILED


def _number_of(tensor: Any) -> float | None:
    """The only number of a tensor; None where it is another kind of tensor."""
    layout = _LAYOUTS.get(tensor.dtype)
    if layout is None:
        return None
    listed = [*tensor.float_val, *tensor.double_val]
    if not listed and len(tensor.tensor_content) == struct.calcsize(layout):
        listed = [*struct.unpack(layout, tensor.tensor_content)]
    return listed[0] if len(listed) == 1 else None
