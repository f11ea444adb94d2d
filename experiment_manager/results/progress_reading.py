"""The progress of an experiment from its database, in few statements however many runs it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone

from experiment_manager.common.reasons import exception_line
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.progress_calls import FailureRow, RunCount
from experiment_manager.db.rows import ExperimentRow
from experiment_manager.results.progress import (
    ExperimentProgress,
    Failure,
    RunningRun,
    TrialProgress,
)
from experiment_manager.results.trial_runs import TrialRuns, etas_of

MOST_FAILURES = 20  # about as many as a screen has lines for

PlannedRuns = Callable[[str], int | None]
ChooseMetric = Callable[[Sequence[str]], str | None]


def read_progress(
    db: DatabaseManager,
    experiment: ExperimentRow,
    planned_runs: PlannedRuns = lambda _: None,
    choose_metric: ChooseMetric = lambda names: next(iter(names), None),
) -> ExperimentProgress:
    """How far an experiment is now.

    A process that executes it is taken to execute whatever has not succeeded and was not tried
    since that process began. How long this takes is learned from the runs that have succeeded,
    and from how many were executed at the same time.

    Args:
        db: The database.
        experiment: The experiment.
        planned_runs: Gives the number of runs that a trial of this name shall have; None where
            that is unknown.
        choose_metric: Gives the metric to watch; it gets the names of the final results of the
            run that has succeeded last, or of what else it has recorded where it has none.
    """
    now = datetime.now(timezone.utc)
    leases = db.list_holders(experiment.id)  # first: who ends meanwhile is seen the next time
    since = min((lease.start_time for lease in leases), default=None)
    trials = _list_trials(db, experiment.id, planned_runs, since, now)
    final, recorded = _names_of_last_success(db, experiment.id)
    metric = choose_metric(final or recorded)
    values = {} if metric is None else db.get_values_by_trial(experiment.id, metric)
    etas = etas_of(trials, since, now)
    return ExperimentProgress(
        name=experiment.title,
        time=now,
        trials=tuple(
            _trial_progress(trial, values.get(trial.id, ()), eta_s)
            for trial, eta_s in zip(trials, etas, strict=True)
        ),
        failures=tuple(map(_failure, db.list_last_failures(experiment.id, MOST_FAILURES))),
        processes=tuple(lease.process for lease in leases),
        metric=metric,
        metric_names=frozenset(recorded).union(
            *(run.metrics for trial in trials for run in trial.running)
        ),
    )


def _list_trials(
    db: DatabaseManager,
    experiment_id: int,
    planned_runs: PlannedRuns,
    since: datetime | None,
    now: datetime,
) -> list[TrialRuns]:
    counts: dict[int, list[RunCount]] = {}
    for count in db.count_runs_by_trial(experiment_id, since):
        counts.setdefault(count.trial_id, []).append(count)
    running = _running_runs(db, experiment_id, now)
    return [
        TrialRuns(
            id=row.id,
            name=row.name,
            expected=planned_runs(row.name),
            counts=counts.get(row.id, ()),
            running=tuple(running.get(row.id, ())),
        )
        for row in db.list_current_trials(experiment_id)
    ]


def _running_runs(
    db: DatabaseManager, experiment_id: int, now: datetime
) -> dict[int, list[RunningRun]]:
    """Those that are being executed, by the ids of their trials."""
    rows = db.list_running_runs(experiment_id)
    ids = [row.id for row in rows]
    metrics = db.get_latest_values(ids)
    parameters = db.get_parameters_of_runs(ids, ["epochs"])
    by_trial: dict[int, list[RunningRun]] = {}
    for row in rows:
        planned = parameters.get(row.id, {}).get("epochs")
        run = RunningRun(
            number=row.number,
            elapsed_s=max(0.0, (now - row.start_time).total_seconds()),  # clocks differ
            epochs=row.epochs,
            epochs_planned=planned if isinstance(planned, int) else None,
            metrics=metrics.get(row.id, {}),
        )
        by_trial.setdefault(row.trial_id, []).append(run)
    return by_trial


def _names_of_last_success(db: DatabaseManager, experiment_id: int) -> tuple[list[str], list[str]]:
    """The final results of the run that has succeeded last, and all that it has recorded."""
    run_id = db.find_last_success(experiment_id)
    if run_id is None:
        return [], []
    final = db.get_final_columns(experiment_id, [run_id])
    recorded = db.get_latest_columns(experiment_id, [run_id])
    return list(dict.fromkeys(final.type)), recorded.type


def _trial_progress(
    trial: TrialRuns, values: Sequence[float], eta_s: float | None
) -> TrialProgress:
    return TrialProgress(
        name=trial.name,
        planned=trial.planned,
        states=trial.states,
        running=trial.running,
        values=values,
        eta_s=eta_s,
    )


def _failure(row: FailureRow) -> Failure:
    exception = exception_line(row.error) if row.error else None
    return Failure(row.trial, row.number, row.status, exception, row.time)
