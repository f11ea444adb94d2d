"""Runs from an MLflow server or its database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from experiment_manager.cli.source_runs import Epoch, SourceRun, utc_time, value_of_text
from experiment_manager.common.common import RunStatus
from experiment_manager.common.imports import require
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import database_file

STATUSES = {
    "RUNNING": RunStatus.RUNNING,
    "SCHEDULED": RunStatus.PENDING,
    "FINISHED": RunStatus.COMPLETED,
    "FAILED": RunStatus.FAILED,
    "KILLED": RunStatus.ABORTED,
}


def read_mlflow(source: str) -> Iterator[SourceRun]:
    """The runs of all MLflow experiments in a store, oldest first; a trial for each run's name.

    Values of a metric belong to the epoch of their step. Tags become facts.

    Raises:
        MissingDependencyError: MLflow is not installed.
    """
    mlflow = require("mlflow", "mlflow", "Importing from MLflow")
    try:
        client = mlflow.MlflowClient(tracking_uri=_uri(source))
        for run in _runs(client):
            yield SourceRun(
                source=f"mlflow:{run.info.run_id}",
                trial=run.info.run_name or run.info.run_id,
                params={name: value_of_text(text) for name, text in run.data.params.items()},
                epochs=_epochs(client, run),
                status=STATUSES[run.info.status],
                started=_time(run.info.start_time),
                ended=_time(run.info.end_time),
                facts=run.data.tags,
            )
    except mlflow.MlflowException as error:
        raise click.ClickException(f"MLflow: {error}") from error


def _uri(source: str) -> str:
    path = _path_of(source)
    if path is None:
        return source
    if path.is_dir():
        return path.as_uri()
    _require_mlflow_tables(path)
    return f"sqlite:///{path}"


def _path_of(source: str) -> Path | None:
    """Its file or folder; None where it is a server."""
    if source.startswith("sqlite:"):
        file = database_file(source)
        return None if file is None else file.resolve()
    return None if "://" in source else Path(source).resolve()


def _require_mlflow_tables(file: Path) -> None:
    """Refuse another program's database: MLflow would make its own tables in it."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT run_uuid, experiment_id FROM runs LIMIT 1")
    except sqlite3.Error as error:
        raise click.ClickException(f"{file} is no database of MLflow: {error}") from error


def _runs(client: Any) -> list[Any]:
    experiments = [one.experiment_id for one in _all_pages(client.search_experiments)]
    found = _all_pages(client.search_runs, experiments) if experiments else []
    return sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))


def _all_pages(search: Any, *arguments: Any) -> list[Any]:
    page = search(*arguments)
    found = list(page)
    while page.token:
        page = search(*arguments, page_token=page.token)
        found += page
    return found


def _epochs(client: Any, run: Any) -> list[Epoch]:
    points: dict[int, list[MetricPoint]] = {}
    for name in run.data.metrics:
        for one in client.get_metric_history(run.info.run_id, name):
            point = MetricPoint(name, one.value, None, one.step)
            points.setdefault(one.step, []).append(point)
    return sorted(points.items())


def _time(unix_time_ms: int | None) -> datetime | None:
    return utc_time(unix_time_ms / 1000) if unix_time_ms else None
