"""Queries; each gives typed rows."""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    bindparam,
    select,
    union_all,
)

from experiment_manager.db import schema
from experiment_manager.db.keys import Owner
from experiment_manager.db.liveness import lost_runs, shown_status
from experiment_manager.db.rows import ArtifactRow, EpochRow, MetricRow, TrialRow, TrialRunRow
from experiment_manager.db.schema import (
    ARTIFACT,
    EXPERIMENT,
    IS_CURRENT,
    METRIC,
    TRIAL,
    TRIAL_RUN,
)

R = TypeVar("R")

_RUN_FIELDS = [field.name for field in fields(TrialRunRow)]
_METRIC_COLUMNS = (
    METRIC.c.id,
    METRIC.c.type,
    METRIC.c.total_val,
    METRIC.c.non_finite,
    METRIC.c.per_label_val,
    METRIC.c.step,
)


def list_rows(
    connection: Connection,
    row_type: type[R],
    table: Table,
    *conditions: ColumnElement[bool],
    order_by: str = "id",
) -> list[R]:
    """The table's rows that meet all conditions."""
    rows: Select[Any] = select_rows(row_type, table)  # type: ignore[arg-type]
    query = rows.where(*conditions).order_by(table.c[order_by])
    return [row_type(*row) for row in connection.execute(query)]


@functools.cache  # to make a statement costs more than to execute it
def select_rows(row_type: type[Any], table: Table) -> Select[Any]:
    """A query for what rows of this type are made of."""
    return select(*(table.c[field.name] for field in fields(row_type)))


_STORED_RUN = select_rows(TrialRunRow, TRIAL_RUN).where(
    TRIAL_RUN.c.trial_id == bindparam("trial"), TRIAL_RUN.c.number == bindparam("run")
)
_NAMED_TRIAL = (
    select_rows(TrialRow, TRIAL)
    .join(EXPERIMENT, EXPERIMENT.c.id == TRIAL.c.experiment_id)
    .where(EXPERIMENT.c.title == bindparam("title"), TRIAL.c.name == bindparam("trial"))
)


def find_trial(connection: Connection, experiment_title: str, name: str) -> TrialRow | None:
    """The trial of this name in the experiment of this title."""
    found = connection.execute(_NAMED_TRIAL, {"title": experiment_title, "trial": name}).first()
    return None if found is None else TrialRow(*found)


def run_columns(connection: Connection) -> list[ColumnElement[Any]]:
    """What a :class:`TrialRunRow` is made of, its status as readers see it."""
    columns: list[ColumnElement[Any]] = [TRIAL_RUN.c[name] for name in _RUN_FIELDS]
    columns[_RUN_FIELDS.index("status")] = shown_status(lost_runs(connection))
    return columns


def list_trial_runs(connection: Connection, *conditions: ColumnElement[bool]) -> list[TrialRunRow]:
    """The runs that meet all conditions, in order of trial and number."""
    query = select(*run_columns(connection)).where(*conditions)
    in_order = query.order_by(TRIAL_RUN.c.trial_id, TRIAL_RUN.c.number)
    return [TrialRunRow(*row) for row in connection.execute(in_order)]


def find_stored_run(connection: Connection, trial_id: int, number: int) -> TrialRunRow | None:
    """The run of a number, its status as it is stored: a lost one is running."""
    found = connection.execute(_STORED_RUN, {"trial": trial_id, "run": number}).first()
    return None if found is None else TrialRunRow(*found)


def list_runs(connection: Connection, experiment_id: int) -> list[tuple[TrialRow, TrialRunRow]]:
    """Every run of an experiment beside its trial, in order of trial and number."""
    trial_columns = [TRIAL.c[field.name] for field in fields(TrialRow)]
    query = (
        select(*trial_columns, *run_columns(connection))
        .join(TRIAL_RUN, TRIAL_RUN.c.trial_id == TRIAL.c.id)
        .where(TRIAL.c.experiment_id == experiment_id, IS_CURRENT)
        .order_by(TRIAL.c.id, TRIAL_RUN.c.number)
    )
    split = len(trial_columns)
    return [
        (TrialRow(*row[:split]), TrialRunRow(*row[split:])) for row in connection.execute(query)
    ]


def list_epochs(connection: Connection, run_id: int, idx: int | None = None) -> list[EpochRow]:
    """The epochs of a run in their order, or the one of an index."""
    table = schema.EPOCH
    wanted = [table.c.trial_run_id == run_id]
    if idx is not None:
        wanted.append(table.c.idx == idx)
    return list_rows(connection, EpochRow, table, *wanted, order_by="idx")


def metrics_of(connection: Connection, owner: Owner) -> list[MetricRow]:
    """The metrics of one owner, in the order they were recorded."""
    junction = owner.junction("METRIC")
    query = _metrics_through(junction).where(*_same(junction, owner)).order_by(METRIC.c.id)
    return [_metric_row(row) for row in connection.execute(query)]


def artifacts_of(connection: Connection, owner: Owner) -> list[ArtifactRow]:
    """The artifacts of one owner, in the order they were recorded."""
    junction = owner.junction("ARTIFACT")
    query = (
        select(ARTIFACT.c.id, ARTIFACT.c.type, ARTIFACT.c.location)
        .join(junction, junction.c.artifact_id == ARTIFACT.c.id)
        .where(*_same(junction, owner))
        .order_by(ARTIFACT.c.id)
    )
    return [ArtifactRow(*row) for row in connection.execute(query)]


