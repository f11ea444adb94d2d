"""Rows of many runs at once, as data frames are made from them: one statement for each kind.

Values are as the driver gives them, see :mod:`experiment_manager.db.tuples`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, or_, select

from experiment_manager.db import schema
from experiment_manager.db.liveness import lost_runs, shown_status
from experiment_manager.db.schema import (
    ARCHIVED_RUN,
    ARTIFACT,
    EPOCH,
    EXPERIMENT,
    LATEST_METRIC,
    METRIC,
    TRIAL,
    TRIAL_RUN,
    TRIAL_RUN_PARAMETER,
    TRIAL_RUN_TAG,
)
from experiment_manager.db.selection_calls import joined_runs
from experiment_manager.db.tuples import Rows, fetch_portions, fetch_tuples

METRIC_TABLES: Mapping[str, Table] = {
    "experiment": schema.EXPERIMENT_METRIC,
    "trial": schema.TRIAL_METRIC,
    "run": schema.RESULTS_METRIC,
    "epoch": schema.EPOCH_METRIC,
    "batch": schema.BATCH_METRIC,
}
"""What links metrics to their owners, by level."""

ARTIFACT_TABLES: Mapping[str, Sequence[Table]] = {
    "experiment": (schema.EXPERIMENT_ARTIFACT,),
    "trial": (schema.TRIAL_ARTIFACT,),
    "run": (schema.TRIAL_RUN_ARTIFACT, schema.RESULTS_ARTIFACT),
    "epoch": (schema.EPOCH_ARTIFACT,),
    "batch": (schema.BATCH_ARTIFACT,),
}


@dataclass(frozen=True)
class ChosenRuns:
    """The runs that rows are read of.

    Attributes:
        condition: Over EXPERIMENT, TRIAL and TRIAL_RUN, as of
            :meth:`~experiment_manager.db.selection_calls.SelectionCalls.select_runs`.
        archived: True for runs that were set aside, in place of the current ones.
    """

    condition: ColumnElement[bool]
    archived: bool = False

    @property
    def number(self) -> ColumnElement[int]:
        """The number of each, or that which it had."""
        return ARCHIVED_RUN.c.number if self.archived else TRIAL_RUN.c.number

    def select(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """A query for columns of them and of what they belong to."""
        return joined_runs(*columns, archived=self.archived).where(self.condition)

    def owners(self, junction: Table) -> Select[Any]:
        """The keys of their experiments, of their trials, or of themselves."""
        by_column = {"experiment_id": EXPERIMENT.c.id, "trial_id": TRIAL.c.id}
        return self.select(by_column.get(next(iter(junction.columns)).name, TRIAL_RUN.c.id))


def read_keys(connection: Connection, runs: ChosenRuns) -> Rows:
    """Experiment id, trial id, run id, title, trial and number of each run.

    By experiment, trial (as they were created) and number, which is the order of all frames.
    """
    columns = (EXPERIMENT.c.id, TRIAL.c.id, TRIAL_RUN.c.id)
    return fetch_tuples(connection, _ordered(runs, *columns, EXPERIMENT.c.title, TRIAL.c.name))


def read_runs(connection: Connection, runs: ChosenRuns) -> Rows:
    """What each run is: names, id, number, and the columns of TRIAL_RUN, in order.

    Title, trial, run id, status (as readers see it), seed, attempt, start, end, last change,
    error, reason, note, number.
    """
    table = TRIAL_RUN.c
    names = (EXPERIMENT.c.title, TRIAL.c.name)
    columns = (table.id, shown_status(lost_runs(connection)), table.seed, table.attempt)
    times = (table.start_time, table.end_time, table.update_time)
    texts = (table.error, table.reason, table.note)
    return fetch_tuples(connection, _ordered(runs, *names, *columns, *times, *texts))


def read_tags(connection: Connection, runs: ChosenRuns) -> Rows:
    """Run id and name of each tag, in order of the alphabet."""
    table = TRIAL_RUN_TAG
    query = select(table.c.trial_run_id, table.c.name).order_by(table.c.name)
    return fetch_tuples(connection, query.where(table.c.trial_run_id.in_(runs.owners(table))))


def read_parameters(connection: Connection, runs: ChosenRuns) -> Rows:
    """Run id, name and value (as JSON) of each parameter."""
    table = TRIAL_RUN_PARAMETER
    query = select(table.c.trial_run_id, table.c.name, table.c.value)
    return fetch_tuples(connection, query.where(table.c.trial_run_id.in_(runs.owners(table))))


def read_latest(connection: Connection, runs: ChosenRuns) -> Rows:
    """Run id, name, value and non-finite value of the latest number under each name."""
    table = LATEST_METRIC
    query = select(table.c.trial_run_id, table.c.type, table.c.total_val, table.c.non_finite)
    return fetch_tuples(connection, query.where(table.c.trial_run_id.in_(runs.owners(table))))


def read_metrics(
    connection: Connection, runs: ChosenRuns, level: str, names: Collection[str] | None
) -> Iterator[Rows]:
    """Portions of owner's key, name, value, non-finite value and step of each number of a level.

    By owner and order of recording. The key is that of the junction table: of an epoch, the run's
    id and the epoch's index.
    """
    has_number = or_(METRIC.c.total_val.is_not(None), METRIC.c.non_finite.is_not(None))
    content = (METRIC.c.type, METRIC.c.total_val, METRIC.c.non_finite, METRIC.c.step)
    query = _linked(runs, level, names, *content).where(has_number)
    return fetch_portions(connection, query)


def read_labels(
    connection: Connection, runs: ChosenRuns, level: str, names: Collection[str] | None
) -> Rows:
    """Owner's key, name, values by label (as JSON) and step of each metric that has labels."""
    has_labels = METRIC.c.per_label_val.is_not(None)
    content = (METRIC.c.type, METRIC.c.per_label_val, METRIC.c.step)
    return fetch_tuples(connection, _linked(runs, level, names, *content).where(has_labels))


