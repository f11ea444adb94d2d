"""``rm``: runs are set aside, and can be brought back."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import click

from experiment_manager.archive import REMOVED, archive_run
from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.choosing import choose_runs, confirm
from experiment_manager.cli.places import open_database
from experiment_manager.cli.run_storage import RunStorage, files_text, total_text
from experiment_manager.results.selection import FoundRun


class _Removal(NamedTuple):
    storage: RunStorage
    found: FoundRun
    size: int | None


def remove_runs(
    names: Sequence[str],
    query: str | None,
    place: str,
    *,
    workspace: Path | None = None,
    yes: bool = False,
    as_json: bool = False,
) -> bool:
    """Set runs aside, and print how to bring them back; False where the user did not want it.

    Args:
        names: ``EXPERIMENT[/TRIAL[/RUN]]``, whose parts may be abbreviated.
        query: Finds the runs, in place of names.
        place: A file, a folder or a URL.
        workspace: Where the experiments' folders are; None for where the database knows them.
        yes: True not to ask.
        as_json: True for other programs.
    """
    chosen = choose_runs(names, query, place)
    with ExitStack() as stack:
        removals: list[_Removal] = []
        for database, runs in chosen.items():
            db = stack.enter_context(open_database(database, read_only=False))
            storage = RunStorage(db, database, workspace)
            storage.settle(one.experiment for one in runs)
            removals += [_Removal(storage, one, storage.size_bytes(one)) for one in runs]
        _refuse_executed(removals)
        if not removals:
            click.echo("No such run.")
            return True
        total = total_text(len(removals), [one.size for one in removals])
        if len(removals) > 1 and not confirm(f"Set aside {total}?", yes=yes):
            click.echo("Nothing was set aside.", err=True)
            return False
        done = [_remove(one) for one in removals]
    if as_json:
        print_json({"runs": [one.storage.run_dict(one.found, one.size) for one in done]})
    else:
        _print(done, f"restore {_arguments(names, query, place)}")
    return True


def _refuse_executed(removals: Sequence[_Removal]) -> None:
    for storage, found, _ in removals:
        lease = storage.db.find_lease(found.run.id)
        if lease is not None and not lease.is_lost:
            raise click.UsageError(
                f"{found.name} is being executed by {lease.process}; stop that first."
            )


def _remove(removal: _Removal) -> _Removal:
    storage, found, size = removal
    archived = archive_run(storage.db, *storage.place(found), found.run, REMOVED)
    return _Removal(storage, replace(found, archived=archived), size)


def _print(done: Sequence[_Removal], undo: str) -> None:
    for _, found, size in done:
        click.echo(f"Set aside: {found.name} ({files_text(size)})")
    if len(done) > 1:
        click.echo(f"In all: {total_text(len(done), [one.size for one in done])}")
    click.echo(f"Undo: experiment-manager {undo}")


def _arguments(names: Sequence[str], query: str | None, place: str) -> str:
    words = [*names] if query is None else ["--query", query]
    return shlex.join([*words, *([] if place == "." else ["--in", place])])
