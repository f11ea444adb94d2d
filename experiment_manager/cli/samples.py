"""The groups of runs that a command compares: the runs that places, names or a query choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from experiment_manager.cli.places import (
    Database,
    chosen,
    database_text,
    databases_in,
    open_database,
)
from experiment_manager.common.errors import did_you_mean
from experiment_manager.db.places import SEARCHED
from experiment_manager.results.query import QuerySyntaxError, parse
from experiment_manager.results.query_nodes import fields_of
from experiment_manager.results.samples import (
    Sample,
    join_databases,
    measured,
    name_groups,
    require_metric,
    unknown_field,
)
from experiment_manager.results.selection import FoundRun, list_fields, select_runs

T = TypeVar("T")

OPERATORS = frozenset("=<>~:()[]")


@dataclass(frozen=True)
class ChosenRuns:
    """Runs in groups that repeat each other, and where they are from.

    Attributes:
        groups: By name, in order of appearance.
        databases: The database of each run, by the run's name.
    """

    groups: Mapping[str, Sequence[FoundRun]]
    databases: Mapping[str, Database]

    @property
    def runs(self) -> list[FoundRun]:
        """The runs of all groups."""
        return [run for members in self.groups.values() for run in members]

    def require_metric(self, metric: str | None) -> str:
        """The metric, which a run must have; None is refused with the known ones."""
        if metric is None:
            known = {name for run in self.runs for name in run.metrics}
            raise click.UsageError(f"Name the metric by --metric.{did_you_mean('', known)}")
        require_metric(self.runs, metric)
        return metric

    def samples(self, metric: str) -> list[Sample]:
        """The groups with what each run measured."""
        return [measured(name, members, metric) for name, members in self.groups.items()]


def choose_groups(words: Sequence[str], place: str, by: str) -> ChosenRuns:
    """The groups of runs that the arguments of a command choose.

    Args:
        words: Places, which exist, and then a query, or the names of groups.
        place: Where to look if no place is among the words.
        by: What the runs of a group share.

    Raises:
        UsageError: There is no such run, or no group of such a name.
        QuerySyntaxError: The query or ``by`` cannot be understood.
        UnknownFieldError: No run has the parameter.
    """
    places = [word for word in words if _is_place(word)] or [place]
    rest = [word for word in words if not _is_place(word)]
    databases = list(dict.fromkeys(one for each in places for one in databases_in(each)))
    query, names = _query_and_names(rest)
    runs, origins = find_runs(query, databases)
    groups = name_groups(runs, by)
    wanted = dict.fromkeys(name for word in names for name in _names_called(word, groups))
    return ChosenRuns({name: groups[name] for name in wanted or groups}, origins)


def find_runs(
    query: str, databases: Sequence[Database]
) -> tuple[list[FoundRun], dict[str, Database]]:
    """The runs that a query finds, told apart by their names, and the database of each."""
    found: dict[str, list[FoundRun]] = {}
    for database in databases:
        with open_database(database) as db:
            found[database_text(database)] = select_runs(db, query)
    runs = join_databases(found)
    if not runs:
        raise click.UsageError(_nothing_found(query, databases))
    holders = (each for each, some in zip(databases, found.values(), strict=True) for _ in some)
    return runs, {run.name: each for run, each in zip(runs, holders, strict=True)}


def _is_place(word: str) -> bool:
    """True for a URL, a file, and a folder with databases in or below it."""
    path = Path(word)
    has_databases = any(True for pattern in SEARCHED for _ in path.glob(pattern))
    return "://" in word or path.is_file() or has_databases


def _query_and_names(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The words as a query, or as names where they have nothing of one."""
    query = " ".join(words)
    try:
        parse(query)
    except QuerySyntaxError:
        if OPERATORS & set(query):
            raise
        return "", words
    return query, ()


def _names_called(word: str, groups: Mapping[str, Sequence[FoundRun]]) -> list[str]:
    """The group of a name; of EXPERIMENT/TRIAL, as elsewhere; or all of an EXPERIMENT."""
    title, slash, trial = word.partition("/")
    trials = {r[0].trial.name: n for n, r in groups.items() if r[0].experiment.startswith(title)}
    if slash and trials and word not in groups:
        return [trials[chosen(trial, trials, f"{title!r} has no trial")]]
    of_experiment = [name for name, runs in groups.items() if runs[0].experiment == word]
    if of_experiment and word not in groups:
        return of_experiment
    return [chosen(word, groups, "No place, and no trial that is compared, is called")]


def _nothing_found(query: str, databases: Sequence[Database]) -> str:
    """Say so, and which name in the query no run has: it may be misspelt."""
    known = set()
    for database in databases:
        with open_database(database) as db:
            known |= set(list_fields(db))
    for field in fields_of(parse(query)):
        if field.group and field not in known:
            return str(unknown_field(field, {f.name for f in known if f.group == field.group}))
    return "No such run."
