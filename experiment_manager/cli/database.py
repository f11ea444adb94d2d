"""``db``: a database as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiment_manager.cli import checking, database_json, database_pages
from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.console import create_console
from experiment_manager.cli.places import find_databases, url_text
from experiment_manager.config.paths import DATABASE_FILE
from experiment_manager.db.engine import database_file, parse_url
from experiment_manager.db.leftovers import Leftover
from experiment_manager.db.maintenance import describe_database, upgrade_database
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.transfer import copy_database

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


def print_info(place: str, *, as_json: bool = False) -> None:
    """Print what each database in a place is."""
    found = [(url, describe_database(url)) for url in _databases(place)]
    if as_json:
        print_json({"databases": [database_json.info_dict(*one) for one in found]})
        return
    console = create_console()
    for one in found:
        database_pages.print_database(console, *one)


def print_check(place: str, *, workspace: Path | None = None, as_json: bool = False) -> bool:
    """Print what is wrong with each database in a place and its files; True where nothing is.

    Args:
        place: A file, a folder or a URL.
        workspace: Where the experiments' folders are; None for where the databases know them.
        as_json: True for other programs.
    """
    found = [checking.check(url, workspace) for url in _databases(place)]
    if as_json:
        print_json({"databases": [checking.checked_dict(one) for one in found]})
    else:
        console = create_console()
        for one in found:
            checking.print_checked(console, one)
    return not any(one.count for one in found)


def upgrade_each(place: str, *, as_json: bool = False) -> None:
    """Upgrade each database in a place, and print what was done."""
    console = create_console()
    done = []
    for url in _databases(place):
        upgrade = upgrade_database(url)
        done.append(database_json.upgrade_dict(url, upgrade))
        if not as_json:
            database_pages.print_upgrade(console, url, upgrade)
    if as_json:
        print_json({"databases": done})


def copy_to_empty(source: str, target: str, *, as_json: bool = False) -> None:
    """Copy a database into another one, and print how much it was."""
    console = create_console()
    sources, to = _databases(source), _target(target)
    if len(sources) > 1:
        names = ", ".join(map(url_text, sources))
        raise click.UsageError(f"There are several databases in {source}; name one of: {names}")
    with database_pages.progress(console, is_wanted=not as_json) as progress:
        done = copy_database(sources[0], to, progress)
    if as_json:
        print_json(database_json.copy_dict(to, done))
    else:
        database_pages.print_copy(console, to, done)


def deliver_journals(place: str, *, as_json: bool = False) -> bool:
    """Bring in what journals hold, and print it; False where one could not be delivered."""
    console = create_console()
    delivered: list[dict[str, object]] = []
    leftovers: list[Leftover] = []
    for url in _databases(place):
        with DatabaseManager.from_url(url.render_as_string(hide_password=False)) as db:
            leftovers += db.leftovers
            delivered.append(database_json.sync_dict(url, db))
            if not as_json:
                database_pages.print_sync(console, url, db)
    if as_json:
        print_json({"databases": delivered})
    return all(left.outcome in database_pages.UNTROUBLED for left in leftovers)


def _databases(place: str) -> list[URL]:
    """Those that a place names; they exist, so that nothing makes a new one by mistake."""
    if "://" not in place:
        remedy = "Name a database file, a folder with one, or a database URL."
        return [_url(path) for path in find_databases(Path(place), remedy)]
    url = parse_url(place)
    file = database_file(url)
    if file is not None and not file.exists():
        raise click.UsageError(f"There is no file {file}.")
    return [url]


def _target(place: str) -> URL:
    """The database that a place names, which may be missing."""
    if "://" in place:
        return parse_url(place)
    path = Path(place).resolve()
    return _url(path / DATABASE_FILE if path.is_dir() else path)


def _url(path: Path) -> URL:
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(path))
