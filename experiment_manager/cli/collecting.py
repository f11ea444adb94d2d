"""``gc``: what was removed is deleted for good, rows and files together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.markup import escape

from experiment_manager.archive import (
    REMOVED,
    delete_archived,
    delete_folder,
    list_unknown_folders,
    size_bytes,
)
from experiment_manager.cli.archived_runs import print_archived_runs
from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.choosing import confirm
from experiment_manager.cli.console import create_console, create_table, path_text, size_text
from experiment_manager.cli.places import Database, database_folder, databases_in, open_database
from experiment_manager.cli.run_storage import RunStorage, files_text
from experiment_manager.cli.workspaces import ElsewhereError
from experiment_manager.results.selection import FoundRun, select_runs


class _Run(NamedTuple):
    storage: RunStorage
    found: FoundRun
    size: int | None


@dataclass
class _Garbage:
    """What may be deleted.

    Attributes:
        runs: Those that were removed, with the sizes of their files.
        folders: Those that no run has, with their sizes.
        others: How many runs were set aside for another reason.
        younger: How many were set aside too short a time ago.
        elsewhere: Why runs whose files are on another machine stay.
    """

    runs: list[_Run] = field(default_factory=list)
    folders: dict[Path, int] = field(default_factory=dict)
    others: int = 0
    younger: int = 0
    elsewhere: list[str] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        return sum(run.size or 0 for run in self.runs) + sum(self.folders.values())

    def __str__(self) -> str:
        parts = [(len(self.runs), "run"), (len(self.folders), "folder")]
        counted = [_counted(count, what) for count, what in parts if count]
        return f"{' and '.join(counted)} ({size_text(self.size_bytes)})"


def collect_garbage(
    place: str,
    *,
    workspace: Path | None = None,
    older_than_s: float = 0.0,
    everything: bool = False,
    dry_run: bool = False,
    yes: bool = False,
    as_json: bool = False,
) -> bool:
    """Delete what was removed from the databases of a place; False where the user did not want.

    Args:
        place: A file, a folder or a URL.
        workspace: Where the experiments' folders are; None for where the database knows them.
        older_than_s: Only what was removed that many seconds ago, or earlier.
        everything: True for all runs that were set aside, whyever.
        dry_run: True to print it only.
        yes: True not to ask.
        as_json: True for other programs.
    """
    before = datetime.now(timezone.utc) - timedelta(seconds=older_than_s)
    garbage = _Garbage()
    with ExitStack() as stack:
        for database in databases_in(place):
            db = stack.enter_context(open_database(database, read_only=dry_run))
            _look(garbage, RunStorage(db, database, workspace), database, before, everything)
        is_empty = not garbage.runs and not garbage.folders
        if not as_json:
            _print(garbage)
        if not (dry_run or is_empty or confirm(f"Delete {garbage} for good?", yes=yes)):
            click.echo("Nothing was deleted.", err=True)
            return False
        if not dry_run:
            _delete(garbage)
    if as_json:
        print_json(_dict(garbage, dry_run=dry_run))
    elif not is_empty:
        done = "Nothing was deleted: this was a dry run." if dry_run else f"Deleted {garbage}."
        click.echo(done)
    return True


def _look(
    garbage: _Garbage, storage: RunStorage, database: Database, before: datetime, everything: bool
) -> None:
    """Find what a database has, and what lies beside it."""
    runs = select_runs(storage.db, archived=True)
    workspaces = {database_folder(database)}
    for experiment in storage.db.list_experiments():
        of_experiment = [run for run in runs if run.experiment == experiment.title]
        try:
            workspaces.add(storage.workspace(experiment.title))
        except ElsewhereError as error:
            garbage.elsewhere += [error.message] if of_experiment else []
            continue
        if not storage.db.read_only:
            storage.settle([experiment.title])
        for run in of_experiment:
            if run.archived is None or not (everything or run.archived.reason == REMOVED):
                garbage.others += 1
            elif run.archived.time > before:
                garbage.younger += 1
            else:
                garbage.runs.append(_Run(storage, run, storage.size_bytes(run)))
    for workspace in workspaces - {None}:
        for folder in list_unknown_folders(storage.db, Path(str(workspace))):
            if folder.stat().st_mtime <= before.timestamp():
                garbage.folders[folder] = size_bytes(folder)


def _delete(garbage: _Garbage) -> None:
    for storage, found, _ in garbage.runs:
        if found.archived is not None:
            delete_archived(storage.db, *storage.place(found), found.archived)
    for folder in garbage.folders:
        delete_folder(folder)
    for storage in dict.fromkeys(run.storage for run in garbage.runs):
        storage.db.delete_unused_snapshots()


def _print(garbage: _Garbage) -> None:
    console = create_console()
    if garbage.runs:
        sizes = [files_text(run.size) for run in garbage.runs]
        print_archived_runs(console, [run.found for run in garbage.runs], sizes)
    if garbage.folders:
        console.print("Folders that no run of the database has:")
        table = create_table("Folder", "Files", numbers=("Files",))
        for folder, size in garbage.folders.items():
            table.add_row(escape(path_text(folder)), size_text(size))
        console.print(table)
    if not garbage.runs and not garbage.folders:
        console.print("There is nothing to delete.")
    for line in _remarks(garbage):
        console.print(escape(line), style="dim")


def _remarks(garbage: _Garbage) -> Iterator[str]:
    if garbage.others:
        yield f"Kept: {_counted(garbage.others)} that 'run' has set aside; --all deletes them too."
    if garbage.younger:
        yield f"Kept: {_counted(garbage.younger)} set aside after the time of --older-than."
    yield from dict.fromkeys(garbage.elsewhere)


def _dict(garbage: _Garbage, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "runs": [run.storage.run_dict(run.found, run.size) for run in garbage.runs],
        "folders": [
            {"path": str(path), "size_bytes": size} for path, size in garbage.folders.items()
        ],
        "size_bytes": garbage.size_bytes,
        "kept": garbage.others + garbage.younger,
        "elsewhere": garbage.elsewhere,
    }


def _counted(count: int, what: str = "run") -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
