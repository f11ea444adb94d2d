"""Histories as columns: what a data frame is made from, without an object for each row."""

from __future__ import annotations

from collections.abc import Collection
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Table, null, or_, select

from experiment_manager.db.schema import (
    EPOCH_METRIC,
    IS_CURRENT,
    LATEST_METRIC,
    METRIC,
    RESULTS_METRIC,
    TRIAL,
    TRIAL_RUN,
)


class MetricColumns(NamedTuple):
    """Numbers that runs have recorded; ``pandas.DataFrame(columns._asdict())`` is a tidy frame.

    Attributes:
        trial_run_id: The run of each.
        epoch_idx: The epoch of each; None for final results and latest values.
        type: The metric's name of each.
        value: The number; NaN and infinities are what they are.
        step: The step that its caller gave, or None.
    """

    trial_run_id: list[int]
    epoch_idx: list[int | None]
    type: list[str]
    value: list[float]
    step: list[int | None]


def epoch_columns(
    connection: Connection, runs: Select[Any], types: Collection[str] | None
) -> MetricColumns:
    """The numbers of the epochs of some runs, by run, epoch and order of recording."""
    epoch: ColumnElement[Any] = EPOCH_METRIC.c.epoch_idx
    query = _linked_by(EPOCH_METRIC, epoch, runs).order_by(
        EPOCH_METRIC.c.trial_run_id, EPOCH_METRIC.c.epoch_idx, EPOCH_METRIC.c.metric_id
    )
    return _columns(connection, query, METRIC, types)


def final_columns(
    connection: Connection, runs: Select[Any], types: Collection[str] | None
) -> MetricColumns:
    """The final results of some runs that are numbers, by run and order of recording."""
    query = _linked_by(RESULTS_METRIC, null(), runs).order_by(
        RESULTS_METRIC.c.trial_run_id, RESULTS_METRIC.c.metric_id
    )
    return _columns(connection, query, METRIC, types)


def latest_columns(
    connection: Connection, runs: Select[Any], types: Collection[str] | None
) -> MetricColumns:
    """The number that each of some runs recorded last under each name, by run and name."""
    table = LATEST_METRIC
    query = (
        select(table.c.trial_run_id, null(), *_content(table))
        .where(table.c.trial_run_id.in_(runs))
        .order_by(table.c.trial_run_id, table.c.type)
    )
    return _columns(connection, query, table, types)


def runs_of_experiment(experiment_id: int) -> Select[Any]:
    """The ids of an experiment's runs, for the calls above."""
    of_experiment = TRIAL.c.experiment_id == experiment_id
    return select(TRIAL_RUN.c.id).join(TRIAL).where(of_experiment, IS_CURRENT)


def _linked_by(junction: Table, epoch: ColumnElement[Any], runs: Select[Any]) -> Select[Any]:
    has_number = or_(METRIC.c.total_val.is_not(None), METRIC.c.non_finite.is_not(None))
    return (
        select(junction.c.trial_run_id, epoch, *_content(METRIC))
        .join_from(junction, METRIC, METRIC.c.id == junction.c.metric_id)
        .where(junction.c.trial_run_id.in_(runs), has_number)
    )


def _content(table: Table) -> tuple[ColumnElement[Any], ...]:
    return (table.c.type, table.c.total_val, table.c.non_finite, table.c.step)


def _columns(
    connection: Connection, query: Select[Any], table: Table, types: Collection[str] | None
) -> MetricColumns:
    if types is not None:
        query = query.where(table.c.type.in_(types))
    result = connection.execute(query)
    # The driver's own tuples: SQLAlchemy would make an object of each, for as long again.
    rows = result.cursor.fetchall() if result.cursor is not None else []
    result.close()
    run, epoch, name, total, non_finite, step = (list(map(itemgetter(i), rows)) for i in range(6))
    if any(non_finite):
        pairs = zip(total, non_finite, strict=True)
        total = [value if odd is None else float(odd) for value, odd in pairs]
    return MetricColumns(run, epoch, name, total, step)
