"""A whole database copied into another one, be it a file or on a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Table, func, select, text
from sqlalchemy.engine import URL

from experiment_manager.common.errors import QueryError
from experiment_manager.db.engine import (
    close_engine,
    open_engine,
    reading,
    translated_errors,
    writing,
)
from experiment_manager.db.schema import JOURNAL, VERSION, metadata

CHUNK_ROWS = 1000
Progress = Callable[[str, int, int], object]
"""Is told the table that is being copied, the rows of all tables that are, and all there are."""

# The version is the target's own, and a journal belongs to the database that it was begun for.
TABLES = [table for table in metadata.sorted_tables if table not in {VERSION, JOURNAL}]


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy consists of.

    Attributes:
        rows: Number of rows by table.
        journals_left_out: How many journals the source still waits for.
    """

    rows: dict[str, int]
    journals_left_out: int


def copy_database(source: URL, target: URL, progress: Progress = lambda *_: None) -> Copied:
    """Copy every row with its id, through the types of the columns, so that values stay exact.

    The source is only read and may be written meanwhile: the copy is its state at the
    beginning. In the target it appears as a whole at the end, or not at all.

    Args:
        source: A database of this program's version.
        target: Where to; its tables are made, and may be there as long as they are empty.
        progress: Is called for every thousand rows.

    Raises:
        ConnectionError: One of them cannot be opened or reached.
        QueryError: The target holds experiments already, or refuses a row.
    """
    reader = open_engine(source, read_only=True)
    try:
        writer = open_engine(target, read_only=False)
        try:
            return _copy(reader, writer, progress)
        finally:
            close_engine(writer)
    finally:
        close_engine(reader)


def _copy(reader: Engine, writer: Engine, progress: Progress) -> Copied:
    doing = f"copying {_shown(reader)} to {_shown(writer)}"
    with (
        translated_errors(doing, writer),
        reading(reader) as source,
        writing(writer) as target,
    ):
        _require_empty(target)
        rows = {table.name: _count(source, table) for table in TABLES}
        _copy_tables(source, target, sum(rows.values()), progress)
        _verify(target, rows)
        return Copied(rows, _count(source, JOURNAL))


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _require_empty(target: Connection) -> None:
    for table in TABLES:
        if count := _count(target, table):
            raise QueryError(
                f"{_shown(target.engine)} holds experiments already ({count} rows in "
                f"{table.name}); copy to a database that is new or empty"
            )


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _copy_tables(source: Connection, target: Connection, total: int, progress: Progress) -> None:
    done = 0
    for table in TABLES:
        query = select(table).order_by(*table.primary_key)  # rows are appended fastest in order
        result = source.execute(query.execution_options(yield_per=CHUNK_ROWS))
        for chunk in result.mappings().partitions():
            target.execute(table.insert(), [dict(row) for row in chunk])
            done += len(chunk)
            progress(table.name, done, total)
        _continue_numbers(target, table)


def _continue_numbers(target: Connection, table: Table) -> None:
    """PostgreSQL alone does not notice ids that were given, and would give them again."""
    column = table.autoincrement_column
    if target.dialect.name != "postgresql" or column is None:
        return
    name = target.dialect.identifier_preparer.format_table(table)
    sequence = func.pg_get_serial_sequence(name, column.name)
    after_last = func.coalesce(func.max(column), 0) + 1
    target.execute(select(func.setval(sequence, after_last, text("false"))))


def _verify(target: Connection, rows: dict[str, int]) -> None:
    for table in TABLES:
        found = _count(target, table)
        if found != rows[table.name]:
            raise QueryError(
                f"{table.name} has {found} rows in the copy but {rows[table.name]} in the "
                "original; nothing was kept, copy again while nobody writes to the target"
            )
