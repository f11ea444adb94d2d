"""Calls that find runs over all experiments, and count what there is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, exists, func, select

from experiment_manager.db.columns import latest_columns
from experiment_manager.db.liveness import lost_runs, shown_status
from experiment_manager.db.reader import run_columns
from experiment_manager.db.rows import ArchivedRunRow, TrialRow, TrialRunRow
from experiment_manager.db.schema import (
    ARCHIVED_RUN,
    EXPERIMENT,
    IS_CURRENT,
    LATEST_METRIC,
    TRIAL,
    TRIAL_RUN,
    TRIAL_RUN_PARAMETER,
    TRIAL_RUN_TAG,
)
from experiment_manager.db.session import Session
from experiment_manager.db.tuples import decode_many, fetch_tuples

IDS_AT_ONCE = 500  # below every database's limit of variables
_TRIAL_COLUMNS = tuple(TRIAL.c[field.name] for field in fields(TrialRow))
_ARCHIVED_COLUMNS = tuple(ARCHIVED_RUN.c[field.name] for field in fields(ArchivedRunRow))
_RUN_WIDTH = len(fields(TrialRunRow))


class SelectedRun(NamedTuple):
    """A run with the names of what it belongs to.

    Attributes:
        experiment: Title of its experiment.
        archived: How it was set aside; None for a current run.
    """

    experiment: str
    trial: TrialRow
    run: TrialRunRow
    archived: ArchivedRunRow | None = None


class SelectionCalls(Session):
    """Runs by a condition on their columns, of many experiments at once.

    A condition is an SQLAlchemy expression over EXPERIMENT, TRIAL and TRIAL_RUN, which are
    joined; it says more about a run by EXISTS.
    """

    def select_runs(
        self, condition: ColumnElement[bool], limit: int | None = None, *, archived: bool = False
    ) -> list[SelectedRun]:
        """The runs that meet it, by experiment, trial (as they were created) and number.

        Args:
            condition: What they shall be like.
            limit: The most to return.
            archived: True for those that were set aside, in place of the current ones; the
                condition may say something about ARCHIVED_RUN then.
        """
        extra = _ARCHIVED_COLUMNS if archived else ()
        number = ARCHIVED_RUN.c.number if archived else TRIAL_RUN.c.number
        with self._reading("select_runs()") as connection:
            columns = (EXPERIMENT.c.title, *_TRIAL_COLUMNS, *run_columns(connection), *extra)
            query = (
                joined_runs(*columns, archived=archived)
                .where(condition)
                .order_by(EXPERIMENT.c.id, TRIAL.c.id, number, TRIAL_RUN.c.id)
                .limit(limit)
            )
            return [_selected(tuple(row)) for row in connection.execute(query)]

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that sees one state of the database, for reads that belong together."""
        with self._reading("reading") as connection:
            yield connection

    def list_lost_runs(self) -> list[int]:
        """The ids of the runs whose processes have vanished."""
        with self._reading("list_lost_runs()") as connection:
            return lost_runs(connection)

    def count_runs(self, condition: ColumnElement[bool], *, archived: bool = False) -> int:
        """How many runs meet it: of the current ones, or of those that were set aside."""
        query = joined_runs(func.count(), archived=archived).where(condition)
        with self._reading("count_runs()") as connection:
            return int(connection.execute(query).scalar_one())

    def get_latest_values(
        self, run_ids: Sequence[int], types: Collection[str] | None = None
    ) -> dict[int, dict[str, float]]:
        """The number that each run recorded last under each name, by id and name.

        Args:
            run_ids: The runs; one without any number is left out.
            types: Names of metrics; None for all.
        """
        values: dict[int, dict[str, float]] = {}
        with self._reading("get_latest_values()") as connection:
            for ids in _portions(run_ids):
                wanted = select(TRIAL_RUN.c.id).where(TRIAL_RUN.c.id.in_(ids))
                found = latest_columns(connection, wanted, types)
                for run, name, value in zip(
                    found.trial_run_id, found.type, found.value, strict=True
                ):
                    values.setdefault(run, {})[name] = value
        return values

    def get_parameters_of_runs(
        self, run_ids: Sequence[int], names: Collection[str] | None = None
    ) -> dict[int, dict[str, Any]]:
        """The parameters of each run, by id and name.

        Args:
            run_ids: The runs; one without parameters is left out.
            names: Names of parameters; None for all.
        """
        table = TRIAL_RUN_PARAMETER
        query = select(table.c.trial_run_id, table.c.name, table.c.value).order_by(table.c.name)
        if names is not None:
            query = query.where(table.c.name.in_(names))
        parameters: dict[int, dict[str, Any]] = {}
        with self._reading("get_parameters_of_runs()") as connection:
            for ids in _portions(run_ids):
                rows = fetch_tuples(connection, query.where(table.c.trial_run_id.in_(ids)))
                values = decode_many([text for _, _, text in rows])
                for (run, name, _), value in zip(rows, values, strict=True):
                    parameters.setdefault(run, {})[name] = value
        return parameters

    def get_tags_of_runs(self, run_ids: Sequence[int]) -> dict[int, list[str]]:
        """The tags of each run that has any, by id, in order of the alphabet."""
        table = TRIAL_RUN_TAG
        query = select(table.c.trial_run_id, table.c.name).order_by(table.c.name)
        tags: dict[int, list[str]] = {}
        with self._reading("get_tags_of_runs()") as connection:
            for ids in _portions(run_ids):
                for run, name in connection.execute(query.where(table.c.trial_run_id.in_(ids))):
                    tags.setdefault(run, []).append(name)
        return tags

    def list_metric_names(self) -> list[str]:
        """The names under which any run has recorded a number."""
        return self._names(LATEST_METRIC.c.type)

    def list_parameter_names(self) -> list[str]:
        """The names of the parameters that any run has."""
        return self._names(TRIAL_RUN_PARAMETER.c.name)

    def count_trials(self) -> dict[int, int]:
        """The number of trials of each experiment that has any, by id.

        One whose runs were all set aside does not count.
        """
        of_trial = TRIAL_RUN.c.trial_id == TRIAL.c.id
        counts = ~exists().where(of_trial) | exists().where(of_trial, IS_CURRENT)
        query = select(TRIAL.c.experiment_id, func.count()).where(counts)
        query = query.group_by(TRIAL.c.experiment_id)
        with self._reading("count_trials()") as connection:
            return {row.experiment_id: row[1] for row in connection.execute(query)}

    def count_runs_by_status(self) -> dict[int, dict[str, int]]:
        """The number of runs of each experiment that has any, by id and status."""
        counts: dict[int, dict[str, int]] = {}
        with self._reading("count_runs_by_status()") as connection:
            key = (TRIAL.c.experiment_id, shown_status(lost_runs(connection)))
            query = (
                select(*key, func.count())
                .join_from(TRIAL, TRIAL_RUN)
                .where(IS_CURRENT)
                .group_by(*key)
                .order_by(func.min(TRIAL_RUN.c.id))
            )
            for experiment, status, count in connection.execute(query):
                counts.setdefault(experiment, {})[status] = count
        return counts

    def _names(self, column: ColumnElement[str]) -> list[str]:
        with self._reading("listing names") as connection:
            return list(connection.execute(select(column).distinct().order_by(column)).scalars())


def joined_runs(*columns: ColumnElement[Any], archived: bool) -> Select[Any]:
    """The current runs, or those that were set aside: nobody else tells the two apart."""
    query = select(*columns).select_from(EXPERIMENT).join(TRIAL).join(TRIAL_RUN)
    return query.join(ARCHIVED_RUN) if archived else query.where(IS_CURRENT)


def _selected(row: tuple[Any, ...]) -> SelectedRun:
    trial_end, run_end = 1 + len(_TRIAL_COLUMNS), 1 + len(_TRIAL_COLUMNS) + _RUN_WIDTH
    trial, run = TrialRow(*row[1:trial_end]), TrialRunRow(*row[trial_end:run_end])
    archived = ArchivedRunRow(*row[run_end:]) if row[run_end:] else None
    return SelectedRun(row[0], trial, run, archived)


def _portions(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield ids[start : start + IDS_AT_ONCE]