def read_metric_names(connection: Connection) -> list[str]:
    """The name of every metric; without an index to help."""
    return [row[0] for row in fetch_tuples(connection, select(METRIC.c.type).distinct())]


def read_epochs(connection: Connection, runs: ChosenRuns) -> Rows:
    """Run id, index and time of each epoch, by run and index."""
    query = select(EPOCH.c.trial_run_id, EPOCH.c.idx, EPOCH.c.time)
    query = query.where(EPOCH.c.trial_run_id.in_(runs.owners(EPOCH)))
    return fetch_tuples(connection, query.order_by(EPOCH.c.trial_run_id, EPOCH.c.idx))


def read_artifacts(connection: Connection, runs: ChosenRuns, junction: Table) -> Rows:
    """Owner's key, type and location of each artifact that a table links, by owner."""
    *keys, artifact_id = junction.columns
    query = select(*keys, ARTIFACT.c.type, ARTIFACT.c.location).join_from(
        junction, ARTIFACT, ARTIFACT.c.id == artifact_id
    )
    query = query.where(keys[0].in_(runs.owners(junction)))
    return fetch_tuples(connection, query.order_by(*junction.columns))


def _ordered(runs: ChosenRuns, *columns: ColumnElement[Any]) -> Select[Any]:
    order = (EXPERIMENT.c.id, TRIAL.c.id, runs.number, TRIAL_RUN.c.id)
    return runs.select(*columns, runs.number).order_by(*order)


def _linked(
    runs: ChosenRuns, level: str, names: Collection[str] | None, *content: ColumnElement[Any]
) -> Select[Any]:
    """A query for the keys of the owners of a level and columns of their metrics."""
    junction = METRIC_TABLES[level]
    *keys, metric_id = junction.columns
    query = select(*keys, *content).join_from(junction, METRIC, METRIC.c.id == metric_id)
    query = query.where(keys[0].in_(runs.owners(junction))).order_by(*junction.columns)
    return query if names is None else query.where(METRIC.c.type.in_(names))
