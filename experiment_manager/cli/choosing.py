"""The runs that a command shall change: those that names mean, or that a query finds."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click

from experiment_manager.cli.naming import open_named
from experiment_manager.cli.places import Database, databases_in, open_database
from experiment_manager.results.selection import FoundRun, select_runs

ChosenRuns = Mapping[Database, Sequence[FoundRun]]


def choose_runs(names: Sequence[str], query: str | None, place: str) -> ChosenRuns:
    """The current runs, by database; each once.

    Args:
        names: ``EXPERIMENT[/TRIAL[/RUN]]``, whose parts may be abbreviated.
        query: See :mod:`experiment_manager.results.query`; in place of names.
        place: A file, a folder or a URL.
    """
    if query is not None and names:
        raise click.UsageError("Name runs, or find them by --query, not both.")
    if query is None and not names:
        raise click.UsageError("Name EXPERIMENT[/TRIAL[/RUN]], or find runs by --query.")
    return _named(names, place) if query is None else _found(query, place)


def count_of(chosen: ChosenRuns) -> int:
    """How many they are, in all databases."""
    return sum(map(len, chosen.values()))


def confirm(question: str, *, yes: bool) -> bool:
    """Ask on a terminal, unless the answer was given beforehand; elsewhere it must be.

    The question is put on standard error, so that it is no part of the output.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} There is nobody to ask: answer by --yes.")
    return click.confirm(question, err=True)


def _named(names: Sequence[str], place: str) -> ChosenRuns:
    chosen: dict[Database, dict[int, FoundRun]] = {}
    for name in names:
        with open_named(name, place) as named:
            if named.archived is not None:
                raise click.UsageError(f"{named.name!r} was set aside already.")
            runs = {found.run.id: found for found in named.select_runs()}
            chosen[named.database] = chosen.get(named.database, {}) | runs
    return {database: list(runs.values()) for database, runs in chosen.items()}


def _found(query: str, place: str) -> ChosenRuns:
    chosen: dict[Database, list[FoundRun]] = {}
    for database in databases_in(place):
        with open_database(database) as db:
            if runs := select_runs(db, query):
                chosen[database] = runs
    return chosen
