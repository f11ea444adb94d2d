"""What an epoch costs a training loop: the decorator, five metrics, and callbacks.

    pip install -e .
    python benchmarks/training_loop.py

Database and log trackers are on, as they are by default. The body of the epoch does nothing but
set its metrics, so the time of a call is what the loop pays.
"""

from __future__ import annotations

import statistics
from functools import partial
from time import perf_counter
from typing import Any

from _measure import folder, heading, interleaved, median, ratio, report

from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.pipeline import Pipeline

EPOCHS = 500
REPEATS = 7
CALLBACKS = 100
METRICS = {f"metric_{number}": number / 10 for number in range(5)}


class Training(Pipeline):
    """Epochs that do nothing but measure."""

    def __init__(self, env: Environment) -> None:
        super().__init__(env)
        self.seconds: list[float] = []

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        """Each epoch with its time."""
        for epoch in range(EPOCHS):
            started = perf_counter()
            self.run_epoch(epoch)
            self.seconds.append(perf_counter() - started)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        """Five metrics."""
        self.epoch_metrics.update(METRICS)


class Idle(Callback):
    """Overrides no hook."""


def epoch_seconds(callbacks: int) -> float:
    """The median time of an epoch with so many idle callbacks."""
    with folder() as place, Environment.from_config({"workspace": str(place)}) as env:
        training = Training(env)
        for _ in range(callbacks):
            training.register_callback(Idle())
        training.run(None)
    return statistics.median(training.seconds)


def main() -> None:
    """Measure everything."""
    samples = interleaved(
        {"bare": partial(epoch_seconds, 0), "idle": partial(epoch_seconds, CALLBACKS)}, REPEATS
    )
    heading("One epoch of five metrics, database and log trackers on (median call)")
    report("with both trackers", 1e3 * median(samples, "bare"), 0.3, "ms")
    report(
        f"with {CALLBACKS} callbacks that override nothing", ratio(samples, "idle", "bare"), 1.1
    )


if __name__ == "__main__":
    main()
