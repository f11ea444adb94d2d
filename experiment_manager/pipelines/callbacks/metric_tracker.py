"""Writes the course of a training into a CSV file that survives whatever happens."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        self._names: list[str] = []
        self._rows: list[_Row] = []

    def on_start(self) -> None:
        """Begin an empty file."""
        self._names = []
        self._rows = []
        self._rewrite()

    def state_dict(self) -> dict[str, Any]:
        """The rows so far."""
        return {"rows": [[row.kind, row.epoch, dict(row.numbers)] for row in self._rows]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after these rows."""
        self._rows = [_Row(*row) for row in state["rows"]]
        names = (name for row in self._rows for name in row.numbers)
        self._names = list(dict.fromkeys(names))
        self._rewrite()

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
        """Add the epoch's row."""
        self._add(_Row("EPOCH", str(epoch_idx), scalars_of(to_points(metrics))))

    def on_end(self, metrics: Mapping[Any, Any]) -> None:
        """Add the row of final results and record the file as an artifact."""
        self._add(_Row("FINAL", "", scalars_of(to_points(metrics))))
        self.env.tracker_manager.on_add_artifact(Level.TRIAL_RUN, self.path, "metrics")

    def _add(self, row: _Row) -> None:
        self._rows.append(row)
        new_names = [name for name in row.numbers if name not in self._names]
        if new_names:
            self._names += new_names
            self._rewrite()
        else:
            append_line(self.path, row.line(self._names))

    def _rewrite(self) -> None:
        lines = [
            _csv_line([*FIXED_COLUMNS, *self._names]),
            *(row.line(self._names) for row in self._rows),
        ]
        write_text_atomic(self.path, "".join(f"{line}\n" for line in lines))


@dataclass(frozen=True)
class _Row:
    kind: str
    epoch: str
    numbers: Mapping[str, float]

    def line(self, names: Sequence[str]) -> str:
        return _csv_line([self.kind, self.epoch, *(self.numbers.get(name, "") for name in names)])


def _csv_line(cells: Sequence[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue().removesuffix("\n")
