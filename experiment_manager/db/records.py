"""What the records of a journal say, and how they become rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import copysign, isfinite
from time import time
from typing import Any

from sqlalchemy import Connection

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import QueryError
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db import writer
from experiment_manager.db.bulk import Key, MetricValues, bulk_writer
from experiment_manager.db.column_types import (
    NAME_LENGTH,
    as_integer,
    as_name,
    decode_json,
    encode_json,
)
from experiment_manager.db.journal import Record
from experiment_manager.db.keys import Owner
from experiment_manager.db.schema import metadata

# A record is (number, kind, ...); that of a metric, which has no kind, (number, *MetricValues).
OWNER = 0  # table, key, time: whose the records after it are
PARAMETERS = 1  # (name, value as JSON text), ...
ARTIFACT = 2  # type, location
STATUS = 3  # status, error, time: of the run

_PLAIN_STEP = 2**62  # below it a step needs no closer look

# Rows that come into being with their first metric or artifact, and those that they need, each
# with the length of its primary key.
_MADE_ON_DEMAND = {
    "RESULTS": {"RESULTS": 1},
    "EPOCH": {"EPOCH": 2},
    "BATCH": {"EPOCH": 2, "BATCH": 3},
}


def owner_record(owner: Owner) -> Record:
    """The record that says: what follows belongs to this owner.

    Raises:
        QueryError: Its key has a part that is no integer of 64 bits.
    """
    return (OWNER, owner.table, tuple(map(as_integer, owner.key)), time())


def metric_values(point: MetricPoint) -> MetricValues:
    """A point as the columns of its METRIC row.

    Raises:
        QueryError: Its name is no text or too long, its value no number, its step no integer.
    """
    name, value, per_label, step = point
    if name.__class__ is not str or len(name) > NAME_LENGTH or "\0" in name:
        name = as_name(name)
    if value is not None and value.__class__ is not float:
        value = _number(name, value)
    if step is not None and not (step.__class__ is int and -_PLAIN_STEP < step < _PLAIN_STEP):
        step = _step(name, step)
    is_plain = value is not None and value - value == 0.0 and (value or copysign(1, value) > 0)
    if is_plain and per_label is None:
        return (name, value, step)
    labels = None if per_label is None else encode_json(per_label)
    if value is None or is_plain:
        return (name, value, step, None, labels)
    return (name, value if isfinite(value) else None, step, str(value), labels)


def record_points(connection: Connection, owner: Owner, points: Sequence[MetricPoint]) -> None:
    """Write metrics and their owner's row at once, within a transaction of the caller."""
    entries = [owner_record(owner), *(metric_values(point) for point in points)]
    records = [(number, *entry) for number, entry in enumerate(entries, start=1)]
    apply_records(connection, records, None, applied=0)


def apply_records(
    connection: Connection, records: Sequence[Record], owner: Owner | None, applied: int
) -> Owner | None:
    """Make rows of records, within a transaction of the caller.

    Args:
        connection: Its transaction is open.
        records: In their order.
        owner: Whose the first ones are, where an earlier call ended with it.
        applied: Number of the last record that was applied before; those up to it only tell
            whose the others are.

    Returns:
        The owner of the last record.
    """
    batch = _Batch()
    for record in records:
        what = record[1]
        if what.__class__ is str:
            if record[0] > applied:
                batch.metrics.append(record[1:])
        elif what == OWNER:
            batch.end_segment(owner)
            owner = Owner(record[2], record[3])
            if record[0] > applied:
                batch.own(owner, record[4])
        elif record[0] > applied and owner is not None:
            batch.others.append((owner, record))
    batch.end_segment(owner)
    batch.write(connection)
    return owner


@dataclass
class _Batch:
    """Rows to write, collected over many records."""

    metrics: list[MetricValues] = field(default_factory=list)
    others: list[tuple[Owner, Record]] = field(default_factory=list)
    _times: dict[str, dict[Key, float]] = field(default_factory=dict)
    _segments: list[tuple[Owner, int, int]] = field(default_factory=list)
    _segment_start: int = 0

    def own(self, owner: Owner, unix_time_s: float) -> None:
        """An owner's row, and those that it needs, shall exist."""
        for table, length in _MADE_ON_DEMAND.get(owner.table, {}).items():
            self._times.setdefault(table, {}).setdefault(owner.key[:length], unix_time_s)

    def end_segment(self, owner: Owner | None) -> None:
        """The metrics since the last end belong to this owner."""
        if owner is not None and self._segment_start < len(self.metrics):
            self._segments.append((owner, self._segment_start, len(self.metrics)))
        self._segment_start = len(self.metrics)

    def write(self, connection: Connection) -> None:
        """Write everything, parents before children."""
        bulk = bulk_writer(connection)
        for table in ("RESULTS", "EPOCH", "BATCH"):
            if table in self._times:
                bulk.ensure_rows(metadata.tables[table], self._times[table])
        if self.metrics:
            ids = bulk.insert_metrics(self.metrics)
            links: dict[str, list[tuple[Key, Sequence[int]]]] = {}
            for owner, start, end in self._segments:
                links.setdefault(owner.table, []).append((owner.key, ids[start:end]))
            for table, segments in links.items():
                bulk.link(metadata.tables[f"{table}_METRIC"], segments)
            bulk.replace_latest(self._latest())
        for owner, record in self.others:
            _apply_other(connection, owner, record)

    def _latest(self) -> dict[tuple[int, str], MetricValues]:
        latest: dict[tuple[int, str], MetricValues] = {}
        for owner, start, end in self._segments:
            if (run_id := owner.run_id) is not None:
                found = self.metrics[start:end]
                numbers = (v for v in found if v[1] is not None or v[3] is not None)
                latest |= {(run_id, values[0]): values for values in numbers}
        return latest


def _number(name: str, value: Any) -> float:
    try:
        isfinite(value)  # float() alone would take text
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise QueryError(f"the metric {name!r} must be a number, not {value!r}") from error


def _step(name: str, value: Any) -> int:
    try:
        return as_integer(value)
    except QueryError as error:
        raise QueryError(f"the step of the metric {name!r}: {error}") from error


def _apply_other(connection: Connection, owner: Owner, record: Record) -> None:
    kind, content = record[1], record[2:]
    if kind == PARAMETERS:
        parameters = {name: decode_json(text) for name, text in content}
        writer.set_parameters(connection, owner, parameters)
    elif kind == ARTIFACT:
        writer.record_artifact_once(connection, owner, *content)
    elif kind == STATUS:
        status, error, unix_time_s = content
        writer.update_run_status(connection, owner.key[0], RunStatus(status), error, unix_time_s)
