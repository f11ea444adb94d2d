"""What ``db`` prints for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from experiment_manager.cli.console import create_table, path_text, size_text
from experiment_manager.cli.places import url_text
from experiment_manager.db.leftovers import Leftover
from experiment_manager.db.maintenance import DatabaseInfo
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.transfer import Copied
from experiment_manager.db.upgrade import Upgrade

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


def print_database(console: Console, url: URL, info: DatabaseInfo) -> None:
    """Print what a database is."""
    lines = {
        "Database": url_text(url),
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


def print_upgrade(console: Console, url: URL, done: Upgrade) -> None:
    """Print what an upgrade did."""
    what = (
        f"has version {done.after} already"
        if done.before == done.after
        else f"upgraded from version {done.before} to {done.after}"
    )
    console.print(f"{escape(url_text(url))}: {what}", soft_wrap=True)
    if done.backup is not None:
        console.print(f"Backup: {escape(path_text(done.backup))}", soft_wrap=True)


def print_copy(console: Console, target: URL, done: Copied) -> None:
    """Print what was copied, and what was not."""
    rows = sum(done.rows.values())
    console.print(f"Copied {rows} rows to {escape(url_text(target))}", soft_wrap=True)
    if done.journals_left_out:
        waiting = _counted(done.journals_left_out, "journal")
        console.print(
            f"[yellow]Not copied: {waiting} that may hold what the original does not have "
            "yet.[/] 'db info' lists them, 'db sync' brings them in."
        )


def print_sync(console: Console, url: URL, db: DatabaseManager) -> None:
    """Print what became of the journals that opening a database has found."""
    count = _counted(len(db.leftovers), "journal")
    console.print(f"{escape(url_text(url))}: {count}", soft_wrap=True)
    for left in db.leftovers:
        colour = "green" if left.outcome in UNTROUBLED else "red"
        records = _counted(left.records, "record")
        place = escape(path_text(place_of(left, db)))
        host = f" [dim](of {escape(left.journal.host)})[/]" if left.outcome == "elsewhere" else ""
        console.print(f"  [{colour}]{left.outcome}[/], {records}: {place}{host}", soft_wrap=True)


def place_of(left: Leftover, db: DatabaseManager) -> Path:
    """Where the journal lies now: one that is put aside gets another ending."""
    path = db.journal_path(left.journal)
    aside = path.with_suffix(f".{left.outcome}")
    return aside if aside.exists() else path


@contextmanager
def progress(console: Console, *, is_wanted: bool) -> Iterator[Callable[[str, int, int], object]]:
    """A bar with the time that is left, on a terminal; what it is to be called with."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Eta

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), Eta())
    is_shown = is_wanted and console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not is_shown) as bars:
        task = bars.add_task("")

        def show(table: str, done: int, total: int) -> None:
            bars.update(task, description=table, completed=done, total=total)

        yield show


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
