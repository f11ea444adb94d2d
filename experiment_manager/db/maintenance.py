"""What the owner of a database may want of it as a whole: to know, to check, to upgrade it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.engine import URL

from experiment_manager.common.errors import ConnectionError  # noqa: A004
from experiment_manager.db.checks import (
    MYSQL,
    damage,
    data_problems,
    existing_tables,
    schema_problems,
)
from experiment_manager.db.engine import (
    close_engine,
    database_file,
    open_as_it_is,
    reading,
    translated_errors,
    upgrading,
)
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import JournalRow
from experiment_manager.db.schema import SCHEMA_VERSION, VERSION
from experiment_manager.db.upgrade import (
    Upgrade,
    check_version,
    schema_lock,
    stored_version,
    upgrade,
)

_MYSQL_SIZE = (
    "SELECT sum(data_length + index_length) FROM information_schema.tables "
    "WHERE table_schema = database()"
)


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """What a database is.

    Attributes:
        backend: ``sqlite``, ``mysql``, ``mariadb``, ``postgresql`` or SQLAlchemy's name of it.
        version: Of its schema.
        version_problem: What is wrong with the version, and the remedy; None for this program's.
        size_bytes: What it takes on its disk.
        rows: Number of rows by table.
        journals: Those that may hold what is not in it yet, each with its place.
    """

    backend: str
    version: str
    version_problem: str | None
    size_bytes: int
    rows: dict[str, int]
    journals: list[tuple[JournalRow, Path]]


def describe_database(url: URL) -> DatabaseInfo:
    """What a database is, whatever its version; nothing is changed.

    Raises:
        ConnectionError: It cannot be opened, or is none of ours.
    """
    with _as_it_is(url, read_only=True) as engine, reading(engine) as connection:
        version = str(stored_version(connection))
        return DatabaseInfo(
            backend=_backend(engine),
            version=version,
            version_problem=_version_problem(version, url),
            size_bytes=_size_bytes(connection, url),
            rows=_row_counts(connection),
            journals=_journals(url) if version == SCHEMA_VERSION else [],
        )


def check_database(url: URL) -> list[str]:
    """A sentence for each thing that is wrong with a database; nothing is changed.

    Raises:
        ConnectionError: It cannot be opened, or is none of ours.
    """
    with _as_it_is(url, read_only=True) as engine, reading(engine) as connection:
        outdated = _version_problem(str(stored_version(connection)), url)
        if outdated is not None:
            return [outdated, *damage(connection)]
        return damage(connection) or schema_problems(connection) or data_problems(connection)


def upgrade_database(url: URL) -> Upgrade:
    """Bring a database to this program's version, be it a file or on a server.

    Raises:
        ConnectionError: It cannot be opened, is none of ours or newer, or a step failed.
    """
    with _as_it_is(url, read_only=False) as engine:
        try:
            with schema_lock(engine), upgrading(engine) as connection:
                return upgrade(connection, url)
        except ConnectionError as error:
            raise ConnectionError(f"{_shown(url)}: {error}") from error


@contextmanager
def _as_it_is(url: URL, *, read_only: bool) -> Iterator[Engine]:
    engine = open_as_it_is(url, read_only=read_only)
    try:
        with translated_errors(_shown(url), engine):
            yield engine
    finally:
        close_engine(engine)


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _backend(engine: Engine) -> str:
    """What answers, whatever the URL calls it: MariaDB is reached as mysql too."""
    is_mariadb = getattr(engine.dialect, "is_mariadb", False)
    return "mariadb" if is_mariadb else engine.dialect.name


def _version_problem(version: str, url: URL) -> str | None:
    try:
        check_version(version, url)
    except ConnectionError as error:
        return str(error)
    return None


def _row_counts(connection: Connection) -> dict[str, int]:
    """How many rows each of our tables has, but for the one with the version."""
    tables = [table for table in existing_tables(connection) if table is not VERSION]
    counts = {table.name: select(func.count()).select_from(table) for table in tables}
    return {name: connection.execute(query).scalar_one() for name, query in counts.items()}


def _size_bytes(connection: Connection, url: URL) -> int:
    if connection.dialect.name in MYSQL:
        return int(connection.exec_driver_sql(_MYSQL_SIZE).scalar() or 0)
    if connection.dialect.name == "postgresql":
        size = func.pg_database_size(func.current_database())
        return int(connection.execute(select(size)).scalar_one())
    file = database_file(url)
    return 0 if file is None else sum(place.stat().st_size for place in _files(file))


def _files(file: Path) -> Iterator[Path]:
    """An SQLite file, and its write-ahead log where there is one."""
    yield file
    log = file.with_name(f"{file.name}-wal")
    if log.exists():
        yield log


def _journals(url: URL) -> list[tuple[JournalRow, Path]]:
    whole = url.render_as_string(hide_password=False)
    with DatabaseManager.from_url(whole, read_only=True) as db:
        return [(journal, db.journal_path(journal)) for journal in db.list_journals()]
