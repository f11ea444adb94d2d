"""A small network tells two noisy rings apart. Put a training of your own in its place."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import torch
from experiment_manager import EarlyStop, Environment, Metric, Pipeline, RunStatus
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

SIZES = {"train": 400, "validation": 200, "test": 200}
NOISE = 0.2


@dataclass
class Settings:
    """What a trial must say: a slip in a name is found before the first run."""

    epochs: int
    hidden: int
    learning_rate: float
    batch_size: int


class Training(Pipeline):
    """Trains epoch by epoch; data, weights and shuffling draw from torch, which has the seed."""

    settings_type = Settings
    checkpointed = ("network", "optimizer")  # what a run that was killed needs to go on

    def __init__(self, env: Environment, config: DictConfig) -> None:
        super().__init__(env)
        self.train, self.validation, self.test = map(create_rings, SIZES.values())
        self.batches = DataLoader(self.train, batch_size=config.batch_size, shuffle=True)
        self.network = create_network(config.hidden)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=config.learning_rate)

    @Pipeline.run_wrapper
    def run(self, config: DictConfig) -> RunStatus:
        """Train until a callback stops it, then measure on points never seen."""
        with suppress(EarlyStop):
            for epoch in range(config.epochs):
                self.run_epoch(epoch)
        test_loss, test_acc = self.evaluate(*self.test.tensors)
        self.run_metrics[Metric.TEST_LOSS] = test_loss
        self.run_metrics[Metric.TEST_ACC] = test_acc
        return RunStatus.COMPLETED

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> RunStatus:
        """One pass over the training points in a new order."""
        self.network.train()
        losses = [self.train_batch(points, labels) for points, labels in self.batches]
        val_loss, val_acc = self.evaluate(*self.validation.tensors)
        self.epoch_metrics[Metric.TRAIN_LOSS] = sum(losses) / len(losses)
        self.epoch_metrics[Metric.VAL_LOSS] = val_loss
        self.epoch_metrics[Metric.VAL_ACC] = val_acc
        self.epoch_metrics[Metric.NETWORK] = self.network
        return RunStatus.COMPLETED

    def train_batch(self, points: Tensor, labels: Tensor) -> Tensor:
        """The loss on these points, lowered by one step of the optimizer."""
        self.optimizer.zero_grad()
        loss = cross_entropy(self.network(points), labels)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def evaluate(self, points: Tensor, labels: Tensor) -> tuple[float, float]:
        """Cross-entropy and accuracy."""
        self.network.eval()
        with torch.no_grad():
            logits = self.network(points)
        is_correct = logits.argmax(dim=1) == labels
        return cross_entropy(logits, labels).item(), is_correct.float().mean().item()


def create_network(hidden: int) -> nn.Sequential:
    """Two coordinates in, a logit for each of the rings out."""
    return nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, 2))


def create_rings(count: int) -> TensorDataset:
    """Noisy points on a ring of radius 1 or 2, and which of the two it is."""
    labels = torch.arange(count) % 2
    directions = torch.nn.functional.normalize(torch.randn(count, 2))
    noise = NOISE * torch.randn(count, 2)
    return TensorDataset((labels + 1).unsqueeze(1) * directions + noise, labels)
