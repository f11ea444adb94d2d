"""Connections, transactions, and errors in the project's own terms."""

from __future__ import annotations

import functools
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool, StaticPool

from experiment_manager.common.errors import ConnectionError, DatabaseError, QueryError  # noqa: A004
from experiment_manager.db.filesystem import network_type
from experiment_manager.db.schema import SCHEMA_VERSION, VERSION, metadata
from experiment_manager.db.server import (
    create_server_engine,
    reading_options,
    remedy_of,
)
from experiment_manager.db.upgrade import (
    check_version,
    is_older,
    schema_lock,
    stored_version,
    upgrade,
)

BUSY_TIMEOUT_S = 30.0
UPGRADE_TIMEOUT_S = 3600.0
_READING = {"experiment_manager_reading": True}


def parse_url(url: str) -> URL:
    """The URL in parts.

    Raises:
        ConnectionError: It is no database URL. The text does not repeat it: it may hold a
            password.
    """
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConnectionError(
            "The database URL cannot be read; it is written like sqlite:///path/to/file.db or "
            "mysql+pymysql://user:password@host:3306/name"
        ) from error


def hide_password(url: str) -> str:
    """The URL as it may be shown."""
    return parse_url(url).render_as_string(hide_password=True)


def database_file(url: str | URL) -> Path | None:
    """The file of an SQLite database; None for a server or a database in memory."""
    parsed = parse_url(url) if isinstance(url, str) else url
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        return None
    return Path(str(parsed.database))


def database_exists(url: str) -> bool:
    """False where the SQLite file is not there, or the server's database has no tables of ours.

    Raises:
        ConnectionError: The server cannot be reached.
    """
    file = database_file(url)
    if file is not None:
        return file.exists() and not _is_empty(file)
    versions: list[str | None] = []

    def look(engine: Engine, _url: URL, *, read_only: bool) -> None:  # noqa: ARG001
        with reading(engine) as connection:
            versions.append(stored_version(connection))

    close_engine(_open(parse_url(url), look, read_only=True))
    return versions != [None]


def _is_empty(file: Path) -> bool:
    """Whether a file has no tables at all, as when another process is about to make them."""
    mode = _reading_mode(file)["mode"]  # to write: what a killed process left is rolled back first
    place = f"{file.resolve().as_uri()}?mode={mode}"
    with closing(sqlite3.connect(place, uri=True)) as connection:
        try:
            return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        except sqlite3.Error:
            return False  # opening it tells what is wrong


def open_engine(url: URL, *, read_only: bool) -> Engine:
    """An engine to a database that has our tables, made now where they are missing.

    Those of an older version are upgraded in an SQLite file that is opened for writing.

    Raises:
        ConnectionError: The database cannot be reached or opened, or is of another version.
    """
    return _open(url, _make_ready, read_only=read_only)


def open_as_it_is(url: URL, *, read_only: bool) -> Engine:
    """An engine to a database that has our tables, in whatever version.

    Raises:
        ConnectionError: The database cannot be reached or opened, or is none of ours.
    """
    return _open(url, _require_tables, read_only=read_only)


def close_engine(engine: Engine) -> None:
    """Close the connections of an engine, unless somebody else is at work with it.

    Who then closes it last closes them all. What it knows of statements stays.
    """
    if not _is_in_use(engine):
        engine.dispose()


def _is_in_use(engine: Engine) -> bool:
    return isinstance(engine.pool, QueuePool) and engine.pool.checkedout() > 0


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that commits at the end, or leaves nothing."""
    with engine.begin() as connection:
        yield connection


@contextmanager
def upgrading(engine: Engine) -> Iterator[Connection]:
    """Like :func:`writing`, waiting as long as another process's upgrade of the file may take."""
    give_up_s = monotonic() + UPGRADE_TIMEOUT_S
    with ExitStack() as stack:
        while True:
            try:
                connection = stack.enter_context(writing(engine))
                break
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or monotonic() > give_up_s:
                    raise
                logging.getLogger(__name__).warning(
                    "Waiting for another process, which writes to %s or upgrades it",
                    engine.url.database,
                )
        yield connection


