"""What recording costs, against plain sqlite3 doing the same and against MLflow.

    pip install -e . mlflow-skinny sqlalchemy alembic pandas
    python benchmarks/database_writing.py

Every contestant writes the same rows; the figures are medians of interleaved repeats, in one run
on one machine. MLflow is left out where it is not installed.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

from _databases import EPOCH_ROW, METRIC_LINK, METRIC_ROW, fill, plain_database
from _measure import folder, heading, interleaved, median, ratio, report

from experiment_manager.common.common import Level
from experiment_manager.trackers.plugins.database_tracker import DatabaseTracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

SCALARS = 100_000
EPOCHS = 1_000
REPEATS = 7
METRICS = {f"metric_{number}": number / 10 for number in range(5)}


def main() -> None:
    """Measure everything."""
    single_scalars()
    epochs()
    if find_spec("mlflow") is not None:
        against_mlflow()
    else:
        print("\nMLflow is not installed: pip install mlflow-skinny sqlalchemy alembic")


# One hundred thousand scalars.


def single_scalars() -> None:
    """``tracker.track()``, kill-safe, call by call and as a whole."""
    calls: list[float] = []
    samples = interleaved(
        {
            "ours": track_scalars,
            "executemany": partial(plain_scalars, foreign_keys=False),
            "executemany, foreign keys checked": partial(plain_scalars, foreign_keys=True),
            "a commit for each (of a tenth)": plain_commits,
            "ours, call by call": lambda: track_scalars(calls),
        },
        REPEATS,
    )
    calls.sort()
    heading(f"{SCALARS:,} single scalars")
    for name in ("ours", "executemany", "executemany, foreign keys checked"):
        print(f"     {name:<66} {median(samples, name) / SCALARS * 1e6:9.2f} us each")
    each = statistics.median(samples["a commit for each (of a tenth)"]) / SCALARS * 10 * 1e6
    print(f"     {'a commit for each':<66} {each:9.2f} us each")
    report("one track() call, median", calls[len(calls) // 2] * 1e6, 4, "us")
    report("one track() call, 99th percentile", calls[len(calls) * 99 // 100] * 1e6, 20, "us")
    report("all, with close, against executemany", ratio(samples, "ours", "executemany"), 2)
    checked = ratio(samples, "ours", "executemany, foreign keys checked")
    print(f"     {'  the same, against one that checks foreign keys':<66} {checked:9.2f} x")
    commits = ratio(samples, "ours", "a commit for each (of a tenth)") / 10
    report("all, with close, against a commit for each", commits, 0.6)


def track_scalars(calls: list[float] | None = None) -> float:
    """The seconds of all calls and the close."""
    with folder() as path:
        manager = TrackerManager([DatabaseTracker(path)])
        manager.on_start(Level.EPOCH, 0)
        track = manager.track
        track("before", 0.5, 0)
        start = perf_counter()
        if calls is None:
            for step in range(SCALARS):
                track("train_loss", 1 / (step + 1), step)
        else:
            for step in range(SCALARS):
                before = perf_counter()
                track("train_loss", 1 / (step + 1), step)
                calls.append(perf_counter() - before)
        manager.close()
        return perf_counter() - start


def plain_scalars(*, foreign_keys: bool) -> float:
    """The same rows in one transaction."""
    with folder() as path, closing(plain_database(path, foreign_keys=foreign_keys)) as connection:
        connection.execute(EPOCH_ROW, (1, 0, "2026-01-01 00:00:00.000000"))
        start = perf_counter()
        rows = [(step + 1, "train_loss", 1 / (step + 1), step) for step in range(SCALARS)]
        connection.execute("BEGIN")
        connection.executemany(METRIC_ROW, rows)
        connection.executemany(METRIC_LINK, [(1, 0, row[0]) for row in rows])
        connection.execute("COMMIT")
        connection.close()
        return perf_counter() - start


def plain_commits() -> float:
    """A tenth of the same rows, committed call by call."""
    with folder() as path, closing(plain_database(path)) as connection:
        connection.execute(EPOCH_ROW, (1, 0, "2026-01-01 00:00:00.000000"))
        start = perf_counter()
        for step in range(SCALARS // 10):
            connection.execute("BEGIN")
            connection.execute(METRIC_ROW, (step + 1, "train_loss", 1 / (step + 1), step))
            connection.execute(METRIC_LINK, (1, 0, step + 1))
            connection.execute("COMMIT")
        return perf_counter() - start


# Epochs of five metrics.


def epochs() -> None:
    """An epoch, durable when the call returns, in an empty file and beside 5,000,000 rows."""
    with folder() as path:
        fill(path, "filled", runs=1000, epochs=1000)
        samples = interleaved(
            {
                "ours": ours_epochs,
                "plain": plain_epochs,
                "ours, large": partial(ours_epochs, path),
                "committed": partial(ours_epochs, flush=True),
            },
            REPEATS,
        )
    heading("One epoch of five metrics (median call)")
    for name in ("ours", "ours, large", "committed", "plain"):
        print(f"     {name:<66} {median(samples, name) * 1e6:9.1f} us")
    report("against plain sqlite3 in WAL", ratio(samples, "ours", "plain"), 2.5)
    report("with 5,000,000 rows against none", ratio(samples, "ours, large", "ours"), 1.3)
    committed = ratio(samples, "committed", "plain")
    print(
        f"     {'  one transaction for each epoch, however fast they come':<66} {committed:9.2f} x"
    )


def ours_epochs(path: Path | None = None, *, flush: bool = False) -> float:
    """The median second of an epoch through the tracker, with a flush after each if asked for."""
    if path is None:
        with folder() as empty:
            return ours_epochs(empty, flush=flush)
    manager = TrackerManager([DatabaseTracker(path)])
    manager.on_start(Level.TRIAL_RUN)
    seconds = []
    for epoch in range(EPOCHS):
        start = perf_counter()
        with TrackScope(manager, Level.EPOCH, epoch):
            manager.track_dict(METRICS, step=epoch)
        if flush:
            manager.flush()
        seconds.append(perf_counter() - start)
    manager.close()
    return statistics.median(seconds)


def plain_epochs() -> float:
    """The median second of the same by hand."""
    with folder() as path, closing(plain_database(path)) as connection:
        seconds = []
        for epoch in range(EPOCHS):
            start = perf_counter()
            connection.execute("BEGIN")
            connection.execute(EPOCH_ROW, (1, epoch, "2026-01-01 00:00:00.000000"))
            ids = range(5 * epoch + 1, 5 * epoch + 6)
            rows = [(i, *item, epoch) for i, item in zip(ids, METRICS.items(), strict=True)]
            connection.executemany(METRIC_ROW, rows)
            connection.executemany(METRIC_LINK, [(1, epoch, i) for i in ids])
            connection.execute("COMMIT")
            seconds.append(perf_counter() - start)
    return statistics.median(seconds)


# MLflow.


def against_mlflow() -> None:
    """The same calls through MLflow's client on SQLite."""
    with folder() as path:
        client, run_id = mlflow_run(path)
        calls = {
            "log_metric": lambda n: client.log_metric(run_id, "train_loss", 0.5, step=n),
            "log_batch": mlflow_batches(client, run_id),
        }
        samples = interleaved(
            {
                "track": lambda: track_scalars() / SCALARS,
                "log_metric": partial(median_call, calls["log_metric"], 50),
                "epoch": ours_epochs,
                "log_batch": partial(median_call, calls["log_batch"], 50),
            },
            5,
        )
    heading("MLflow, sqlite:///")
    for name in ("log_metric", "log_batch"):
        print(f"     {name:<66} {median(samples, name) * 1e6:9.1f} us")
    scalars = 1 / ratio(samples, "track", "log_metric")
    report("track() against log_metric", scalars, 300, at_most=False)
    batches = 1 / ratio(samples, "epoch", "log_batch")
    report("an epoch of five against log_batch of five", batches, 10, at_most=False)


def mlflow_run(path: Path) -> tuple[Any, str]:
    """A client and a run in a new database."""
    from mlflow import MlflowClient  # noqa: PLC0415

    client = MlflowClient(tracking_uri=f"sqlite:///{path / 'mlflow.db'}")
    experiment = client.create_experiment("benchmark", artifact_location=str(path))
    return client, client.create_run(experiment).info.run_id


def mlflow_batches(client: Any, run_id: str) -> Callable[[int], object]:
    """A call that logs five metrics at once."""
    from mlflow.entities import Metric  # noqa: PLC0415

    def log(step: int) -> object:
        metrics = [Metric(name, value, 0, step) for name, value in METRICS.items()]
        return client.log_batch(run_id, metrics=metrics)

    return log


def median_call(call: Callable[[int], object], count: int) -> float:
    """The median second of a call."""
    seconds = []
    for number in range(count):
        start = perf_counter()
        call(number)
        seconds.append(perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
