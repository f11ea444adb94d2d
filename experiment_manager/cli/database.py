"""``db``: a database as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from experiment_manager.cli.console import create_console, create_table, path_text, size_text
from experiment_manager.cli.places import find_databases
from experiment_manager.config.paths import DATABASE_FILE
from experiment_manager.db.engine import database_file, parse_url
from experiment_manager.db.leftovers import Leftover
from experiment_manager.db.maintenance import (
    DatabaseInfo,
    check_database,
    describe_database,
    upgrade_database,
)
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.transfer import copy_database

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy.engine import URL

BACKENDS = {
    "sqlite": "SQLite",
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "postgresql": "PostgreSQL",
}
UNTROUBLED = {"delivered", "in use"}


def print_info(place: str) -> None:
    """Print what each database in a place is."""
    console = create_console()
    for url in _databases(place):
        _print_database(console, url, describe_database(url))


def check(place: str) -> bool:
    """Print what is wrong with each database in a place; True where nothing is."""
    console = create_console()
    found = {_name(url): check_database(url) for url in _databases(place)}
    for name, problems in found.items():
        colour = "red" if problems else "green"
        count = _counted(len(problems), "problem")
        console.print(f"{escape(name)}: [{colour}]{count}[/]", soft_wrap=True)
        for problem in problems:
            console.print(f"  [red]-[/] {escape(problem)}", soft_wrap=True)
    return not any(found.values())


def upgrade(place: str) -> None:
    """Upgrade each database in a place, and print what was done."""
    console = create_console()
    for url in _databases(place):
        done = upgrade_database(url)
        name = escape(_name(url))
        if done.before == done.after:
            console.print(f"{name}: has version {done.after} already", soft_wrap=True)
            continue
        console.print(
            f"{name}: upgraded from version {done.before} to {done.after}", soft_wrap=True
        )
        if done.backup is not None:
            console.print(f"Backup: {escape(path_text(done.backup))}", soft_wrap=True)


def copy(source: str, target: str) -> None:
    """Copy a database into another one, and print how much it was."""
    console = create_console()
    sources, to = _databases(source), _target(target)
    if len(sources) > 1:
        names = ", ".join(map(_name, sources))
        raise click.UsageError(f"There are several databases in {source}; name one of: {names}")
    with _progress(console) as progress:
        done = copy_database(sources[0], to, progress)
    console.print(f"Copied {sum(done.rows.values())} rows to {escape(_name(to))}", soft_wrap=True)
    if done.journals_left_out:
        waiting = _counted(done.journals_left_out, "journal")
        console.print(
            f"[yellow]Not copied: {waiting} that may hold what the original does not have "
            "yet.[/] 'db info' lists them, 'db sync' brings them in."
        )


def sync(place: str) -> bool:
    """Bring in what journals hold, and print it; False where one could not be delivered."""
    console = create_console()
    leftovers: list[Leftover] = []
    for url in _databases(place):
        with DatabaseManager.from_url(url.render_as_string(hide_password=False)) as db:
            count = _counted(len(db.leftovers), "journal")
            console.print(f"{escape(_name(url))}: {count}", soft_wrap=True)
            for left in db.leftovers:
                _print_leftover(console, left, db.journal_path(left.journal))
            leftovers += db.leftovers
    return all(left.outcome in UNTROUBLED for left in leftovers)


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


def _name(url: URL) -> str:
    """How a database is called here: its file, or its URL without the password."""
    file = database_file(url)
    return url.render_as_string(hide_password=True) if file is None else path_text(file)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _print_database(console: Console, url: URL, info: DatabaseInfo) -> None:
    lines = {
        "Database": _name(url),
        "Backend": BACKENDS.get(info.backend, info.backend),
        "Schema": f"version {info.version}",
        "Size": size_text(info.size_bytes),
    }
    for title, value in lines.items():
        console.print(f"{title:<8}  {escape(value)}", soft_wrap=True)
    if info.version_problem is not None:
        console.print(escape(info.version_problem), style="yellow", soft_wrap=True)
    table = create_table("Table", "Rows", numbers=("Rows",))
    for name, rows in info.rows.items():
        if rows:
            table.add_row(name, str(rows))
    console.print(table)
    if info.journals:
        console.print("Journals that may hold what is not in the database yet:")
    for journal, path in info.journals:
        here = escape(path_text(path))
        console.print(f"  {here} [dim](of {escape(journal.host)})[/]", soft_wrap=True)


def _print_leftover(console: Console, left: Leftover, path: Path) -> None:
    colour = "green" if left.outcome in UNTROUBLED else "red"
    records = _counted(left.records, "record")
    place = escape(path_text(_place_of(left, path)))
    host = f" [dim](of {escape(left.journal.host)})[/]" if left.outcome == "elsewhere" else ""
    console.print(f"  [{colour}]{left.outcome}[/], {records}: {place}{host}", soft_wrap=True)


def _place_of(left: Leftover, path: Path) -> Path:
    """Where the journal lies now: one that is put aside gets another ending."""
    aside = path.with_suffix(f".{left.outcome}")
    return aside if aside.exists() else path


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str, int, int], object]]:
    """A bar with the time that is left, on a terminal; what it is to be called with."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Eta

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), Eta())
    is_shown = console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not is_shown) as bars:
        task = bars.add_task("")

        def show(table: str, done: int, total: int) -> None:
            bars.update(task, description=table, completed=done, total=total)

        yield show