class Writer:
    """Transactions one after the other, as :func:`writing` makes them.

    On SQLite they share a connection: to take one from the pool and give it back costs half of
    what an epoch's rows do. A server may have closed it meanwhile, which the pool looks after.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that commits at the end, or leaves nothing."""
        if self._engine.dialect.name != "sqlite":
            with writing(self._engine) as connection:
                yield connection
            return
        if self._kept is None:
            self._kept = self._engine.connect()
        try:
            with self._kept.begin():
                yield self._kept
        except BaseException:
            self._kept.connection.rollback()  # a commit that failed leaves it open
            raise

    def close(self) -> None:
        """Give the connection back."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the database and does not hold up writers."""
    options = {**_READING, **reading_options(engine)}
    with engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def translated_errors(doing: str, engine: Engine) -> Iterator[None]:
    """Inside, errors of SQLAlchemy and of the driver become ours.

    Args:
        doing: What is done, with its values; opens the error's text.
        engine: The database's.

    Raises:
        ConnectionError: The database cannot be reached, is locked or full, or may not be
            written: the same call may succeed later.
        QueryError: The database refused a statement.
    """
    driver = engine.dialect.loaded_dbapi
    try:
        yield
    except (SQLAlchemyError, driver.Error) as error:
        reason = getattr(error, "orig", None) or error
        unavailable = isinstance(reason, (driver.OperationalError, driver.InterfaceError))
        kind = ConnectionError if unavailable else QueryError
        raise kind(f"{doing}: {reason}") from error


def _open(url: URL, prepare: Callable[..., None], *, read_only: bool) -> Engine:
    """An engine that ``prepare`` has accepted; its errors do not show the password."""
    shown = url.render_as_string(hide_password=True)
    try:
        engine = _create_engine(url, read_only=read_only)
        try:
            prepare(engine, url, read_only=read_only)
        except BaseException:
            close_engine(engine)
            raise
    except (
        DatabaseError,
        OSError,
        SQLAlchemyError,
        ModuleNotFoundError,
        sqlite3.Error,
    ) as error:
        reason = getattr(error, "orig", None) or error
        remedy = remedy_of(reason, url)
        raise ConnectionError(f"Cannot open the database {shown}: {reason}{remedy}") from error
    return engine


def _create_engine(url: URL, *, read_only: bool) -> Engine:
    file = database_file(url)
    if file is not None and read_only:
        if not file.exists():
            raise ConnectionError("there is no such file")
        url = URL.create("sqlite", database=file.resolve().as_uri(), query=_reading_mode(file))
    if file is None and url.get_backend_name() == "sqlite":
        return _new_engine(url, read_only=read_only)  # each has a memory of its own
    if file is not None and not read_only:
        file.parent.mkdir(parents=True, exist_ok=True)
        if "uri" not in url.query:
            url = url.set(database=str(file.absolute()))  # whatever the current folder is later
    return _shared_engine(url, read_only, os.getpid())


@functools.lru_cache(maxsize=8)
def _shared_engine(url: URL, read_only: bool, _pid: int) -> Engine:
    """An engine that knows statements of before: to compile those of a run takes 20 ms.

    Whoever is done with it calls :func:`close_engine`. A forked process has its own.
    """
    return _new_engine(url, read_only=read_only)


def _new_engine(url: URL, *, read_only: bool) -> Engine:
    if url.get_backend_name() != "sqlite":
        engine = create_server_engine(url)
    else:
        engine = _sqlite_engine(url, read_only=read_only)
    event.listen(engine, "handle_error", _explain_value)
    return engine


def _sqlite_engine(url: URL, *, read_only: bool) -> Engine:
    file = database_file(url)
    arguments = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}  # Session has a lock
    pool = {"poolclass": StaticPool} if file is None else {}  # all threads see one memory
    engine = create_engine(url, connect_args=arguments, **pool)
    event.listen(engine, "connect", _prepare_reader if read_only else _writer_of(file))
    event.listen(engine, "begin", _begin)
    return engine


