"""Many rows at once: the statements that every metric passes through.

On SQLite they go to the driver's own cursor, within the transaction of SQLAlchemy's connection.
A statement through SQLAlchemy costs 30 microseconds there and a row 2.5 times what it costs the
driver, which is more than everything else on a metric's way. On a server the network outweighs
both, and SQLAlchemy knows how each one hands back the ids of new rows.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import cache
from itertools import chain
from typing import Any, cast

from sqlalchemy import Connection, Insert, Table, func
from sqlalchemy.dialects import mysql, postgresql, sqlite

from experiment_manager.db.column_types import decode_json
from experiment_manager.db.schema import JOURNAL, LATEST_METRIC, METRIC

MetricValues = tuple[Any, ...]
"""Name, finite value, step; and where it has any, name of a value that is not finite, and labels
as JSON text. Hardly a metric has these two, and binding them costs as much as all the rest."""
Key = tuple[int, ...]

LONG_SEGMENT = 32
STATEMENT_ROWS = 100
_SCALAR_COLUMNS = ("type", "total_val", "step")
_METRIC_COLUMNS = (*_SCALAR_COLUMNS, "non_finite", "per_label_val")
_LATEST_COLUMNS = ("trial_run_id", "type", "total_val", "step", "non_finite")
_REPLACE_LATEST = "ON CONFLICT DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in _LATEST_COLUMNS[2:]
)


class BulkWriter(ABC):
    """Writes rows within the transaction of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @abstractmethod
    def insert_metrics(self, values: Sequence[MetricValues]) -> Sequence[int]:
        """The ids of new METRIC rows, in the order of the values."""

    @abstractmethod
    def link(self, junction: Table, segments: Sequence[tuple[Key, Sequence[int]]]) -> None:
        """Link new rows to their owners: an owner's key with the ids of its rows."""

    @abstractmethod
    def ensure_rows(self, table: Table, times: Mapping[Key, float]) -> None:
        """Make the rows of these primary keys that are missing, with the time (Unix, in s)."""

    @abstractmethod
    def replace_latest(self, latest: Mapping[tuple[int, str], MetricValues]) -> None:
        """Make these the latest values, by run and name."""

    @abstractmethod
    def set_applied(self, journal_id: int, number: int) -> bool:
        """Note the number of a journal's last record in the database; False without its row."""


def bulk_writer(connection: Connection) -> BulkWriter:
    """The one that suits the database behind the connection."""
    on_sqlite = connection.dialect.name == "sqlite"
    return _DriverWriter(connection) if on_sqlite else _ServerWriter(connection)


def insert_or_update(connection: Connection, table: Table, columns: Sequence[str]) -> Insert:
    """An INSERT that sets these columns where there is a row of the primary key already."""
    return _insert_or_update(connection.dialect.name, table, tuple(columns))


def insert_once(connection: Connection, table: Table) -> Insert:
    """An INSERT that leaves a row of the same primary key as it is."""
    return _insert_or_update(connection.dialect.name, table, ())


@cache  # to make one costs more than to execute it
def _insert_or_update(dialect: str, table: Table, columns: tuple[str, ...]) -> Insert:
    if dialect in {"mysql", "mariadb"}:
        insert_mysql = mysql.insert(table)
        key = next(iter(table.primary_key)).name  # MySQL wants a column to be set in any case
        values = {name: func.values(insert_mysql.table.c[name]) for name in columns or (key,)}
        return insert_mysql.on_duplicate_key_update(values)
    insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    if not columns:
        return insert.on_conflict_do_nothing()
    new = {name: insert.excluded[name] for name in columns}
    return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=new)


