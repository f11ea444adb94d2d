"""What ``--json`` prints, for other programs to read; keys are added, never changed.

``ls`` prints ``{"experiments": [...]}``: each with ``experiment`` (its title), ``description``,
``trials`` and ``runs`` (how many), ``states`` (runs by status), ``started``, ``updated``,
``database``.

``ls QUERY`` and ``show`` print ``{"runs": [...]}``: each with ``experiment``, ``trial``, ``run``
(its number), ``id``, ``status``, ``seed``, ``attempt``, ``started``, ``ended``, ``updated``,
``duration_s``, ``error``, ``params``, ``metrics`` (the number recorded last under each name),
``database``. A run that ``show`` was asked for by its number also has ``epochs`` and ``results``
(a dict for each metric: ``name``, ``value``, ``labels``, ``step``, and of an epoch ``epoch``) and
``artifacts`` (``type``, ``location``).

Times are in UTC, in the form of ISO 8601. What there is not is null. JSON has no NaN and no
infinities: they are the texts ``"nan"``, ``"inf"`` and ``"-inf"``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from experiment_manager.cli.places import Database, database_text
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import MetricRow
from experiment_manager.results.overview import ExperimentOverview
from experiment_manager.results.selection import FoundRun


def print_json(kind: str, items: Sequence[Mapping[str, Any]]) -> None:
    """Print ``{kind: items}`` in a line."""
    click.echo(json.dumps(plain({kind: items}), allow_nan=False))


def plain(value: Any) -> Any:
    """The value as JSON can say it.

    Example:
        >>> plain({"loss": float("nan"), "lr": [0.5, None]})
        {'loss': 'nan', 'lr': [0.5, None]}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


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
        "params": found.params,
        "metrics": found.metrics,
        "database": database_text(database),
    }


def history_dict(db: DatabaseManager, run_id: int) -> dict[str, Any]:
    """What a run has beyond that: its epochs, results and files."""
    artifacts = db.get_trial_run_artifacts(run_id)
    return {
        "epochs": [
            {"epoch": epoch, **_metric_dict(metric)}
            for epoch, metric in db.get_epoch_history(run_id)
        ],
        "results": [_metric_dict(metric) for metric in db.get_results_metrics(run_id)],
        "artifacts": [{"type": one.type, "location": one.location} for one in artifacts],
    }


def _metric_dict(metric: MetricRow) -> dict[str, Any]:
    return {
        "name": metric.type,
        "value": metric.total_val,
        "labels": metric.per_label_val,
        "step": metric.step,
    }
