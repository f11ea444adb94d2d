"""A pipeline without any work, so that what is measured is everything around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiment_manager import Pipeline


class Training(Pipeline):
    """Records two metrics in each epoch."""

    @Pipeline.run_wrapper
    def run(self, config: Mapping[str, Any]) -> None:
        """Record."""
        for epoch in range(dict(config)["epochs"]):
            self.run_epoch(epoch)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        """Two metrics."""
        self.epoch_metrics["val_loss"] = 0.5
        self.epoch_metrics["val_acc"] = 0.9
