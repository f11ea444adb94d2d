"""Calls that tell how far an experiment is; the database counts, however many runs it has."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import case, exists, false, func, select

from experiment_manager.common.common import RunStatus
from experiment_manager.db import reader
from experiment_manager.db.columns import runs_of_experiment
from experiment_manager.db.expressions import SecondsBetween
from experiment_manager.db.liveness import lost_runs, shown_status
from experiment_manager.db.rows import TrialRow
from experiment_manager.db.schema import EPOCH, IS_CURRENT, LATEST_METRIC, TRIAL, TRIAL_RUN
from experiment_manager.db.session import Session

_RUN = TRIAL_RUN.c
_SUCCESSFUL = [status.value for status in RunStatus if status.is_success]
_UNSUCCESSFUL = [s.value for s in RunStatus if s.is_ended and not s.is_success]
_DURATION_S = SecondsBetween(_RUN.start_time, _RUN.end_time)


class RunCount(NamedTuple):
    """The runs of a trial that stand alike.

    Attributes:
        trial_id: The trial.
        status: How they stand.
        runs: How many there are.
        recent: How many of them were begun at a certain time or later.
        recent_duration_s: Wall time of those that have ended, in seconds.
        whole: How many have ended in their first attempt.
        whole_duration_s: Wall time of these, in seconds.
    """

    trial_id: int
    status: RunStatus
    runs: int
    recent: int
    recent_duration_s: float
    whole: int
    whole_duration_s: float


class RunningRow(NamedTuple):
    """A run that is being executed, and the number of its epochs."""

    id: int
    trial_id: int
    number: int
    start_time: datetime
    epochs: int


class FailureRow(NamedTuple):
    """A run that ended without success; ``time`` is its start where nobody saw it end."""

    trial: str
    number: int
    status: RunStatus
    error: str | None
    time: datetime


class ProgressCalls(Session):
    """What changes while an experiment is executed."""

    def list_current_trials(self, experiment_id: int) -> list[TrialRow]:
        """The experiment's trials in order of their creation.

        One whose runs were all set aside is left out.
        """
        of_trial = _RUN.trial_id == TRIAL.c.id
        is_current = ~exists().where(of_trial) | exists().where(of_trial, IS_CURRENT)
        of_experiment = TRIAL.c.experiment_id == experiment_id
        with self._reading(f"list_current_trials({experiment_id})") as connection:
            return reader.list_rows(connection, TrialRow, TRIAL, of_experiment, is_current)

    def count_runs_by_trial(
        self, experiment_id: int, since: datetime | None = None
    ) -> list[RunCount]:
        """The runs of an experiment by trial and status.

        Args:
            experiment_id: The experiment.
            since: Which runs are recent; None for none.
        """
        is_recent = false() if since is None else _RUN.start_time >= since
        is_whole = (_RUN.attempt == 1) & _RUN.end_time.is_not(None)
        with self._reading(f"count_runs_by_trial({experiment_id})") as connection:
            key = (_RUN.trial_id, shown_status(lost_runs(connection)))
            query = (
                select(
                    *key,
                    func.count(),
                    func.sum(case((is_recent, 1), else_=0)),
                    func.sum(case((is_recent, func.coalesce(_DURATION_S, 0.0)), else_=0.0)),
                    func.sum(case((is_whole, 1), else_=0)),
                    func.sum(case((is_whole, _DURATION_S), else_=0.0)),
                )
                .where(_RUN.id.in_(runs_of_experiment(experiment_id)))
                .group_by(*key)
            )
            return [
                RunCount(trial, RunStatus(status), n, int(recent), float(s), int(whole), float(t))
                for trial, status, n, recent, s, whole, t in connection.execute(query)
            ]

    def list_running_runs(self, experiment_id: int) -> list[RunningRow]:
        """The runs of an experiment that are being executed, in order of trial and number."""
        epochs = select(func.count()).where(EPOCH.c.trial_run_id == _RUN.id).scalar_subquery()
        with self._reading(f"list_running_runs({experiment_id})") as connection:
            status = shown_status(lost_runs(connection))
            query = (
                select(_RUN.id, _RUN.trial_id, _RUN.number, _RUN.start_time, epochs)
                .where(_RUN.id.in_(runs_of_experiment(experiment_id)))
                .where(status == RunStatus.RUNNING.value)
                .order_by(_RUN.trial_id, _RUN.number)
            )
            return [RunningRow(*row) for row in connection.execute(query)]

    def list_last_failures(self, experiment_id: int, limit: int) -> list[FailureRow]:
        """The runs of an experiment that ended without success, the latest first."""
        time = func.coalesce(_RUN.end_time, _RUN.start_time)
        with self._reading(f"list_last_failures({experiment_id})") as connection:
            status = shown_status(lost_runs(connection))
            query = (
                select(TRIAL.c.name, _RUN.number, status, _RUN.error, time)
                .join(TRIAL, TRIAL.c.id == _RUN.trial_id)
                .where(_RUN.id.in_(runs_of_experiment(experiment_id)), status.in_(_UNSUCCESSFUL))
                .order_by(time.desc(), _RUN.id.desc())
                .limit(limit)
            )
            return [
                FailureRow(trial, number, RunStatus(status), error, ended)
                for trial, number, status, error, ended in connection.execute(query)
            ]

    def find_last_success(self, experiment_id: int) -> int | None:
        """The id of the run of an experiment that was the last to succeed."""
        query = (
            select(_RUN.id)
            .where(_RUN.id.in_(runs_of_experiment(experiment_id)), _RUN.status.in_(_SUCCESSFUL))
            .order_by(_RUN.end_time.desc(), _RUN.id.desc())
            .limit(1)
        )
        with self._reading(f"find_last_success({experiment_id})") as connection:
            return connection.execute(query).scalar()

    def get_values_by_trial(self, experiment_id: int, metric: str) -> dict[int, list[float]]:
        """What the runs of each trial that succeeded have recorded last under a name."""
        table = LATEST_METRIC.c
        query = (
            select(_RUN.trial_id, table.total_val, table.non_finite)
            .join(LATEST_METRIC, table.trial_run_id == _RUN.id)
            .where(_RUN.id.in_(runs_of_experiment(experiment_id)), _RUN.status.in_(_SUCCESSFUL))
            .where(table.type == metric)
            .order_by(_RUN.trial_id, _RUN.number)
        )
        values: dict[int, list[float]] = {}
        with self._reading(f"get_values_by_trial({experiment_id})") as connection:
            for trial, value, odd in connection.execute(query):
                values.setdefault(trial, []).append(value if odd is None else float(odd))
        return values
