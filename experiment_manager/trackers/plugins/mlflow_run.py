"""One run of MLflow's, and what a trial, a run or an experiment writes into it."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiment_manager.common.common import RunStatus
from experiment_manager.common.files import append_line, write_text_atomic
from experiment_manager.common.imports import require
from experiment_manager.common.metrics import MetricPoint, is_confusion, numbers_of
from experiment_manager.trackers.events import Event
from experiment_manager.trackers.plugins.mlflow_metrics import (
    MAX_METRICS_PER_CALL,
    MAX_PARAM_LENGTH,
    MAX_PARAMS_PER_CALL,
    MAX_TAG_LENGTH,
    History,
    chunks,
    mlflow_name,
    shortened,
)
from experiment_manager.trackers.plugins.mlflow_progress import BATCH_PREFIX, EPOCH, Progress

RESULT_TIMES_FILE = "mlflow_result_times"
ERROR_TAG = "error"
_STATUS = {RunStatus.FAILED: "FAILED", RunStatus.ABORTED: "KILLED"}


class MLflowRun:
    """Writes into one MLflow run.

    The step of a metric is the one that it was given, else its epoch. Metrics of a run as a
    whole have the last epoch, so that MLflow shows them as the latest values. Those of batches
    are named ``batch/<name>``, and their step counts the batches of the whole run. The metric
    ``epoch`` says when each epoch began: what later attempts measure again is told by it. When
    metrics of the run as a whole were recorded lies in a file beside its id, since MLflow cannot
    tell them from those of epochs: every later attempt measures them again.

    Args:
        client: An ``MlflowClient``.
        run: The run as MLflow describes it.
        file: Where its id is kept for later attempts, if anywhere.
        logger: Told what a person may want to know.

    Attributes:
        id: MLflow's id of the run.
        has_ended: True once its final status was recorded.
    """

    def __init__(self, client: Any, run: Any, file: Path | None, logger: logging.Logger) -> None:
        self._client = client
        self._file = file
        self._logger = logger
        self._entities = require("mlflow.entities", "mlflow", "The MLflow tracker")
        self.has_ended = False
        self._history = History()
        self._under_way: dict[int, tuple[Event, list[Any]]] = {}
        self._progress = Progress()
        self._latest_ms = 0
        self._adopt(run)

    def reopen(self) -> None:
        """Continue after it was ended; everything in it holds."""
        self._history = History(self._continue())

    def resume(self, kept_epoch: int | None) -> None:
        """Continue after an earlier attempt, of which epochs up to ``kept_epoch`` hold."""
        points = self._continue()
        end_ms = 0 if kept_epoch is None else _end_of_epoch(kept_epoch, points)
        results_ms = self._result_times()
        kept = [p for p in points if p.timestamp < end_ms and p.timestamp not in results_ms]
        self._history = History(kept, points)
        self._progress = Progress(kept, kept_epoch)

    def record_metrics(self, events: Sequence[Event]) -> None:
        """The metrics of several events in as few requests as possible."""
        points = [point for event in events for point in self._points_of(event)]
        if self._history.is_contradicted_by(points):
            self._replace()
        self._log(self.id, [point for point in points if not self._history.has(point)])
        for event in events:
            self._record_matrices(event)

    def settle(self, events: Sequence[Event]) -> None:
        """These will not come again; others may, of which a part was sent."""
        for event in events:
            self._under_way.pop(id(event), None)

    def record_params(self, params: Mapping[str, Any]) -> None:
        """Parameters; MLflow keeps the first value of each."""
        given = {mlflow_name(k): shortened(str(v), MAX_PARAM_LENGTH) for k, v in params.items()}
        changed = [k for k, v in given.items() if self._params.get(k, v) != v]
        if changed:
            self._logger.warning(
                "MLflow run %s keeps the earlier values of parameters: %s", self.id, changed
            )
        new = {k: v for k, v in given.items() if k not in self._params}
        self._log_params(self.id, new)
        self._params |= new

    def record_file(self, event: Event) -> None:
        """A file or folder; checkpoints and the files of each epoch in folders of their own.

        A checkpoint that has gone gave way to a better or later one, and is passed over.
        """
        try:
            self._upload(event)
        except Exception:
            if event.method != "on_checkpoint" or Path(str(event.path)).exists():
                raise

    def _upload(self, event: Event) -> None:
        epoch = event.context.epoch
        folder = None if epoch is None else f"epoch_{epoch}"
        if event.artifact_type == "checkpoint":
            folder = "checkpoints"
        is_folder = event.path is not None and event.path.is_dir()
        log = self._client.log_artifacts if is_folder else self._client.log_artifact
        log(self.id, str(event.path), folder)

    def end(self, event: Event) -> None:
        """The final status, and the traceback of a failure."""
        if self._history.has_leftovers:
            self._replace()
        if event.error:
            self._client.set_tag(self.id, ERROR_TAG, shortened(event.error, MAX_TAG_LENGTH))
        status = _STATUS.get(event.status or RunStatus.COMPLETED, "FINISHED")
        self._client.set_terminated(self.id, status, end_time=_milliseconds(event))
        self.has_ended = True

    def _continue(self) -> list[Any]:
        """Run again; all points so far."""
        self._client.update_run(self.id, status="RUNNING")
        if ERROR_TAG in self._run.data.tags:
            self._client.delete_tag(self.id, ERROR_TAG)
        points = self._all_points()
        self._latest_ms = max((point.timestamp for point in points), default=-1) + 1
        return points

    def _adopt(self, run: Any) -> None:
        self._run = run
        self.id: str = run.info.run_id
        self._params = dict(run.data.params)
        if self._file is not None:
            write_text_atomic(self._file, self.id)

    # Points.

    def _points_of(self, event: Event) -> list[Any]:
        """The points of an event, the same for one that comes again."""
        if id(event) not in self._under_way:
            self._under_way[id(event)] = (event, self._make_points(event))
        return self._under_way[id(event)][1]

    def _make_points(self, event: Event) -> list[Any]:
        metric, batch = self._entities.Metric, event.context.batch
        epoch = event.context.epoch
        is_first = self._progress.enter(epoch)
        is_later = is_first or epoch is None  # results come after all
        time_ms = self._latest_ms = max(_milliseconds(event), self._latest_ms + is_later)
        if epoch is None and event.context.run is not None:
            self._remember_result(time_ms)
        step = self._progress.step if batch is None else self._progress.count(batch)
        prefix = "" if batch is None else BATCH_PREFIX
        mark = [metric(EPOCH, epoch, time_ms, epoch)] if is_first and self._file else []
        return mark + [  # in this order: what has arrived in part has its mark
            metric(mlflow_name(prefix + name), value, time_ms, _step_of(point, batch, step))
            for point in event.points
            for name, value in numbers_of(point).items()
        ]

    def _remember_result(self, time_ms: int) -> None:
        if self._file is not None:
            append_line(self._file.with_name(RESULT_TIMES_FILE), str(time_ms))

    def _result_times(self) -> set[int]:
        file = self._file and self._file.with_name(RESULT_TIMES_FILE)
        if file is None or not file.exists():
            return set()
        return set(map(int, file.read_text("utf-8").split()))

    def _record_matrices(self, event: Event) -> None:
        epoch = event.context.epoch
        suffix = "" if epoch is None else f"_epoch_{epoch}"
        for point in event.points:
            if is_confusion(point.per_label):
                file = f"confusion/{point.name}{suffix}.json"
                self._client.log_dict(self.id, dict(point.per_label or {}), file)

    # Whole runs.

    def _log(self, run_id: str, points: Sequence[Any]) -> None:
        for some in chunks(points, MAX_METRICS_PER_CALL):
            self._client.log_batch(run_id, metrics=some, synchronous=True)

    def _log_params(self, run_id: str, params: Mapping[str, str]) -> None:
        entities = [self._entities.Param(name, value) for name, value in params.items()]
        for some in chunks(entities, MAX_PARAMS_PER_CALL):
            self._client.log_batch(run_id, params=some, synchronous=True)

    def _all_points(self) -> list[Any]:
        names = self._client.get_run(self.id).data.metrics
        return [p for name in names for p in self._client.get_metric_history(self.id, name)]

    def _replace(self) -> None:
        """Go on in a new MLflow run, with all of this one's that holds."""
        old = self.id
        current = self._client.get_run(old)
        run = self._client.create_run(
            current.info.experiment_id,
            start_time=current.info.start_time,
            tags=current.data.tags,
            run_name=current.info.run_name,
        )
        points = [point for point in self._all_points() if not self._history.is_leftover(point)]
        self._log(run.info.run_id, points)
        self._log_params(run.info.run_id, self._params)
        self._copy_files(run.info.run_id)
        self._adopt(self._client.get_run(run.info.run_id))
        self._history = History(points)
        self._client.delete_run(old)
        self._logger.info("MLflow run %s takes the place of %s, which differs", self.id, old)

    def _copy_files(self, run_id: str) -> None:
        if not self._client.list_artifacts(self.id):
            return
        with tempfile.TemporaryDirectory() as folder:
            self._client.download_artifacts(self.id, "", folder)
            self._client.log_artifacts(run_id, folder)


def _end_of_epoch(epoch: int, points: Sequence[Any]) -> float:
    """When the next one began; infinity if none did."""
    starts = (p.timestamp for p in points if p.key == EPOCH and p.step > epoch)
    return min(starts, default=math.inf)


def _step_of(point: MetricPoint, batch: int | None, default: int) -> int:
    return point.step if batch is None and point.step is not None else default


def _milliseconds(event: Event) -> int:
    return int(event.time_s * 1000)
