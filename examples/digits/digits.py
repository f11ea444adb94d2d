"""A multilayer perceptron that learns to read the UCI handwritten digits (8 x 8 pixels)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from omegaconf import DictConfig
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.common.errors import EarlyStop
from experiment_manager.environment import Environment
from experiment_manager.pipelines.pipeline import Pipeline

MAX_PIXEL = 16.0
DIGITS = np.arange(10)


@dataclass
class Settings:
    """What a trial must say: a slip in a name is found before the first run."""

    epochs: int
    hidden_layers: list[int]
    learning_rate: float
    batch_size: int
    split_seed: int
    test_fraction: float
    validation_fraction: float


class DigitsPipeline(Pipeline):
    """Trains epoch by epoch and tests the network of the last one."""

    settings_type = Settings
    checkpointed = ("network", "random")  # what a run that was killed needs to go on
    checkpoint_format = "joblib"  # a scikit-learn model is more than plain data

    def __init__(self, env: Environment, config: DictConfig) -> None:
        super().__init__(env)
        self.batch_size = config.batch_size
        self.train, self.validation, self.test = split_digits(config)
        self.random = np.random.default_rng(config.seed)
        self.network = MLPClassifier(
            hidden_layer_sizes=tuple(config.hidden_layers),
            learning_rate_init=config.learning_rate,
            random_state=config.seed,
        )

    @Pipeline.run_wrapper
    def run(self, config: DictConfig) -> RunStatus:
        """Train until a callback stops it, then measure on images never seen."""
        with suppress(EarlyStop), threadpool_limits(1):  # small matrices gain nothing from more
            for epoch in range(config.epochs):
                self.run_epoch(epoch)
        self.record_test()
        return RunStatus.COMPLETED

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> RunStatus:
        """One pass over the training images in a new order."""
        images, labels = self.train
        order = self.random.permutation(len(images))
        for batch in np.array_split(order, len(order) // self.batch_size):
            with interruptible():
                self.network.partial_fit(images[batch], labels[batch], classes=DIGITS)
        self.epoch_metrics[Metric.TRAIN_LOSS], _ = self.evaluate(*self.train)
        val_loss, val_acc = self.evaluate(*self.validation)
        self.epoch_metrics[Metric.VAL_LOSS] = val_loss
        self.epoch_metrics[Metric.VAL_ACC] = val_acc
        self.epoch_metrics[Metric.NETWORK] = self.network
        return RunStatus.COMPLETED

    def evaluate(self, images: Any, labels: Any) -> tuple[float, float]:
        """Cross-entropy and accuracy."""
        probabilities = self.network.predict_proba(images)
        accuracy = np.mean(probabilities.argmax(axis=1) == labels)
        return log_loss(labels, probabilities, labels=DIGITS), float(accuracy)

    def record_test(self) -> None:
        """Loss, accuracy, accuracy of each digit, and which digit is taken for which."""
        images, labels = self.test
        test_loss, test_acc = self.evaluate(images, labels)
        confusion = confusion_matrix(labels, self.network.predict(images), labels=DIGITS)
        per_digit = confusion.diagonal() / confusion.sum(axis=1)
        self.run_metrics[Metric.TEST_LOSS] = test_loss
        self.run_metrics[Metric.TEST_ACC] = test_acc
        self.run_metrics["test_acc_per_digit"] = dict(enumerate(per_digit))
        self.run_metrics[Metric.CONFUSION] = confusion


@contextmanager
def interruptible() -> Iterator[None]:
    """Lets Ctrl-C end the training; scikit-learn would turn it into a warning and go on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Training interrupted")
        try:
            yield
        except UserWarning as warning:
            raise KeyboardInterrupt from warning


def split_digits(config: DictConfig) -> list[tuple[Any, Any]]:
    """Images with pixels from 0 to 1 and their labels, for training, validation and test.

    The split is stratified and the same for every run.
    """
    images, labels = load_digits(return_X_y=True)
    rest, test = split(images / MAX_PIXEL, labels, config.test_fraction, config.split_seed)
    train, validation = split(*rest, config.validation_fraction, config.split_seed)
    return [train, validation, test]


def split(images: Any, labels: Any, fraction: float, seed: int) -> list[tuple[Any, Any]]:
    """The larger part and the ``fraction`` that is set aside."""
    kept, aside, kept_labels, aside_labels = train_test_split(
        images, labels, test_size=fraction, stratify=labels, random_state=seed
    )
    return [(kept, kept_labels), (aside, aside_labels)]
