"""``tag``: words by which runs are found again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.markup import escape

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.choosing import ChosenRuns, choose_runs
from experiment_manager.cli.console import create_console, create_table
from experiment_manager.cli.json_rows import run_dict
from experiment_manager.cli.places import databases_in, open_database
from experiment_manager.common.errors import did_you_mean
from experiment_manager.results.selection import FoundRun

_TAG = re.compile(r"\w[\w.:+/-]{0,63}")


def list_tags(place: str, *, as_json: bool = False) -> None:
    """Print every tag in the databases of a place, and how many runs have it."""
    counts: Counter[str] = Counter()
    for database in databases_in(place):
        with open_database(database) as db:
            counts.update(db.count_tags())
    _print_counts(counts, as_json=as_json)


def change_tags(
    arguments: Sequence[str],
    query: str | None,
    removed: Sequence[str],
    place: str,
    *,
    as_json: bool = False,
) -> None:
    """Give tags to runs, or take them away, and print how many runs that were.

    Where neither is wanted, print which tags the runs have.

    Args:
        arguments: ``EXPERIMENT[/TRIAL[/RUN]]`` and tags; with a query tags alone.
        query: Finds the runs.
        removed: Tags to take away.
        place: A file, a folder or a URL.
        as_json: True for other programs.
    """
    names, added = (arguments[:1], arguments[1:]) if query is None else ((), arguments)
    for tag in added:
        _require_sensible(tag)
    chosen = choose_runs(names, query, place)
    if not added and not removed:
        counts = Counter(tag for runs in chosen.values() for run in runs for tag in run.tags)
        _print_counts(counts, as_json=as_json)
        return
    _require_known(removed, chosen)
    for database, runs in chosen.items():
        ids = [found.run.id for found in runs]
        with open_database(database, read_only=False) as db, db.transaction():
            for tag in added:
                db.add_tag(ids, tag)
            for tag in removed:
                db.remove_tag(ids, tag)
    if as_json:
        print_json({"runs": _changed_dicts(chosen, set(added), set(removed))})
    else:
        _print_changes(chosen, added, removed)


def _require_sensible(tag: str) -> None:
    if not _TAG.fullmatch(tag):
        raise click.UsageError(
            f"{tag!r} is no tag: it begins with a letter or digit and goes on with these and "
            ". : + / - _, 64 at most."
        )


def _require_known(removed: Sequence[str], chosen: ChosenRuns) -> None:
    known = {tag for runs in chosen.values() for run in runs for tag in run.tags}
    for tag in removed:
        if tag not in known:
            raise click.UsageError(
                f"None of these runs has the tag {tag!r}.{did_you_mean(tag, known)}"
            )


def _print_counts(counts: Mapping[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json({"tags": dict(sorted(counts.items()))})
    elif counts:
        table = create_table("Tag", "Runs", numbers=("Runs",))
        for tag, count in sorted(counts.items()):
            table.add_row(escape(tag), str(count))
        create_console().print(table)
    else:
        click.echo("There are no tags.")


def _print_changes(chosen: ChosenRuns, added: Sequence[str], removed: Sequence[str]) -> None:
    runs = [found for found_runs in chosen.values() for found in found_runs]
    had_it = [found for found in runs if set(removed) & set(found.tags)]
    if added:
        click.echo(f"Tagged {_counted(runs)}: {', '.join(added)}")
    if removed:
        click.echo(f"Took from {_counted(had_it)}: {', '.join(removed)}")


def _counted(runs: Sequence[FoundRun]) -> str:
    return f"{len(runs)} run{'' if len(runs) == 1 else 's'}"


def _changed_dicts(chosen: ChosenRuns, added: set[str], removed: set[str]) -> list[dict[str, Any]]:
    """The runs with the tags that they have now."""
    return [
        run_dict(found, database) | {"tags": sorted((set(found.tags) | added) - removed)}
        for database, runs in chosen.items()
        for found in runs
    ]
