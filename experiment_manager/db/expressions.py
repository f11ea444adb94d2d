"""What the databases agree on in meaning but not in words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from experiment_manager.db.column_types import UtcDateTime


class SecondsBetween(FunctionElement[float]):
    """The seconds from the first of two times to the second; NULL where one of them is."""

    type = Double()
    inherit_cache = True


@compiles(SecondsBetween, "sqlite")
def _on_sqlite(element: SecondsBetween, compiler: SQLCompiler, **options: Any) -> str:
    """SQLite counts days, to the millisecond."""
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"round((julianday({end}) - julianday({start})) * 86400, 3)"


@compiles(SecondsBetween, "mysql", "mariadb")
def _on_mysql(element: SecondsBetween, compiler: SQLCompiler, **options: Any) -> str:
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"timestampdiff(MICROSECOND, {start}, {end}) / 1e6"


@compiles(SecondsBetween, "postgresql")
def _on_postgresql(element: SecondsBetween, compiler: SQLCompiler, **options: Any) -> str:
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"extract(epoch FROM {end} - {start})"


class ServerTime(FunctionElement[datetime]):
    """The time in UTC by the database's own clock, which all that use it share."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(ServerTime, "sqlite")
def _time_of_sqlite(_element: ServerTime, _compiler: SQLCompiler, **_options: Any) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


@compiles(ServerTime, "mysql", "mariadb")
def _time_of_mysql(_element: ServerTime, _compiler: SQLCompiler, **_options: Any) -> str:
    return "utc_timestamp(6)"


@compiles(ServerTime, "postgresql")
def _time_of_postgresql(_element: ServerTime, _compiler: SQLCompiler, **_options: Any) -> str:
    return "timezone('utc', clock_timestamp())"
