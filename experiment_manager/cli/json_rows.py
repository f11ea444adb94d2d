"""Experiments and runs as :mod:`experiment_manager.cli.as_json` describes them."""

from __future__ import annotations

from typing import Any

from experiment_manager.cli.naming import Named
from experiment_manager.cli.places import Database, database_text
from experiment_manager.cli.run_files import RunFile, list_run_files
from experiment_manager.db.rows import ArchivedRunRow, AttemptRow, MetricRow
from experiment_manager.results.overview import ExperimentOverview
from experiment_manager.results.selection import FoundRun
from experiment_manager.results.statistics.describe import Summary


def experiment_dict(overview: ExperimentOverview, database: Database) -> dict[str, Any]:
    """An experiment of ``ls``."""
    return {
        "experiment": overview.experiment.title,
        "description": overview.experiment.description,
        "trials": overview.trials,
        "runs": overview.runs,
        "states": {status.value: count for status, count in overview.runs_by_status.items()},
        "started": overview.experiment.start_time,
        "updated": overview.experiment.update_time,
        "database": database_text(database),
    }


def run_dict(found: FoundRun, database: Database) -> dict[str, Any]:
    """A run."""
    return {
        "experiment": found.experiment,
        "trial": found.trial.name,
        "run": found.run.number,
        "id": found.run.id,
        "status": found.run.status,
        "seed": found.run.seed,
        "attempt": found.run.attempt,
        "started": found.run.start_time,
        "ended": found.run.end_time,
        "updated": found.run.update_time,
        "duration_s": found.run.duration_s,
        "error": found.run.error,
        "reason": found.run.reason,
        "note": found.run.note,
        "tags": list(found.tags),
        "version": None if found.archived is None else found.archived.version,
        "archived": None if found.archived is None else _archived_dict(found.archived),
        "params": found.params,
        "metrics": found.metrics,
        "database": database_text(database),
    }


def history_dict(named: Named, run_id: int) -> dict[str, Any]:
    """What a run has beyond that: earlier attempts, epochs, results, files, where it is from."""
    db = named.db
    return {
        "attempts": [_attempt_dict(attempt) for attempt in db.list_attempts(run_id)],
        "epochs": [
            {"epoch": epoch, **_metric_dict(metric)}
            for epoch, metric in db.get_epoch_history(run_id)
        ],
        "results": [_metric_dict(metric) for metric in db.get_results_metrics(run_id)],
        "artifacts": [file_dict(file) for file in list_run_files(named, run_id)],
        "provenance": db.get_provenance(run_id),
    }


def summary_dict(summary: Summary) -> dict[str, Any]:
    """A metric over repeats."""
    return {
        "n": summary.n,
        "missing": summary.n_missing,
        "not_finite": summary.n_not_finite,
        "mean": summary.mean,
        "sd": summary.sd,
        "median": summary.median,
        "iqm": summary.iqm,
    }


def _archived_dict(archived: ArchivedRunRow) -> dict[str, Any]:
    return {"reason": archived.reason, "time": archived.time}


def _attempt_dict(attempt: AttemptRow) -> dict[str, Any]:
    return {
        "attempt": attempt.attempt,
        "status": attempt.status,
        "reason": attempt.reason,
        "error": attempt.error,
        "started": attempt.start_time,
        "ended": attempt.end_time,
    }


def _metric_dict(metric: MetricRow) -> dict[str, Any]:
    return {
        "name": metric.type,
        "value": metric.total_val,
        "labels": metric.per_label_val,
        "step": metric.step,
    }


def file_dict(file: RunFile) -> dict[str, Any]:
    """A file of a run."""
    return {
        "type": file.artifact.type,
        "location": file.artifact.location,
        "path": None if file.path is None else str(file.path),
        "of": file.of,
        "epoch": file.epoch,
        "batch": file.batch,
    }
