"""Rows as the driver gives them, for reads of many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select

from experiment_manager.db.column_types import decode_json

ROWS_AT_ONCE = 100_000

Rows = Sequence[tuple[Any, ...]]


def fetch_tuples(connection: Connection, query: Select[Any]) -> Rows:
    """All rows of a query, as the driver's own tuples.

    SQLAlchemy would make an object of each, for as long again. Nothing is converted: JSON is text,
    and so are times on SQLite.
    """
    result = connection.execute(query)
    rows: Rows = result.cursor.fetchall() if result.cursor is not None else []
    result.close()
    return rows


def fetch_portions(
    connection: Connection, query: Select[Any], size: int = ROWS_AT_ONCE
) -> Iterator[Rows]:
    """Likewise, at most ``size`` rows at a time; one portion, if an empty one, in any case.

    Of millions of rows only some are there as objects of Python then, which need ten times the
    memory of arrays.
    """
    result = connection.execute(query)
    rows: Rows | None = None
    while result.cursor is not None and (rows is None or len(rows) == size):
        rows = result.cursor.fetchmany(size)
        yield rows
    result.close()


def decode_many(texts: Sequence[str | None]) -> list[Any]:
    """The values of texts of JSON, None for None: much faster than one by one.

    Example:
        >>> decode_many(["0.1", None, '{"$float": "inf"}', "[64, 32]"])
        [0.1, None, inf, [64, 32]]
    """
    joined = ",".join("null" if text is None else text for text in texts)
    values: list[Any] = decode_json(f"[{joined}]")
    return values
