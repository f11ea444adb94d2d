"""Runs that a query finds, over all experiments of a database."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from numbers import Real
from typing import Any, TypeVar

from sqlalchemy import ColumnElement

from experiment_manager.common.common import RunStatus
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ArchivedRunRow, TrialRow, TrialRunRow
from experiment_manager.db.selection_calls import SelectedRun
from experiment_manager.results.conditions import condition_of
from experiment_manager.results.query import parse, parse_field
from experiment_manager.results.query_fields import METRICS, PARAMETERS, TAG, Field

T = TypeVar("T")


@dataclass(frozen=True)
class FoundRun:
    """A run with everything that a table of runs shows.

    Attributes:
        experiment: Title of its experiment.
        trial: Its trial.
        run: Its number (of one that was set aside the one that it had), seed, status, times and
            error.
        params: Its parameters by name.
        metrics: The number that it recorded last under each name.
        tags: Its tags, in order of the alphabet.
        archived: How it was set aside; None for a current run.
    """

    experiment: str
    trial: TrialRow
    run: TrialRunRow
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Sequence[str] = ()
    archived: ArchivedRunRow | None = None

    @property
    def name(self) -> str:
        """``experiment/trial/number``, and ``@version`` where it was set aside."""
        version = "" if self.archived is None else f"@{self.archived.version}"
        return f"{self.experiment}/{self.trial.name}/{self.run.number}{version}"

    @property
    def status(self) -> RunStatus:
        """How it stands."""
        return RunStatus(self.run.status)

    def value_of(self, field: Field) -> Any:
        """Its value of a field of the query language; None where it has none."""
        if field.group == PARAMETERS:
            return self.params.get(field.name)
        if field.group == METRICS:
            return self.metrics.get(field.name)
        return _ATTRIBUTES[field.name](self)


_ATTRIBUTES: Mapping[str, Callable[[FoundRun], Any]] = {
    "experiment": lambda found: found.experiment,
    "trial": lambda found: found.trial.name,
    "run": lambda found: found.run.number,
    "id": lambda found: found.run.id,
    "status": lambda found: found.run.status,
    "seed": lambda found: found.run.seed,
    "attempt": lambda found: found.run.attempt,
    "started": lambda found: found.run.start_time,
    "ended": lambda found: found.run.end_time,
    "updated": lambda found: found.run.update_time,
    "duration": lambda found: found.run.duration_s,
    "error": lambda found: found.run.error,
    "reason": lambda found: found.run.reason,
    "note": lambda found: found.run.note,
    TAG: lambda found: ", ".join(found.tags) or None,
}


def select_runs(
    db: DatabaseManager,
    query: str | None = None,
    *,
    sort: str | None = None,
    reverse: bool = False,
    limit: int | None = None,
    archived: bool = False,
) -> list[FoundRun]:
    """The runs that a query finds.

    Args:
        db: The database.
        query: What they shall be like (see :mod:`experiment_manager.results.query`); None for
            all runs.
        sort: Field to sort by; runs that do not have it come last. None for the order of
            experiment, trial and number, which also decides between equal ones.
        reverse: True for the highest first.
        limit: The most to return.
        archived: True for runs that were set aside, in place of the current ones.

    Raises:
        QuerySyntaxError: The query or the field cannot be understood.
    """
    condition = _condition(db, query, archived=archived)
    if sort is None:
        return _loaded(db, db.select_runs(condition, limit, archived=archived))
    field = parse_field(sort)
    selected = db.select_runs(condition, archived=archived)
    found = _loaded(db, selected, None if limit is None else {field.name})
    pairs = zip(selected, found, strict=True)
    best = ranked(pairs, lambda pair: pair[1].value_of(field), reverse=reverse)[:limit]
    if limit is None:
        return [run for _, run in best]
    return _loaded(db, [run for run, _ in best])


def count_runs(db: DatabaseManager, query: str | None = None, *, archived: bool = False) -> int:
    """How many runs a query finds."""
    return db.count_runs(_condition(db, query, archived=archived), archived=archived)


def _condition(db: DatabaseManager, query: str | None, *, archived: bool) -> ColumnElement[bool]:
    return condition_of(parse(query or ""), db.list_lost_runs(), archived=archived)


def list_fields(db: DatabaseManager) -> list[Field]:
    """The parameters and metrics that any run has."""
    params = [Field(PARAMETERS, name) for name in db.list_parameter_names()]
    return params + [Field(METRICS, name) for name in db.list_metric_names()]


def ranked(items: Iterable[T], value_of: Callable[[T], Any], *, reverse: bool = False) -> list[T]:
    """Items by a value, numbers before texts; those without one, or with NaN, come last.

    Example:
        >>> ranked([0.5, None, 0.25, float("nan"), 0.75], lambda value: value, reverse=True)
        [0.75, 0.5, 0.25, None, nan]
    """
    present: list[T] = []
    missing: list[T] = []
    for item in items:
        value = value_of(item)
        is_missing = value is None or (isinstance(value, float) and math.isnan(value))
        (missing if is_missing else present).append(item)
    return [*sorted(present, key=lambda item: _rank(value_of(item)), reverse=reverse), *missing]


def _rank(value: Any) -> tuple[bool, Real | float, str]:
    """Something to sort by: values of a parameter may be of any type."""
    if isinstance(value, datetime):
        value = value.timestamp()
    is_number = isinstance(value, Real)
    return (not is_number, value if is_number else 0.0, "" if is_number else str(value))


def _loaded(
    db: DatabaseManager, selected: Sequence[SelectedRun], names: Collection[str] | None = None
) -> list[FoundRun]:
    """Runs with their tags, parameters and metrics, or those of some names alone."""
    ids = [one.run.id for one in selected]
    params = db.get_parameters_of_runs(ids, names)
    metrics = db.get_latest_values(ids, names)
    tags = db.get_tags_of_runs(ids)
    return [
        FoundRun(
            one.experiment,
            one.trial,
            one.run if one.archived is None else replace(one.run, number=one.archived.number),
            params.get(one.run.id, {}),
            metrics.get(one.run.id, {}),
            tags.get(one.run.id, ()),
            one.archived,
        )
        for one in selected
    ]
