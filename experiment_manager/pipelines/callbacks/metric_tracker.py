"""Writes the course of a training into a CSV file that survives whatever happens."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from experiment_manager.common.common import Level
from experiment_manager.common.files import append_line, write_text_atomic
from experiment_manager.common.metrics import scalars_of, to_points
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback

FILE_NAME = "metrics.log"
FIXED_COLUMNS = ("type", "epoch")


@YAMLSerializable.register("metrics_tracker")
class MetricsTracker(Callback):
    """Writes ``metrics.log`` into the run's artifacts, a row for each epoch as it happens.

    The columns are ``type`` (``EPOCH``, then ``FINAL``), ``epoch`` (empty in the last row)
    and one for each metric; a label's value has the column ``name/label``. A metric that
    appears later gets its column then.

    Args:
        env: Where the file goes and is recorded.
    """

    def __init__(self, env: Environment) -> None:
        super().__init__()
        self.env = env
        self.path = env.artifact_dir / FILE_NAME
        self._columns: list[str] = []
        self._rows: list[dict[str, Any]] = []

    def on_start(self) -> None:
        """Begin an empty file."""
        self._columns = list(FIXED_COLUMNS)
        self._rows = []
        self._rewrite()

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
        """Add the epoch's row."""
        self._add({"type": "EPOCH", "epoch": epoch_idx, **scalars_of(to_points(metrics))})

    def on_end(self, metrics: Mapping[Any, Any]) -> None:
        """Add the row of final results and record the file as an artifact."""
        self._add({"type": "FINAL", "epoch": "", **scalars_of(to_points(metrics))})
        self.env.tracker_manager.on_add_artifact(Level.TRIAL_RUN, self.path, "metrics")

    def _add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        new_columns = [name for name in row if name not in self._columns]
        if new_columns:
            self._columns += new_columns
            self._rewrite()
        else:
            append_line(self.path, _csv_line([row.get(name, "") for name in self._columns]))

    def _rewrite(self) -> None:
        table = [self._columns, *([r.get(name, "") for name in self._columns] for r in self._rows)]
        write_text_atomic(self.path, "".join(f"{_csv_line(cells)}\n" for cells in table))


def _csv_line(cells: Sequence[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()
