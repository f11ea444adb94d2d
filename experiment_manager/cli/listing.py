"""``ls``: the experiments of some databases, or the runs in them that a query finds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from experiment_manager.cli.archived_runs import print_archived_runs
from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.console import (
    create_console,
    create_table,
    print_sentence,
    status_text,
)
from experiment_manager.cli.json_rows import experiment_dict, run_dict
from experiment_manager.cli.places import Database, database_text, databases_in, open_database
from experiment_manager.cli.run_tables import print_found_runs, time_text
from experiment_manager.cli.summary import print_places
from experiment_manager.common.errors import did_you_mean
from experiment_manager.results.overview import ExperimentOverview, list_overviews
from experiment_manager.results.query import parse, parse_field
from experiment_manager.results.query_fields import Field
from experiment_manager.results.query_nodes import fields_of
from experiment_manager.results.selection import (
    FoundRun,
    count_runs,
    list_fields,
    ranked,
    select_runs,
)

if TYPE_CHECKING:
    from rich.console import Console

TABLE_ROWS = 100


def list_experiments(place: str, *, as_json: bool = False) -> None:
    """Print a line for each experiment in the databases of a place."""
    databases = databases_in(place)
    found: list[tuple[ExperimentOverview, Database]] = []
    for database in databases:
        with open_database(database) as db:
            found += [(overview, database) for overview in list_overviews(db)]
    if as_json:
        print_json({"experiments": [experiment_dict(*one) for one in found]})
    else:
        _print_experiments(found, databases)


def list_runs(
    query: str,
    place: str,
    *,
    sort: str | None = None,
    reverse: bool = False,
    limit: int | None = None,
    archived: bool = False,
    as_json: bool = False,
) -> None:
    """Print a line for each run that a query finds in the databases of a place.

    Args:
        query: See :mod:`experiment_manager.results.query`; empty for all runs.
        place: A file, a folder or a URL.
        sort: Field to sort by.
        reverse: True for the highest first.
        limit: The most to print; None for all as JSON, and for a hundred in a table.
        archived: True for runs that were set aside.
        as_json: True for other programs.

    Raises:
        QuerySyntaxError: The query or the field cannot be understood.
    """
    named = ([] if sort is None else [parse_field(sort)]) + fields_of(parse(query))
    limit = limit if as_json else limit or TABLE_ROWS
    found, total = _find(query, place, sort, reverse=reverse, limit=limit, archived=archived)
    if as_json:
        print_json({"runs": [run_dict(*one) for one in found]})
    elif found:
        _print_runs(
            [run for run, _ in found], list(dict.fromkeys(named)), total, archived=archived
        )
    else:
        _print_nothing(place, named)


def _find(
    query: str, place: str, sort: str | None, *, reverse: bool, limit: int | None, archived: bool
) -> tuple[list[tuple[FoundRun, Database]], int]:
    """The runs that a query finds in all databases, up to the limit, and how many there are."""
    found: list[tuple[FoundRun, Database]] = []
    total = 0
    for database in databases_in(place):
        with open_database(database) as db:
            runs = select_runs(
                db, query, sort=sort, reverse=reverse, limit=limit, archived=archived
            )
            found += [(run, database) for run in runs]
            total += count_runs(db, query, archived=archived)
    if sort is not None:
        field = parse_field(sort)
        found = ranked(found, lambda one: one[0].value_of(field), reverse=reverse)
    return found[:limit], total


def _print_experiments(
    found: list[tuple[ExperimentOverview, Database]], databases: list[Database]
) -> None:
    """A table; the databases stand below it, numbered where there are several."""
    console = create_console()
    numbers = {database: str(n) for n, database in enumerate(databases, start=1)}
    is_numbered = len(databases) > 1
    columns = ("Experiment", "Trials", "Runs", "States", "Updated")
    last = ("DB",) if is_numbered else ()
    table = create_table(*columns, *last, numbers=("Trials", "Runs", "Updated", *last))
    for overview, database in found:
        table.add_row(*_cells(overview), *([numbers[database]] if is_numbered else []))
    console.print(table)
    places: dict[str, Path | str] = {
        f"DB {number}" if is_numbered else "Database": database_text(database)
        for database, number in numbers.items()
    }
    print_places(console, places)


def _cells(overview: ExperimentOverview) -> list[str]:
    return [
        escape(overview.experiment.title),
        str(overview.trials),
        str(overview.runs),
        _states_text(overview),
        time_text(overview.experiment.update_time),
    ]


def _states_text(overview: ExperimentOverview) -> str:
    counts = overview.runs_by_status.items()
    return ", ".join(f"{count} {status_text(status)}" for status, count in counts)


def _print_runs(runs: list[FoundRun], named: list[Field], total: int, *, archived: bool) -> None:
    console = create_console()
    if archived:
        print_archived_runs(console, runs)
    else:
        print_found_runs(console, runs, named)
    if total > len(runs):
        console.print(f"[dim]The first {len(runs)} of {total} runs; --limit shows more.[/]")


def _print_nothing(place: str, named: list[Field]) -> None:
    """Say that there is none, and which names no run has: they may be misspelt."""
    console = create_console()
    console.print("No such run.")
    known: set[Field] = set()
    for database in databases_in(place):
        with open_database(database) as db:
            known |= set(list_fields(db))
    for field in named:
        if field.group and field not in known:
            _print_unknown(console, field, known)


def _print_unknown(console: Console, field: Field, known: set[Field]) -> None:
    meant = did_you_mean(field.name, [one.name for one in known if one.group == field.group])
    what = f"No run has the {field.kind.noun} {field.name!r}.{meant}"
    print_sentence(console, escape(what))
