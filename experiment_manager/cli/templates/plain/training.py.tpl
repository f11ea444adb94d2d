"""Fits a polynomial to noisy points of a sine. Put a training of your own in its place."""

from __future__ import annotations

import math
import random
from contextlib import suppress
from dataclasses import dataclass

from experiment_manager import EarlyStop, Environment, Metric, Pipeline, RunStatus
from omegaconf import DictConfig

Point = tuple[float, float]

SIZES = {"train": 200, "validation": 50, "test": 50}
NOISE = 0.1


@dataclass
class Settings:
    """What a trial must say: a slip in a name is found before the first run."""

    epochs: int
    degree: int
    learning_rate: float


class Training(Pipeline):
    """Stochastic gradient descent on the squared error; the module random has the run's seed."""

    settings_type = Settings
    checkpointed = ("weights",)  # what a run that was killed needs to go on

    def __init__(self, env: Environment, config: DictConfig) -> None:
        super().__init__(env)
        self.learning_rate = config.learning_rate
        self.weights = [0.0] * (config.degree + 1)
        self.train, self.validation, self.test = map(create_points, SIZES.values())

    @Pipeline.run_wrapper
    def run(self, config: DictConfig) -> RunStatus:
        """Train until a callback stops it, then measure on points never seen."""
        with suppress(EarlyStop):
            for epoch in range(config.epochs):
                self.run_epoch(epoch)
        self.run_metrics[Metric.TEST_LOSS] = self.loss(self.test)
        return RunStatus.COMPLETED

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> RunStatus:
        """One pass over the training points in a new order."""
        for x, y in random.sample(self.train, len(self.train)):
            step = self.learning_rate * (self.predict(x) - y)
            self.weights = [w - step * x**power for power, w in enumerate(self.weights)]
        self.epoch_metrics[Metric.TRAIN_LOSS] = self.loss(self.train)
        self.epoch_metrics[Metric.VAL_LOSS] = self.loss(self.validation)
        return RunStatus.COMPLETED

    def predict(self, x: float) -> float:
        """The value of the polynomial."""
        return sum(weight * x**power for power, weight in enumerate(self.weights))

    def loss(self, points: list[Point]) -> float:
        """Mean squared error."""
        return sum((self.predict(x) - y) ** 2 for x, y in points) / len(points)


def create_points(count: int) -> list[Point]:
    """Points of a sine from -1 to 1, with noise."""
    xs = [random.uniform(-1, 1) for _ in range(count)]
    return [(x, math.sin(math.pi * x) + random.gauss(0, NOISE)) for x in xs]
