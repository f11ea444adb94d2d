"""Two trainings that record whatever can be recorded; one goes on where it was killed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

from experiment_manager import Level, Metric, Pipeline

NUMBERS = 300_000  # in the state: a checkpoint of it takes some megabytes, and its time


class Model:
    """What is saved by a ``save`` of its own."""

    def __init__(self, weights: Any) -> None:
        self.weights = weights

    def save(self, path: Path) -> None:
        path.write_bytes(self.weights.tobytes())


class WithoutState(Pipeline):
    """Begins anew."""

    def __init__(self, env: Any, config: Any) -> None:
        super().__init__(env)
        self.settings = config
        self.weights = np.zeros(NUMBERS)
        self.rates: list[float] = []

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        self.env.tracker_manager.log_params({"state": {"numbers": NUMBERS}, "note": "naïve"})
        for epoch in range(config.epochs):
            self.run_epoch(epoch)
        self.add_file(Level.TRIAL_RUN, "rates.txt")
        self.run_metrics[Metric.TEST_LOSS] = float(self.weights.sum())
        self.run_metrics["test"] = {"cat": random.random(), "dog": float("nan")}

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        for batch in range(self.settings.batches):
            self.run_batch(batch)
        for point in range(self.settings.points):
            self.env.tracker_manager.track("rate", random.random(), step=point)
        self.weights = self.weights + np.random.rand(NUMBERS)  # noqa: NPY002 - comes back too
        self.rates.append(random.random())
        self.add_file(Level.EPOCH, f"rates_{epoch_idx}.txt")
        self.epoch_metrics[Metric.VAL_LOSS] = float(self.weights.mean())
        self.epoch_metrics["acc"] = {"cat": random.random(), "dog": float("inf")}
        self.epoch_metrics[Metric.CONFUSION] = [[random.randint(0, 9), 1], [0, 1]]
        if epoch_idx > 1:
            self.epoch_metrics["late"] = -0.0
        self.epoch_metrics[Metric.NETWORK] = Model(self.weights)

    @Pipeline.batch_wrapper
    def run_batch(self, batch_idx: int) -> None:
        self.batch_metrics[Metric.TRAIN_LOSS] = random.random() + batch_idx

    def add_file(self, level: Level, name: str) -> None:
        path = self.env.artifact_dir / name
        path.write_text(f"{self.rates}\n", encoding="utf-8")
        self.env.tracker_manager.on_add_artifact(level, path, "rates")


class WithState(WithoutState):
    """Goes on after its last checkpoint."""

    checkpointed = ("weights", "rates")
