"""A linear classifier reads handwritten digits. Put a training of your own in its place."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from experiment_manager import EarlyStop, Environment, Metric, Pipeline, RunStatus
from omegaconf import DictConfig
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

MAX_PIXEL = 16
DIGITS = np.arange(10)


@dataclass
class Settings:
    """What a trial must say: a slip in a name is found before the first run."""

    epochs: int
    alpha: float
    split_seed: int
    test_fraction: float
    validation_fraction: float


class Training(Pipeline):
    """Trains epoch by epoch; NumPy, which shuffles the images, has the run's seed."""

    settings_type = Settings
    checkpointed = ("model",)  # what a run that was killed needs to go on
    checkpoint_format = "joblib"  # a scikit-learn model is more than plain data

    def __init__(self, env: Environment, config: DictConfig) -> None:
        super().__init__(env)
        self.train, self.validation, self.test = split_digits(config)
        self.model = SGDClassifier(loss="log_loss", alpha=config.alpha)

    @Pipeline.run_wrapper
    def run(self, config: DictConfig) -> RunStatus:
        """Train until a callback stops it, then measure on images never seen."""
        with suppress(EarlyStop):
            for epoch in range(config.epochs):
                self.run_epoch(epoch)
        test_loss, test_acc = self.evaluate(*self.test)
        self.run_metrics[Metric.TEST_LOSS] = test_loss
        self.run_metrics[Metric.TEST_ACC] = test_acc
        return RunStatus.COMPLETED

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> RunStatus:
        """One pass over the training images in a new order."""
        self.model.partial_fit(*self.train, classes=DIGITS)
        self.epoch_metrics[Metric.TRAIN_LOSS], _ = self.evaluate(*self.train)
        val_loss, val_acc = self.evaluate(*self.validation)
        self.epoch_metrics[Metric.VAL_LOSS] = val_loss
        self.epoch_metrics[Metric.VAL_ACC] = val_acc
        self.epoch_metrics[Metric.NETWORK] = self.model
        return RunStatus.COMPLETED

    def evaluate(self, images: Any, labels: Any) -> tuple[float, float]:
        """Cross-entropy and accuracy."""
        probabilities = self.model.predict_proba(images)
        accuracy = np.mean(probabilities.argmax(axis=1) == labels)
        return log_loss(labels, probabilities, labels=DIGITS), float(accuracy)


def split_digits(config: DictConfig) -> list[tuple[Any, Any]]:
    """Images with pixels from 0 to 1 and their labels, for training, validation and test."""
    images, labels = load_digits(return_X_y=True)
    rest, test = split(images / MAX_PIXEL, labels, config.test_fraction, config.split_seed)
    train, validation = split(*rest, config.validation_fraction, config.split_seed)
    return [train, validation, test]


def split(images: Any, labels: Any, fraction: float, seed: int) -> list[tuple[Any, Any]]:
    """The larger part and the fraction that is set aside."""
    kept, aside, kept_labels, aside_labels = train_test_split(
        images, labels, test_size=fraction, stratify=labels, random_state=seed
    )
    return [(kept, kept_labels), (aside, aside_labels)]