class _DriverWriter(BulkWriter):
    """Through the cursor of SQLite's driver."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._cursor = cast("sqlite3.Cursor", connection.connection.cursor())

    def insert_metrics(self, values: Sequence[MetricValues]) -> range:
        # SQLite counts up from the highest id, and a writer has the file for itself from BEGIN on.
        highest = self._cursor.execute('SELECT coalesce(max(id), 0) FROM "METRIC"').fetchone()[0]
        ids = range(highest + 1, highest + 1 + len(values))
        if all(len(row) == len(_SCALAR_COLUMNS) for row in values):
            self._insert(METRIC, _SCALAR_COLUMNS, values)
        else:
            rows = [(id_, *_complete(row)) for id_, row in zip(ids, values, strict=True)]
            self._insert(METRIC, ("id", *_METRIC_COLUMNS), rows)
        return ids

    def link(self, junction: Table, segments: Sequence[tuple[Key, Sequence[int]]]) -> None:
        single = []
        for key, ids in segments:
            if len(ids) >= LONG_SEGMENT and isinstance(ids, range):
                self._cursor.execute(_link_range_text(junction), (*key, ids[0], ids[-1]))
            else:
                single += [(*key, id_) for id_ in ids]
        self._insert(junction, _names(junction), single)

    def ensure_rows(self, table: Table, times: Mapping[Key, float]) -> None:
        rows = [
            (*key, _utc(time).replace(tzinfo=None).isoformat(" ", "microseconds"))
            for key, time in times.items()
        ]
        self._insert(table, _names(table), rows, "ON CONFLICT DO NOTHING")

    def replace_latest(self, latest: Mapping[tuple[int, str], MetricValues]) -> None:
        rows = [(*key, *_complete(values)[1:4]) for key, values in latest.items()]
        self._insert(LATEST_METRIC, _LATEST_COLUMNS, rows, _REPLACE_LATEST)

    def set_applied(self, journal_id: int, number: int) -> bool:
        values = (number, journal_id)
        self._cursor.execute('UPDATE "JOURNAL" SET applied = ? WHERE id = ?', values)
        return self._cursor.rowcount == 1

    def _insert(
        self,
        table: Table,
        columns: tuple[str, ...],
        rows: Sequence[Any],
        ending: str = "",
    ) -> None:
        """A statement for each hundred rows: a row costs the driver more than SQLite."""
        for start in range(0, len(rows), STATEMENT_ROWS):
            part = rows[start : start + STATEMENT_ROWS]
            text = _insert_text(table, columns, ending, len(part))
            self._cursor.execute(text, tuple(chain.from_iterable(part)))


class _ServerWriter(BulkWriter):
    """Through SQLAlchemy."""

    def insert_metrics(self, values: Sequence[MetricValues]) -> list[int]:
        rows = [
            dict(zip(_METRIC_COLUMNS, _complete(row), strict=True), per_label_val=_labels(row))
            for row in values
        ]
        if not rows:
            return []
        execute = self._connection.execute
        if not self._connection.dialect.insert_executemany_returning_sort_by_parameter_order:
            new = [execute(METRIC.insert().values(row)).inserted_primary_key for row in rows]
            return [int(key[0]) for key in new if key is not None]
        statement = METRIC.insert().returning(METRIC.c.id, sort_by_parameter_order=True)
        return list(execute(statement, rows).scalars())

    def link(self, junction: Table, segments: Sequence[tuple[Key, Sequence[int]]]) -> None:
        names = _names(junction)
        rows = [dict(zip(names, (*key, id_), strict=True)) for key, ids in segments for id_ in ids]
        if rows:
            self._connection.execute(junction.insert(), rows)

    def ensure_rows(self, table: Table, times: Mapping[Key, float]) -> None:
        names = _names(table)
        rows = [dict(zip(names, (*key, _utc(t)), strict=True)) for key, t in times.items()]
        if rows:
            self._connection.execute(insert_or_update(self._connection, table, names[:1]), rows)

    def replace_latest(self, latest: Mapping[tuple[int, str], MetricValues]) -> None:
        rows = [
            dict(zip(_LATEST_COLUMNS, (*key, *_complete(values)[1:4]), strict=True))
            for key, values in latest.items()
        ]
        if rows:
            statement = insert_or_update(self._connection, LATEST_METRIC, _LATEST_COLUMNS[2:])
            self._connection.execute(statement, rows)

    def set_applied(self, journal_id: int, number: int) -> bool:
        row = JOURNAL.update().where(JOURNAL.c.id == journal_id)
        return self._connection.execute(row.values(applied=number)).rowcount == 1


def _complete(values: MetricValues) -> MetricValues:
    return values if len(values) == len(_METRIC_COLUMNS) else (*values, None, None)


def _labels(values: MetricValues) -> Any:
    text = _complete(values)[4]
    return None if text is None else decode_json(text)


@cache
def _names(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns)


@cache
def _insert_text(table: Table, columns: tuple[str, ...], ending: str, rows: int) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    marks = ", ".join("?" for _ in columns)
    values = ", ".join([f"({marks})"] * rows)
    return f'INSERT INTO "{table.name}" ({names}) VALUES {values} {ending}'  # noqa: S608


@cache
def _link_range_text(junction: Table) -> str:
    """Links all METRIC rows of a range of ids, without a step through Python for each."""
    names = _names(junction)
    columns = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join("?" for _ in names[1:])
    return (
        f'INSERT INTO "{junction.name}" ({columns}) '  # noqa: S608 - names of our own tables
        f'SELECT {marks}, id FROM "METRIC" WHERE id BETWEEN ? AND ?'
    )


def _utc(unix_time_s: float) -> datetime:
    return datetime.fromtimestamp(unix_time_s, timezone.utc)
