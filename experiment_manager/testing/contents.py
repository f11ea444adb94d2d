"""What an experiment has left behind, without what differs from one execution to the next."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select

from experiment_manager.db import schema
from experiment_manager.db.column_types import UtcDateTime, encode_json
from experiment_manager.db.engine import open_engine, parse_url, reading
from experiment_manager.db.schema import ARTIFACT, EXPERIMENT, METRIC, TRIAL, TRIAL_RUN, metadata

Rows = dict[str, list[tuple[Any, ...]]]
"""The rows of each table."""

_NAMED_BY: dict[Table, tuple[str, ...]] = {
    EXPERIMENT: ("title",),
    TRIAL: ("experiment_id", "name"),
    TRIAL_RUN: ("trial_id", "number"),
    METRIC: ("type", "total_val", "non_finite", "per_label_val", "step"),
    ARTIFACT: ("type", "location"),
}
_NAMED = {f"{table.name.lower()}_id": table for table in _NAMED_BY}
_OF_ATTEMPTS = {"id", "attempt"}


def recorded_rows(url: str) -> Rows:
    """The rows of every table but that of the attempts; metrics in the order of their history.

    Ids are replaced by what they name; times and counts of attempts are left out. So two
    executions of one plan with equal seeds give equal rows, however often they were interrupted.

    Args:
        url: The database.
    """
    engine = open_engine(parse_url(url), read_only=True)
    try:
        with reading(engine) as connection:
            names = _names(connection)
            tables = [t for t in metadata.sorted_tables if t is not schema.TRIAL_RUN_ATTEMPT]
            return {table.name: _rows(connection, table, names) for table in tables}
    finally:
        engine.dispose()


def files_in(folder: Path, is_read: Callable[[str], bool]) -> dict[str, str]:
    """Every file and folder below a folder, with the checksum of what is read.

    Args:
        folder: Where.
        is_read: Tells by the path below the folder whether a file's content matters.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        is_compared = path.is_file() and is_read(name)
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if is_compared else ""
    return found


def _names(connection: Connection) -> dict[Table, dict[int, Any]]:
    """What each row that others refer to is called, by its id."""
    names: dict[Table, dict[int, Any]] = {}
    for table, columns in _NAMED_BY.items():
        query = select(table.c.id, *(table.c[name] for name in columns))
        names[table] = {
            row[0]: tuple(_named(n, v, names) for n, v in zip(columns, row[1:], strict=True))
            for row in connection.execute(query)
        }
    return names


def _rows(
    connection: Connection, table: Table, names: Mapping[Table, Mapping[int, Any]]
) -> list[tuple[Any, ...]]:
    columns = [
        column
        for column in table.columns
        if column.name not in _OF_ATTEMPTS and not isinstance(column.type, UtcDateTime)
    ]
    query = select(*columns).order_by(*table.primary_key.columns)
    rows = [
        tuple(_named(c.name, value, names) for c, value in zip(columns, row, strict=True))
        for row in connection.execute(query)
    ]
    is_history = "metric_id" in table.c  # the last column: the metrics of each owner stay in order
    return sorted(rows, key=lambda row: repr(row[:-1] if is_history else row))


def _named(column: str, value: Any, names: Mapping[Table, Mapping[int, Any]]) -> Any:
    if column in _NAMED:
        return names[_NAMED[column]].get(value)
    return encode_json(value) if isinstance(value, (dict, list)) else value  # NaN equals no NaN
