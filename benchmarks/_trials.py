"""One experiment in our database, and the same in MLflow's."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results import open_results

METRICS = ("train_loss", "train_acc", "val_loss", "val_acc", "learning_rate")
PARAMETERS = ("lr", "depth", "width", "dropout", "decay", "warmup")
FINAL = "test_acc"
START, END = "'2026-01-01 00:00:00.000000'", "'2026-01-01 00:10:00.000000'"
VALUE = "(i * 7919 % 1000003) / 1000003.0"
LOGGED_AT_ONCE = 1000  # MLflow takes no more
NOW_MS = 1_767_225_600_000


@dataclass(frozen=True)
class Sizes:
    """How much there is: trials, runs of each, epochs of each."""

    trials: int
    repeats: int = 5
    epochs: int = 200

    @property
    def runs(self) -> int:
        """Number of runs."""
        return self.trials * self.repeats

    @property
    def rows(self) -> int:
        """Number of metrics of epochs."""
        return self.runs * self.epochs * len(METRICS)


def fill(file: Path, sizes: Sizes) -> None:
    """A new database with so much of everything, as recording it would leave it."""
    with DatabaseManager(str(file), use_sqlite=True) as db:
        db.create_experiment("sweep")
    with closing(sqlite3.connect(file)) as connection:
        _fill_runs(connection, sizes)
        _fill_epochs(connection, sizes)
        _fill_results(connection, sizes)
        connection.execute(
            'INSERT INTO "LATEST_METRIC" (trial_run_id, type, total_val, step) '
            "SELECT trial_run_id, type, total_val, step FROM "
            '(SELECT trial_run_id, metric_id FROM "EPOCH_METRIC" WHERE epoch_idx = ? '
            'UNION ALL SELECT trial_run_id, metric_id FROM "RESULTS_METRIC") '
            'JOIN "METRIC" ON id = metric_id',
            (sizes.epochs - 1,),
        )
        connection.commit()


def fill_mlflow(client: MlflowClient, ours: Path) -> str:
    """The same as in our database, logged to MLflow; the id of the experiment there."""
    experiment = str(client.create_experiment("sweep"))
    results = open_results(ours)
    numbers = results.metrics(level=["run", "epoch"]).groupby("id")
    for run in results.runs().to_dict("records"):
        made = client.create_run(experiment, run_name=f"{run['trial']}/{run['run']}").info.run_id
        parameters = [Param(name, str(run[f"params.{name}"])) for name in PARAMETERS]
        client.log_batch(made, params=parameters)
        own = numbers.get_group(run["id"]).fillna({"epoch": 0})
        values = zip(own.metric, own.value.tolist(), own.epoch.tolist(), strict=True)
        metrics = [Metric(name, value, NOW_MS + epoch, epoch) for name, value, epoch in values]
        for start in range(0, len(metrics), LOGGED_AT_ONCE):
            client.log_batch(made, metrics=metrics[start : start + LOGGED_AT_ONCE])
        client.set_terminated(made)
    return experiment


def _fill_runs(connection: sqlite3.Connection, sizes: Sizes) -> None:
    repeats = sizes.repeats
    connection.execute(
        'INSERT INTO "TRIAL" (id, name, experiment_id, start_time, update_time) '
        f"{_series(sizes.trials)} SELECT i + 1, 'trial_' || i, 1, {START}, {START} FROM n"
    )
    connection.execute(
        'INSERT INTO "TRIAL_RUN" (id, trial_id, number, seed, attempt, status, start_time, '
        f"end_time, update_time) {_series(sizes.runs)} SELECT i + 1, i / {repeats} + 1, "
        f"i % {repeats} + 1, i % {repeats}, 1, 'completed', {START}, {END}, {END} FROM n"
    )
    for place, name in enumerate(PARAMETERS):
        value = f"(i / {repeats} % {place + 7}) / 8.0"
        connection.execute(
            'INSERT INTO "TRIAL_RUN_PARAMETER" (trial_run_id, name, value, number) '
            f"{_series(sizes.runs)} SELECT i + 1, '{name}', CAST({value} AS TEXT), {value} FROM n"
        )


def _fill_epochs(connection: sqlite3.Connection, sizes: Sizes) -> None:
    epochs, metrics = sizes.epochs, len(METRICS)
    names = " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(METRICS))
    run, epoch = f"i / {epochs * metrics} + 1", f"i / {metrics} % {epochs}"
    connection.execute(
        f'INSERT INTO "EPOCH" (trial_run_id, idx, time) {_series(sizes.runs * epochs)} '
        f"SELECT i / {epochs} + 1, i % {epochs}, {START} FROM n"
    )
    connection.execute(
        f'INSERT INTO "METRIC" (id, type, total_val, step) {_series(sizes.rows)} '
        f"SELECT i + 1, CASE i % {metrics} {names} END, {VALUE}, {epoch} FROM n"
    )
    connection.execute(
        'INSERT INTO "EPOCH_METRIC" (trial_run_id, epoch_idx, metric_id) '
        f"{_series(sizes.rows)} SELECT {run}, {epoch}, i + 1 FROM n"
    )


def _fill_results(connection: sqlite3.Connection, sizes: Sizes) -> None:
    runs, rows = sizes.runs, sizes.rows
    connection.execute(
        f'INSERT INTO "RESULTS" (trial_run_id, time) {_series(runs)} SELECT i + 1, {END} FROM n'
    )
    connection.execute(
        f'INSERT INTO "METRIC" (id, type, total_val) {_series(runs)} '
        f"SELECT i + {rows} + 1, '{FINAL}', {VALUE} FROM n"
    )
    connection.execute(
        f'INSERT INTO "RESULTS_METRIC" (trial_run_id, metric_id) {_series(runs)} '
        f"SELECT i + 1, i + {rows} + 1 FROM n"
    )


def _series(length: int) -> str:
    """The numbers below ``length``, as the table ``n`` with the column ``i``."""
    return (
        f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {length - 1})"
    )
