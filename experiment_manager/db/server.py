"""What is different on a server: drivers, timeouts, strictness, and how its writers take turns."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import NoSuchModuleError

from experiment_manager.common.errors import ConnectionError  # noqa: A004
from experiment_manager.db.schema import VERSION

CONNECT_TIMEOUT_S = 10
ANSWER_TIMEOUT_S = 600  # of a server that hangs; a query over millions of rows is faster
TURN_TIMEOUT_S = 30
IDLE_TIMEOUT_S = 600  # of a writer whose machine has vanished: then its turn is over

_MYSQL, _POSTGRES = ("mysql", "mariadb"), "postgresql"
_EXTRAS = {**dict.fromkeys(_MYSQL, "mysql"), _POSTGRES: "postgres"}
# The drivers of our extras, for a URL that names none.
_DRIVERS = {**{name: f"{name}+pymysql" for name in _MYSQL}, _POSTGRES: "postgresql+psycopg"}
_MYSQL_ARGUMENTS = {
    "charset": "utf8mb4",
    "connect_timeout": CONNECT_TIMEOUT_S,
    "read_timeout": ANSWER_TIMEOUT_S,
    "write_timeout": ANSWER_TIMEOUT_S,
}
_POSTGRES_ARGUMENTS = {"connect_timeout": CONNECT_TIMEOUT_S}
_ARGUMENTS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("pymysql", "mysqldb"), _MYSQL_ARGUMENTS),
    **dict.fromkeys(("psycopg", "psycopg2"), _POSTGRES_ARGUMENTS),
}
_MYSQL_SESSION = (
    # What does not fit is an error, not cut off.
    "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), "
    f"innodb_lock_wait_timeout = {TURN_TIMEOUT_S}, wait_timeout = {IDLE_TIMEOUT_S}"
)
_POSTGRES_SESSION = (
    f"SET lock_timeout = '{TURN_TIMEOUT_S}s'; "
    f"SET idle_in_transaction_session_timeout = '{IDLE_TIMEOUT_S}s'"
)
_SESSION = {**dict.fromkeys(_MYSQL, _MYSQL_SESSION), _POSTGRES: _POSTGRES_SESSION}
# For readers alone: it would show PostgreSQL's writers the past, and InnoDB's would lock the gaps
# between rows and end in deadlocks, even where they write about different runs.
_READING: dict[str, dict[str, Any]] = {
    **{name: {"isolation_level": "REPEATABLE READ"} for name in _MYSQL},
    _POSTGRES: {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
_UNKNOWN_DATABASE = 1049
_CREATE_DATABASE = {
    **dict.fromkeys(_MYSQL, "CREATE DATABASE `{}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
    _POSTGRES: "CREATE DATABASE \"{}\" ENCODING 'UTF8'",
}


def create_server_engine(url: URL) -> Engine:
    """An engine that has not connected yet; what the URL asks for wins over our choices.

    Raises:
        ConnectionError: Its driver is not installed; names the command that does it.
    """
    backend = url.get_backend_name()
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    level = {"isolation_level": "READ COMMITTED"} if backend in _MYSQL else {}
    try:
        arguments = _ARGUMENTS.get(url.get_driver_name(), {})
        ours = {name: value for name, value in arguments.items() if name not in url.query}
        engine = create_engine(url, pool_pre_ping=True, connect_args=ours, **level)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        extra = _EXTRAS.get(backend)
        remedy = f"; install it with: pip install 'experiment-manager[{extra}]'" if extra else ""
        raise ConnectionError(f"its driver is not installed: {error}{remedy}") from error
    if backend in _SESSION:
        event.listen(engine, "connect", _prepare_session(_SESSION[backend]))
    return engine


def reading_options(engine: Engine) -> dict[str, Any]:
    """What makes all statements of a transaction see one state of the database."""
    return _READING.get(engine.dialect.name, {})


def take_turn(connection: Connection) -> None:
    """Wait until no other writer that has taken its turn is in a transaction.

    For what looks for a name and inserts it where there is none: two writers at once would both
    find nothing. Metrics need no turn, and thousands of runs write them at the same time. On
    SQLite every writer has the file for itself anyway.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(select(VERSION.c.version_num).with_for_update())


def remedy_of(reason: BaseException, url: URL) -> str:
    """The end of an error's text: what to do if the server has no such database."""
    backend = url.get_backend_name()
    on_mysql = reason.args[:1] == (_UNKNOWN_DATABASE,)
    on_postgres = f'database "{url.database}" does not exist' in str(reason)
    if backend not in _CREATE_DATABASE or not (on_mysql or on_postgres):
        return ""
    return f"; make it with: {_CREATE_DATABASE[backend].format(url.database)}"


def _prepare_session(statement: str) -> Any:
    def prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.commit()

    return prepare
