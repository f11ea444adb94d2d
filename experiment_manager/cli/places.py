"""The databases that a command reads, and the names of what is in them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiment_manager.cli.console import path_text
from experiment_manager.common.errors import did_you_mean
from experiment_manager.config.paths import DATABASE_FILE
from experiment_manager.db.manager import DatabaseManager, database_file, hide_password
from experiment_manager.db.places import SEARCHED
from experiment_manager.db.rows import ExperimentRow

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

REMEDY = "Name another place with --in."

Database = Path | str
"""An SQLite file, or the URL of any database."""


def databases_in(place: str) -> list[Database]:
    """Those that a file, a folder or a URL names."""
    return [place] if "://" in place else [*find_databases(Path(place))]


def find_databases(where: Path, remedy: str = REMEDY) -> list[Path]:
    """The database files in or below a place; the remedy ends the error's text."""
    here = where.resolve()
    if here.is_file():
        return [here]
    found = sorted({path for pattern in SEARCHED for path in here.glob(pattern)})
    if not found:
        raise click.UsageError(f"No {DATABASE_FILE} found in {here}. {remedy}")
    return found


def open_database(database: Database, *, read_only: bool = True) -> DatabaseManager:
    """It, for reading unless it says otherwise."""
    if isinstance(database, Path):
        return DatabaseManager(str(database), use_sqlite=True, read_only=read_only)
    return DatabaseManager.from_url(database, read_only=read_only)


def database_text(database: Database) -> str:
    """How a database is called: by its file, or by its URL without the password."""
    return path_text(database) if isinstance(database, Path) else hide_password(database)


def database_of(url: str) -> Database:
    """The file of an SQLite database's URL, or the URL of another one."""
    return database_file(url) or url


def database_folder(database: Database) -> Path | None:
    """The folder that an SQLite database lies in; None for one on a server."""
    file = database if isinstance(database, Path) else database_file(database)
    return None if file is None else file.resolve().parent


def url_text(url: URL) -> str:
    """How the database of a URL is called: by its file, or by the URL without the password."""
    file = database_file(url)
    return url.render_as_string(hide_password=True) if file is None else path_text(file)


@contextmanager
def open_with_experiment(
    name: str, place: str, *, read_only: bool = True
) -> Iterator[tuple[DatabaseManager, Database, ExperimentRow]]:
    """The first database that holds the experiment of a name, which may be abbreviated."""
    found: dict[str, tuple[ExperimentRow, Database]] = {}
    for database in databases_in(place):
        with open_database(database) as db:
            for experiment in db.list_experiments():
                found.setdefault(experiment.title, (experiment, database))
    experiment, database = found[chosen(name, found, "No experiment is named")]
    with open_database(database, read_only=read_only) as db:
        yield db, database, experiment


def chosen(name: str, known: Collection[str], complaint: str) -> str:
    """The known name that is meant: the very same, or the only one that begins with it.

    Args:
        name: As it was given.
        known: What it may mean.
        complaint: Beginning of the error's text for a name that means nothing.
    """
    if name in known:
        return name
    candidates = sorted(one for one in known if one.startswith(name))
    if len(candidates) > 1:
        raise click.UsageError(f"{name!r} may be any of: {', '.join(candidates)}")
    if not candidates:
        raise click.UsageError(f"{complaint} {name!r}.{did_you_mean(name, known)}")
    return candidates[0]
