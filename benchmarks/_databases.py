"""Databases that the benchmarks write into and read from."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from experiment_manager.db.manager import DatabaseManager

METRIC_ROW = 'INSERT INTO "METRIC" (id, type, total_val, step) VALUES (?, ?, ?, ?)'
METRIC_LINK = 'INSERT INTO "EPOCH_METRIC" (trial_run_id, epoch_idx, metric_id) VALUES (?, ?, ?)'
EPOCH_ROW = 'INSERT INTO "EPOCH" (trial_run_id, idx, time) VALUES (?, ?, ?)'


def plain_database(path: Path, *, foreign_keys: bool = False) -> sqlite3.Connection:
    """Our tables with a run in them, and sqlite3 in WAL as careful as we are."""
    file = path / "plain.db"
    with DatabaseManager(str(file), use_sqlite=True) as db:
        db.start_trial_run(db.create_trial(db.create_experiment("plain").id, "trial").id, 1)
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
    return connection


def fill(path: Path, name: str, runs: int, epochs: int, metrics: int = 5) -> int:
    """The id of a new experiment in the database of a workspace, with so much of everything."""
    file = path / "experiments.db"
    with DatabaseManager(str(file), use_sqlite=True) as db, db.transaction():
        experiment = db.create_experiment(name)
        trial = db.create_trial(experiment.id, "trial")
        first_run = db.start_trial_run(trial.id, 1).id
        for number in range(2, runs + 1):
            db.start_trial_run(trial.id, number)
    with closing(sqlite3.connect(file)) as connection:
        (highest,) = connection.execute('SELECT coalesce(max(id), 0) FROM "METRIC"').fetchone()
        _fill_epochs(connection, first_run, runs, epochs)
        _fill_metrics(connection, first_run, (runs, epochs, metrics), highest + 1)
        connection.commit()
    return experiment.id


def _fill_epochs(connection: sqlite3.Connection, first_run: int, runs: int, epochs: int) -> None:
    connection.execute(
        f'INSERT INTO "EPOCH" (trial_run_id, idx, time) {_series(runs * epochs)}'
        f"SELECT {first_run} + i / {epochs}, i % {epochs}, '2026-01-01' FROM n"
    )


def _fill_metrics(
    connection: sqlite3.Connection, first_run: int, sizes: tuple[int, int, int], first_id: int
) -> None:
    runs, epochs, metrics = sizes
    series = _series(runs * epochs * metrics)
    run = f"{first_run} + i / {epochs * metrics}"
    epoch = f"i / {metrics} % {epochs}"
    connection.execute(
        f'INSERT INTO "METRIC" (id, type, total_val, step) {series}'
        f"SELECT i + {first_id}, 'metric_' || (i % {metrics}), i * 0.1, {epoch} FROM n"
    )
    connection.execute(
        f'INSERT INTO "EPOCH_METRIC" (trial_run_id, epoch_idx, metric_id) {series}'
        f"SELECT {run}, {epoch}, i + {first_id} FROM n"
    )
    connection.execute(
        f'INSERT INTO "LATEST_METRIC" (trial_run_id, type, total_val, step) {series}'
        f"SELECT {run}, 'metric_' || (i % {metrics}), i * 0.1, {epoch} FROM n "
        f"WHERE {epoch} = {epochs - 1}"
    )


def _series(length: int) -> str:
    """The numbers below ``length``, as the table ``n`` with the column ``i``."""
    return (
        f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {length - 1}) "
    )
