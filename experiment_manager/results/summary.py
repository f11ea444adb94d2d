"""An experiment's trials with their runs and the statistics over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import is_confusion
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.statistics.describe import Summary, describe


@dataclass(frozen=True)
class RunSummary:
    """One run as the database has it.

    Attributes:
        number: Its number in its trial, from 1.
        seed: Seed of its random numbers; None for a run recorded by hand.
        status: How it stands.
        metrics: Its final results that are numbers.
        duration_s: Wall time in seconds; None while it runs.
        error: Traceback of a failure.
    """

    number: int
    seed: int | None
    status: RunStatus
    metrics: Mapping[str, float]
    duration_s: float | None
    error: str | None


@dataclass(frozen=True)
class TrialSummary:
    """A trial and its runs.

    Attributes:
        name: Name of the trial.
        runs: In order of their numbers.
    """

    name: str
    runs: tuple[RunSummary, ...]

    def statistic(self, metric: str) -> Summary:
        """The metric over the runs that succeeded; the others are counted as missing."""
        return describe(
            run.metrics.get(metric) if run.status.is_success else None for run in self.runs
        )


@dataclass(frozen=True)
class ExperimentSummary:
    """An experiment with all its trials.

    Attributes:
        name: Name of the experiment.
        trials: In order of their creation.
    """

    name: str
    trials: tuple[TrialSummary, ...]

    @property
    def runs(self) -> tuple[RunSummary, ...]:
        """All runs, trial by trial."""
        return tuple(run for trial in self.trials for run in trial.runs)

    @property
    def metric_names(self) -> list[str]:
        """The final metrics that any run has, in order of appearance."""
        return list(dict.fromkeys(name for run in self.runs for name in run.metrics))

    @property
    def is_success(self) -> bool:
        """True where every run succeeded."""
        return all(run.status.is_success for run in self.runs)


def summarize(db: DatabaseManager, experiment: str) -> ExperimentSummary:
    """The summary of one experiment; without trials where the database does not have it.

    A trial whose runs were all set aside is left out.
    """
    row = db.find_experiment(experiment)
    if row is None:
        return ExperimentSummary(experiment, ())
    metrics: dict[int, dict[str, float]] = {}
    for run_id, metric in db.get_final_metrics(row.id):
        if metric.total_val is not None and not is_confusion(metric.per_label_val):
            metrics.setdefault(run_id, {})[metric.type] = metric.total_val
    all_trials = db.list_trials(row.id)
    runs_by_trial: dict[str, list[RunSummary]] = {trial.name: [] for trial in all_trials}
    for trial, run in db.list_runs(row.id):
        summary = RunSummary(
            number=run.number,
            seed=run.seed,
            status=RunStatus(run.status),
            metrics=metrics.get(run.id, {}),
            duration_s=run.duration_s,
            error=run.error,
        )
        runs_by_trial[trial.name].append(summary)
    trials = tuple(
        TrialSummary(trial.name, tuple(runs_by_trial[trial.name]))
        for trial in all_trials
        if runs_by_trial[trial.name] or not db.list_archived_runs(trial.id)
    )
    return ExperimentSummary(experiment, trials)
