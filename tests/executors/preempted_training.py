"""Two trainings that are held up in the middle as long as a test wants; one declares its state."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from experiment_manager import Pipeline
from experiment_manager.common.files import append_line


class WithoutState(Pipeline):
    """Begins anew."""

    def __init__(self, env: Any, config: Any) -> None:
        super().__init__(env)
        self.seen: list[float] = []

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        for epoch in range(4):
            self.run_epoch(epoch)
        self.run_metrics["sum"] = sum(self.seen)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        self.seen.append(random.random())
        self.epoch_metrics["loss"] = self.seen[-1]
        folder = Path(self.env.workspace)
        append_line(folder / "executed.txt", str(epoch_idx))
        while epoch_idx == 2 and (folder.parents[2] / "hold").exists():
            time.sleep(0.02)


class WithState(WithoutState):
    """Goes on after its last checkpoint."""

    checkpointed = ("seen",)
