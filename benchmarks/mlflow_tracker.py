"""What MLflow costs a training: behind the tracker's queue, and called by hand.

    pip install -e . mlflow-skinny sqlalchemy alembic pandas
    python benchmarks/mlflow_tracker.py

A loop does epochs of :data:`WORK_S` and records five metrics in each; measured is the time that
the loop takes beyond its work. Medians of interleaved repeats, in one run on one machine.
"""

from __future__ import annotations

import logging
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

from _measure import Samples, folder, heading, interleaved, median, report
from mlflow import MlflowClient

from experiment_manager.common.common import Level
from experiment_manager.trackers.plugins.database_tracker import DatabaseTracker
from experiment_manager.trackers.plugins.log_tracker import LogTracker
from experiment_manager.trackers.plugins.mlflow_tracker import MLflowTracker
from experiment_manager.trackers.tracker import Tracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

EPOCHS = 400
WORK_S = 0.005
REPEATS = 5
METRICS = {f"metric_{number}": number / 10 for number in range(5)}

Record = Callable[[int], object]


def main() -> None:
    """Measure and compare."""
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    with folder() as path:
        uri = f"sqlite:///{path / 'mlflow.db'}"
        samples = interleaved(
            {
                "nothing": lambda: loop(lambda _: None),
                "by hand": lambda: by_hand(uri),
                "without": lambda: through([]),
                "with": lambda: through([mlflow_tracker(path, uri)]),
            },
            REPEATS,
        )
    heading(f"{EPOCHS} epochs of {WORK_S * 1e3:g} ms with five metrics, MLflow on sqlite:///")
    for name in ("by hand", "without", "with"):
        each_us = (median(samples, name) - median(samples, "nothing")) / EPOCHS * 1e6
        print(f"     {name:<66} {each_us:9.1f} us an epoch")
    report("the tracker's share of what log_metric by hand costs", share(samples), 5, "%")


def share(samples: Samples) -> float:
    """What the tracker adds, in percent of what MLflow by hand adds: the median of repeats."""
    return statistics.median(
        100 * (samples["with"][i] - samples["without"][i]) / (by_hand - samples["nothing"][i])
        for i, by_hand in enumerate(samples["by hand"])
    )


def loop(record: Record) -> float:
    """The seconds of a training loop."""
    start = perf_counter()
    for epoch in range(EPOCHS):
        work()
        record(epoch)
    return perf_counter() - start


def work() -> int:
    """Plain computation for :data:`WORK_S` of this thread's own time."""
    end = thread_time() + WORK_S
    count = 0
    while thread_time() < end:
        count += 1
    return count


def by_hand(uri: str) -> float:
    """Five calls of ``log_metric`` an epoch."""
    client: Any = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name("by hand")
    experiment = found.experiment_id if found else client.create_experiment("by hand")
    run_id = client.create_run(experiment).info.run_id

    def record(epoch: int) -> None:
        for name, value in METRICS.items():
            client.log_metric(run_id, name, value, step=epoch)

    return loop(record)


def mlflow_tracker(path: Path, uri: str) -> Tracker:
    """The tracker, on a workspace that it shares with the others."""
    return MLflowTracker(path, path, tracking_uri=uri)


def through(others: list[Tracker]) -> float:
    """The trackers that are always there, and others; their ends are not part of the loop."""
    with folder() as path:
        manager = TrackerManager([DatabaseTracker(path), LogTracker(path), *others], name="loop")
        manager.on_start(Level.TRIAL_RUN)

        def record(epoch: int) -> None:
            with TrackScope(manager, Level.EPOCH, epoch):
                manager.track_dict(METRICS, step=epoch)

        seconds = loop(record)
        manager.close()
        return seconds


if __name__ == "__main__":
    main()