def _reading_mode(file: Path) -> dict[str, str]:
    """How to open a file for reading alone.

    A reader of a file in WAL needs to make two files beside it, and must be allowed to write
    to take them away again. Where it is not, nobody else can write either.
    """
    if os.access(file, os.W_OK) and os.access(file.parent, os.W_OK):
        return {"mode": "rw", "uri": "true"}
    return {"mode": "ro", "immutable": "1", "uri": "true"}


def _prepare_reader(connection: sqlite3.Connection, _record: Any) -> None:
    """Refuse to write; transactions begin where we say so (see _begin)."""
    connection.isolation_level = None
    connection.execute("PRAGMA query_only=ON")


def _writer_of(file: Path | None) -> Callable[[sqlite3.Connection, Any], None]:
    """What prepares the connections of a writer: WAL, unless the file is on a network."""
    kind = None if file is None else network_type(file.parent)
    if kind is None:
        return _prepare_writer
    logging.getLogger(__name__).warning(
        "%s is on a network file system (%s), where SQLite's write-ahead log is not safe: a "
        "rollback journal is used, and writers wait for readers. For several machines, use a "
        "server (database: {url: ...} in env.yaml)",
        file,
        kind,
    )
    return _prepare_network_writer


def _prepare_network_writer(connection: sqlite3.Connection, _record: Any) -> None:
    """The rollback journal needs no shared memory; with FULL it survives a lost connection."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _prepare_writer(connection: sqlite3.Connection, _record: Any) -> None:
    """WAL lets readers read while one writes; in it NORMAL survives the death of a process."""
    connection.isolation_level = None
    cursor = connection.cursor()
    if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Switching needs the file for itself and does not wait for it; a write lock does."""
    cursor.execute("BEGIN IMMEDIATE")
    cursor.execute("COMMIT")
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError:
        # Another process is switching it or has just begun to write: the mode is a property
        # of the file, and that process sets the same.
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("COMMIT")


def _begin(connection: Connection) -> None:
    """Writers take the lock at once: waiting for it then never ends in a deadlock."""
    is_reading = connection.get_execution_options().get("experiment_manager_reading", False)
    # By the driver: through SQLAlchemy it would cost as much as all rows of an epoch.
    connection.connection.cursor().execute("BEGIN" if is_reading else "BEGIN IMMEDIATE")


def _explain_value(context: ExceptionContext) -> BaseException | None:
    """The driver lets some errors about values through that are none of its own."""
    error = context.original_exception
    if isinstance(error, (OverflowError, UnicodeEncodeError)):
        return SQLAlchemyError(f"a value that cannot be stored: {error}")
    return None


def _make_ready(engine: Engine, url: URL, *, read_only: bool) -> None:
    """Make the tables, or upgrade those of an SQLite file; a server's are left to the user."""
    if _is_in_use(engine):
        return  # whoever is at work with it has done this
    with reading(engine) as connection:
        version = stored_version(connection)
    if version is None and not read_only:
        version = _create_tables(engine)
    is_ours_to_upgrade = not read_only and engine.dialect.name == "sqlite"
    if version is not None and is_older(version) and is_ours_to_upgrade:
        with upgrading(engine) as connection:
            version = upgrade(connection, url).after
    check_version(version, url)


def _create_tables(engine: Engine) -> str:
    """The version of the tables, which another process may have made a moment ago."""
    with schema_lock(engine), writing(engine) as connection:
        version = stored_version(connection)
        if version is None:
            metadata.create_all(connection)
            for index in (index for table in metadata.sorted_tables for index in table.indexes):
                index.create(connection, checkfirst=True)  # of a table that a killed process made
            connection.execute(VERSION.insert().values(version_num=SCHEMA_VERSION))
    return version or SCHEMA_VERSION


def _require_tables(engine: Engine, url: URL, *, read_only: bool) -> None:  # noqa: ARG001
    with reading(engine) as connection:
        if stored_version(connection) is None:
            check_version(None, url)