def metrics_below_experiment(connection: Connection, experiment_id: int) -> list[MetricRow]:
    """All metrics of an experiment, its trials and their runs."""
    trials = select(TRIAL.c.id).where(TRIAL.c.experiment_id == experiment_id)
    runs = select(TRIAL_RUN.c.id).where(TRIAL_RUN.c.trial_id.in_(trials), IS_CURRENT)
    own = schema.EXPERIMENT_METRIC
    queries = [
        _metrics_through(own).where(own.c.experiment_id == experiment_id),
        _metrics_through(schema.TRIAL_METRIC).where(schema.TRIAL_METRIC.c.trial_id.in_(trials)),
        *_run_queries(runs),
    ]
    return _united(connection, queries)


def metrics_below_trial(connection: Connection, trial_id: int) -> list[MetricRow]:
    """All metrics of a trial and its runs."""
    runs = select(TRIAL_RUN.c.id).where(TRIAL_RUN.c.trial_id == trial_id, IS_CURRENT)
    own = schema.TRIAL_METRIC
    queries = [_metrics_through(own).where(own.c.trial_id == trial_id), *_run_queries(runs)]
    return _united(connection, queries)


def metrics_below_run(connection: Connection, run_id: int) -> list[MetricRow]:
    """All metrics of a run: its results, its epochs, its batches."""
    return _united(
        connection, _run_queries(select(TRIAL_RUN.c.id).where(TRIAL_RUN.c.id == run_id))
    )


def epoch_history(connection: Connection, run_id: int) -> list[tuple[int, MetricRow]]:
    """Each metric of a run's epochs with the epoch's index, in order."""
    junction = schema.EPOCH_METRIC
    query = (
        _metrics_through(junction)
        .add_columns(junction.c.epoch_idx)
        .where(junction.c.trial_run_id == run_id)
        .order_by(junction.c.epoch_idx, METRIC.c.id)
    )
    return [(row.epoch_idx, _metric_row(row)) for row in connection.execute(query)]


def batch_history(connection: Connection, run_id: int) -> list[tuple[int, int, MetricRow]]:
    """Each metric of a run's batches with the indexes of its epoch and its batch, in order."""
    junction = schema.BATCH_METRIC
    place = (junction.c.epoch_idx, junction.c.batch_idx)
    query = (
        _metrics_through(junction)
        .add_columns(*place)
        .where(junction.c.trial_run_id == run_id)
        .order_by(*place, METRIC.c.id)
    )
    return [(row.epoch_idx, row.batch_idx, _metric_row(row)) for row in connection.execute(query)]


def final_metrics(connection: Connection, experiment_id: int) -> list[tuple[int, MetricRow]]:
    """Each result of an experiment's runs with the run's id, in order."""
    junction = schema.RESULTS_METRIC
    query = (
        _metrics_through(junction)
        .add_columns(junction.c.trial_run_id)
        .join(TRIAL_RUN, TRIAL_RUN.c.id == junction.c.trial_run_id)
        .join(TRIAL, TRIAL.c.id == TRIAL_RUN.c.trial_id)
        .where(TRIAL.c.experiment_id == experiment_id, IS_CURRENT)
        .order_by(METRIC.c.id)
    )
    return [(row.trial_run_id, _metric_row(row)) for row in connection.execute(query)]


def named_values_of(connection: Connection, owner: Owner, kind: str) -> dict[str, Any]:
    """Parameters (``kind`` is ``PARAMETER``) or provenance of one owner, by name."""
    table = owner.junction(kind)
    query = select(table.c.name, table.c.value).where(*_same(table, owner)).order_by(table.c.name)
    return {row.name: row.value for row in connection.execute(query)}


def snapshots_of(connection: Connection, run_id: int) -> dict[str, Any]:
    """What a run was made of as many others were, by name."""
    links, snapshots = schema.TRIAL_RUN_SNAPSHOT, schema.SNAPSHOT
    query = (
        select(links.c.name, snapshots.c.value)
        .join(snapshots, snapshots.c.hash == links.c.hash)
        .where(links.c.trial_run_id == run_id)
    )
    return {row.name: row.value for row in connection.execute(query)}


def _same(table: Table, owner: Owner) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in owner.linked_by(table).items()]


def _metrics_through(junction: Table) -> Select[Any]:
    return select(*_METRIC_COLUMNS).join(junction, junction.c.metric_id == METRIC.c.id)


def _run_queries(runs: Select[Any]) -> list[Select[Any]]:
    junctions = (schema.RESULTS_METRIC, schema.EPOCH_METRIC, schema.BATCH_METRIC)
    return [_metrics_through(j).where(j.c.trial_run_id.in_(runs)) for j in junctions]


def _united(connection: Connection, queries: list[Select[Any]]) -> list[MetricRow]:
    query = union_all(*queries)
    rows = connection.execute(query.order_by(query.selected_columns.id))
    once = {row.id: _metric_row(row) for row in rows}  # a metric may have several owners
    return list(once.values())


def _metric_row(row: Row[Any]) -> MetricRow:
    total = row.total_val if row.non_finite is None else float(row.non_finite)
    return MetricRow(row.id, row.type, total, row.per_label_val, row.step)
