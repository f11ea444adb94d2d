"""Event files for TensorBoard: ``tensorboard --logdir <workspace>/tensorboard`` compares runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.metrics import (
    CONFUSION_LABELS,
    CONFUSION_ROWS,
    MetricPoint,
    is_confusion,
    numbers_of,
)
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.config.paths import Directory
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.plugins.event_file import (
    PREFIX,
    EventFile,
    events_until,
    import_tensorboardx,
)
from experiment_manager.trackers.tracker import Tracker

FOLDER = "tensorboard"
_BATCH = "batch/"
_RECORDED = (Level.EXPERIMENT, Level.TRIAL, Level.TRIAL_RUN)


@dataclass
class _Series:
    """What is recorded of one run (or trial, or experiment).

    Attributes:
        file: Where it is written.
        params: The parameters so far.
        batches: The number of batches that have ended.
    """

    file: EventFile
    params: dict[str, Any] = field(default_factory=dict)
    batches: int = 0


@YAMLSerializable.register("tensorboard")
class TensorBoardTracker(Tracker):
    """Writes each run into a folder of its own, ``<experiment>/<trial>/run_<k>``.

    Scalars stand at their step, else at their epoch; those of a label are named
    ``name/label``, those of batches ``batch/name``, by the number of batches before. A confusion
    matrix is its accuracy and a table among the texts. When a run ends, its parameters appear
    among TensorBoard's HPARAMS beside the last value of each metric. TensorBoard's numbers have
    32 bits. Files and models are not written, nor are parameters of trials and experiments.

    A run that is resumed keeps its points up to the resumed epoch; one that begins anew
    replaces its folder's event files.

    Args:
        workspace: The workspace's folder.
        folder: Where to write, absolute or inside the workspace.

    Raises:
        MissingDependencyError: tensorboardX is not installed.

    Example:
        In env.yaml::

            trackers:
              - type: tensorboard
    """

    def __init__(self, workspace: Path, folder: str = FOLDER) -> None:
        super().__init__()
        self._root = Directory(workspace / folder)
        self._tensorboardx = import_tensorboardx()
        self._series: dict[tuple[str | None, ...], _Series] = {}

    def on_create(self, level: Level, context: Context, **details: Any) -> None:
        """Of a run, the points of an earlier attempt are taken over or deleted."""
        if level is not Level.TRIAL_RUN:
            return
        earlier = sorted(self._folder_of(context).glob(f"{PREFIX}*"))
        resumed_epoch = details.get("resumed_epoch")
        if resumed_epoch is not None:
            self._take_over(earlier, resumed_epoch, context)
        for path in earlier:
            path.unlink()

    def on_start(self, level: Level, context: Context) -> None:
        """Nothing: TensorBoard shows what was measured."""

    def on_end(
        self,
        level: Level,
        context: Context,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
    ) -> None:
        """The parameters of a run beside its outcome; a mark at the end of an epoch."""
        if level is Level.BATCH:
            self._series_of(context).batches += 1
        elif level is Level.EPOCH and context.epoch is not None:
            self._series_of(context).file.mark_end_of(context.epoch)
        elif level is Level.TRIAL_RUN:
            series = self._series_of(context)
            series.file.write_parameters(series.params, is_success=status.is_success)
        if level in _RECORDED and _key(context) in self._series:
            self._series.pop(_key(context)).file.close()

    def track(self, points: Sequence[MetricPoint], context: Context) -> None:
        """The metrics as scalars, and confusion matrices as tables too."""
        series = self._series_of(context)
        in_batch = context.batch is not None
        prefix = _BATCH if in_batch else ""
        for point in points:
            step = series.batches if in_batch else _step(point, context)
            numbers = numbers_of(point)
            series.file.write_scalars({prefix + n: v for n, v in numbers.items()}, step)
            if is_confusion(point.per_label):
                series.file.write_table(prefix + point.name, _table(point.per_label or {}), step)

    def log_params(self, params: Mapping[str, Any], context: Context) -> None:
        """Keep a run's parameters until it ends."""
        if context.run_key is not None:
            self._series_of(context).params.update(params)

    def flush(self) -> None:
        """Have all points survive a crash of the machine; TensorBoard sees them before."""
        for series in self._series.values():
            series.file.flush()

    def close(self) -> None:
        """Close the files that are still open."""
        while self._series:
            self._series.popitem()[1].file.close()

    def _take_over(self, files: Iterable[Path], epoch: int, context: Context) -> None:
        series = self._series_of(context)
        kept = list(events_until(epoch, files, self._tensorboardx))
        series.file.copy(kept)
        tagged = ((event.step, value.tag) for event in kept for value in event.summary.value)
        steps = [step for step, tag in tagged if tag.startswith(_BATCH)]
        series.batches = max(steps, default=-1) + 1

    def _series_of(self, context: Context) -> _Series:
        series = self._series.get(_key(context))
        if series is None:
            file = EventFile(self._folder_of(context), self._tensorboardx)
            series = self._series[_key(context)] = _Series(file)
        return series

    def _folder_of(self, context: Context) -> Path:
        run = None if context.run_key is None else f"run_{context.run or context.run_key}"
        directory = self._root
        for name in (context.experiment, context.trial, run):
            directory = directory if name is None else directory.child(name)
        return directory.root


def _key(context: Context) -> tuple[str | None, ...]:
    """What tells the run, or else the trial or experiment, from others."""
    return (context.experiment, context.trial, context.run_key)


def _step(point: MetricPoint, context: Context) -> int:
    return point.step if point.step is not None else context.epoch or 0


def _table(matrix: Mapping[str, Any]) -> list[list[str]]:
    labels = matrix[CONFUSION_LABELS]
    counts = [[f"{count:g}" for count in row] for row in matrix[CONFUSION_ROWS]]
    return [
        ["true / predicted", *labels],
        *([n, *row] for n, row in zip(labels, counts, strict=True)),
    ]
