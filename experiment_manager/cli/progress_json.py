"""The progress of an experiment as :mod:`experiment_manager.cli.as_json` describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiment_manager.cli.json_rows import summary_dict
from experiment_manager.common.common import RunStatus
from experiment_manager.results.progress import (
    ExperimentProgress,
    Failure,
    RunningRun,
    TrialProgress,
)


def progress_dict(progress: ExperimentProgress, database: str) -> dict[str, Any]:
    """What ``watch --json`` prints."""
    return {
        "experiment": progress.name,
        "time": progress.time,
        "active": progress.is_active,
        "processes": [str(process) for process in progress.processes],
        "planned": progress.planned,
        "states": _states_dict(progress.states),
        "eta_s": progress.eta_s,
        "metric": progress.metric,
        "trials": [_trial_dict(trial) for trial in progress.trials],
        "failures": [_failure_dict(failure) for failure in progress.failures],
        "database": database,
    }


def _trial_dict(trial: TrialProgress) -> dict[str, Any]:
    return {
        "trial": trial.name,
        "planned": trial.planned,
        "states": _states_dict(trial.states),
        "running": [_running_dict(run) for run in trial.running],
        "result": summary_dict(trial.result),
        "eta_s": trial.eta_s,
    }


def _running_dict(run: RunningRun) -> dict[str, Any]:
    return {
        "run": run.number,
        "elapsed_s": run.elapsed_s,
        "done": run.epochs,
        "planned": run.epochs_planned,
        "metrics": run.metrics,
    }


def _failure_dict(failure: Failure) -> dict[str, Any]:
    return {
        "trial": failure.trial,
        "run": failure.run,
        "status": failure.status.value,
        "exception": failure.exception,
        "time": failure.time,
    }


def _states_dict(states: Mapping[RunStatus, int]) -> dict[str, int]:
    return {status.value: count for status, count in states.items()}
