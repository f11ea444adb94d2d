"""A log that people read: one line for what happens in any run of the experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.files import append_line
from experiment_manager.common.metrics import MetricPoint, scalars_of
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker import Tracker

LOG_FILE = "metrics.log"


@YAMLSerializable.register("log")
class LogTracker(Tracker):
    """Appends to ``metrics.log`` in the experiment's log folder.

    Each line is one write, so that runs in several processes share the file.

    Args:
        log_dir: The experiment's log folder.
    """

    def __init__(self, log_dir: Path) -> None:
        super().__init__()
        self._path = log_dir / LOG_FILE

    def on_create(self, level: Level, context: Context, **details: Any) -> None:
        """Nothing yet: a line tells what happened, not what may."""

    def on_start(self, level: Level, context: Context) -> None:
        """A line for the start of a run."""
        if level is Level.TRIAL_RUN:
            self._write(context, "started")

    def on_end(
        self,
        level: Level,
        context: Context,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
    ) -> None:
        """A line for the end of a run, with the last line of a failure's traceback."""
        if level is Level.TRIAL_RUN:
            reason = f": {error.strip().splitlines()[-1]}" if error else ""
            self._write(context, f"{status.value}{reason}")

    def track(self, points: Sequence[MetricPoint], context: Context) -> None:
        """A line with all the numbers that were measured at once."""
        numbers = [f"{name}={value:.6g}" for name, value in scalars_of(points).items()]
        if numbers:
            self._write(context, " ".join(numbers))

    def log_params(self, params: Mapping[str, Any], context: Context) -> None:
        """A line with the parameters."""
        self._write(context, "parameters: " + " ".join(f"{k}={v}" for k, v in params.items()))

    def on_add_artifact(self, artifact_path: Path, artifact_type: str, context: Context) -> None:
        """A line with the file's place."""
        self._write(context, f"{artifact_type}: {artifact_path}")

    def _write(self, context: Context, text: str) -> None:
        now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        append_line(self._path, f"{now} | {context} | {' '.join(text.splitlines())}")
