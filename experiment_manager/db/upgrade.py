"""The version of a database's schema, and the way from an older one to this program's.

All of it works on connections, in transactions of the caller. Alembic is imported only where
it is needed: that takes a fifth of a second, which opening a database need not cost.
"""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from experiment_manager.common.errors import ConnectionError  # noqa: A004
from experiment_manager.common.files import write_atomic
from experiment_manager.db.checks import data_problems, schema_problems
from experiment_manager.db.schema import SCHEMA_VERSION, VERSION

MIGRATIONS = Path(__file__).parent / "migrations"
_MYSQL_LOCK = func.get_lock("experiment_manager", 3600), func.release_lock("experiment_manager")
_LOCKS = {
    "postgresql": (func.pg_advisory_lock(731691), func.pg_advisory_unlock(731691)),
    "mysql": _MYSQL_LOCK,
    "mariadb": _MYSQL_LOCK,
}
_TAKES_TABLES_BACK = {"sqlite", "postgresql"}  # a transaction there covers CREATE TABLE too


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade did.

    Attributes:
        before: The version that the database had.
        after: The version that it has now.
        backup: The file as it was before; None for a server, or where there was nothing to do.
    """

    before: str
    after: str
    backup: Path | None


def stored_version(connection: Connection) -> str | None:
    """The version that the database says it has; None where it is not one of ours yet."""
    if not inspect(connection).has_table(VERSION.name):
        return None
    return connection.execute(select(VERSION.c.version_num)).scalar_one_or_none()


def is_older(version: str) -> bool:
    """True for a version that :func:`upgrade` can bring up to date."""
    return version in {str(number) for number in range(1, int(SCHEMA_VERSION))}


def check_version(version: str | None, url: URL) -> None:
    """Refuse a database that is not of this program's version.

    Raises:
        ConnectionError: It is older, newer, or none of ours; says what to do.
    """
    if version is None:
        raise ConnectionError("it is not a database of Experiment Manager")
    if version == SCHEMA_VERSION:
        return
    older = f"upgrade it with: {upgrade_command(url)}"
    remedy = older if is_older(version) else "update experiment-manager"
    raise ConnectionError(
        f"its schema has version {version!r}, this program knows {SCHEMA_VERSION!r}; {remedy}"
    )


def upgrade_command(url: URL) -> str:
    """The command that upgrades a database, its password hidden."""
    is_file = url.get_backend_name() == "sqlite" and url.database
    place = str(url.database) if is_file else url.render_as_string(hide_password=True)
    return f"experiment-manager db upgrade {shlex.quote(place)}"


@contextmanager
def schema_lock(engine: Engine) -> Iterator[None]:
    """Inside, no other process makes or changes the tables of a server's database.

    SQLite needs none: a transaction that writes has the file for itself. A server's
    transaction does not keep others from creating tables, and MySQL's even ends with one.
    """
    if engine.dialect.name not in _LOCKS:
        yield
        return
    take, give_back = _LOCKS[engine.dialect.name]
    with engine.connect() as connection:
        if connection.execute(select(take)).scalar() == 0:
            raise ConnectionError("another process has been changing its tables for an hour")
        try:
            yield
        finally:
            connection.execute(select(give_back))


def upgrade(connection: Connection, url: URL) -> Upgrade:
    """Bring an older database up to date, after a backup if it is a file, and verify it.

    Of two processes that want to, the second one waits and then finds nothing to do.

    Args:
        connection: In a transaction that writes; where this raises, it must not be committed.
        url: The database, to be named in errors.

    Raises:
        ConnectionError: It is no database of ours or a newer one, or a step failed.
    """
    version = stored_version(connection)
    if version is None or not is_older(version):
        check_version(version, url)
        return Upgrade(SCHEMA_VERSION, SCHEMA_VERSION, None)
    backup = _back_up(connection, version)
    try:
        _migrate(connection)
        _verify(connection)
    except BaseException as error:
        if backup is not None:  # the rollback leaves what it is a copy of
            backup.unlink()
        if isinstance(error, (SQLAlchemyError, ConnectionError)):
            raise ConnectionError(_failure_text(connection, version, error)) from error
        raise
    return Upgrade(version, SCHEMA_VERSION, backup)


def _migrate(connection: Connection) -> None:
    from alembic.migration import MigrationContext  # noqa: PLC0415
    from alembic.operations import Operations  # noqa: PLC0415
    from alembic.runtime.migration import MigrationStep  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory(str(MIGRATIONS))

    def steps(current: Any, _context: MigrationContext) -> list[MigrationStep]:
        newest_first = scripts.iterate_revisions(SCHEMA_VERSION, current)
        return [
            MigrationStep.upgrade_from_script(scripts.revision_map, script)
            for script in reversed(list(newest_first))
        ]

    options = {"version_table": VERSION.name, "fn": steps}
    context = MigrationContext.configure(connection, opts=options)
    with Operations.context(context):
        context.run_migrations()


def _verify(connection: Connection) -> None:
    problems = schema_problems(connection) or data_problems(connection)
    if problems:
        raise ConnectionError("; ".join(problems))


def _failure_text(connection: Connection, version: str, error: Exception) -> str:
    reason = getattr(error, "orig", None) or error
    state = (
        "it was left as it was"
        if connection.dialect.name in _TAKES_TABLES_BACK
        else "this server cannot take back changed tables, so restore your own backup of it"
    )
    return f"its upgrade from version {version} to {SCHEMA_VERSION} failed ({reason}); {state}"


def _back_up(connection: Connection, version: str) -> Path | None:
    """A copy of an SQLite file beside it, made while the connection keeps writers away."""
    if connection.dialect.name != "sqlite":
        return None
    name = next(row.file for row in connection.exec_driver_sql("PRAGMA database_list"))
    if not name:
        return None  # a database in memory
    file = Path(name)
    stem = f"{file.name}.version_{version}"
    names = chain([f"{stem}.bak"], (f"{stem}.{number}.bak" for number in count(2)))
    backup = next(place for place in map(file.with_name, names) if not place.exists())
    try:
        write_atomic(backup, lambda beside: _copy_database(file, beside))
        backup.chmod(file.stat().st_mode)
    except (OSError, sqlite3.Error) as error:
        raise ConnectionError(f"its backup {backup} cannot be written: {error}") from error
    return backup


def _copy_database(file: Path, copy: Path) -> None:
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
