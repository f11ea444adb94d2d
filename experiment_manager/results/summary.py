"""An experiment's trials with their runs and the statistics over them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import is_confusion
from experiment_manager.db.manager import DatabaseManager


@dataclass(frozen=True)
class Statistic:
    """A metric over the repeats of a trial.

    Attributes:
        n: Number of runs that measured it.
        mean: Arithmetic mean; NaN where n is 0.
        sd: Sample standard deviation (divisor n - 1); NaN where n is below 2.
    """

    n: int
    mean: float
    sd: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Statistic:
        """The statistic of these values.

        Example:
            >>> Statistic.of([1.0, 2.0, 3.0])
            Statistic(n=3, mean=2.0, sd=1.0)
        """
        if not all(map(math.isfinite, values)):
            return cls(len(values), math.nan, math.nan)
        mean = statistics.fmean(values) if values else math.nan
        sd = statistics.stdev(values) if len(values) > 1 else math.nan
        return cls(len(values), mean, sd)


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

    def statistic(self, metric: str) -> Statistic:
        """The metric over the runs that succeeded."""
        return Statistic.of(
            [
                run.metrics[metric]
                for run in self.runs
                if run.status.is_success and metric in run.metrics
            ]
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
