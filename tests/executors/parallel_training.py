"""A training that ends as its settings say."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiment_manager import Pipeline
from experiment_manager.common.files import append_line
from experiment_manager.testing.waiting import wait_until


class Training(Pipeline):
    """Three epochs of random numbers, and perhaps a bad end of the first attempt."""

    def __init__(self, env: Any, config: Any) -> None:
        super().__init__(env)
        self.settings = config

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        for epoch in range(3):
            self.run_epoch(epoch)
        attempts = Path(self.env.workspace, "attempts.txt")
        append_line(attempts, f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES')}")
        is_first = len(attempts.read_text(encoding="utf-8").splitlines()) == 1
        if config.ends == "always" or is_first:
            END[config.ends](Path(self.env.workspace).parents[2])
        self.run_metrics["test_acc"] = random.random()

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        self.epoch_metrics["loss"] = random.random()
        self.epoch_metrics["acc"] = {"cat": random.random(), "dog": epoch_idx}


def _die(_folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _wait(_folder: Path) -> None:
    time.sleep(120)


def _fill_memory(_folder: Path) -> None:
    held = []
    while True:
        held.append(bytearray(os.urandom(1000) * 50_000))
        time.sleep(0.01)


def _raise_memory_error(_folder: Path) -> None:
    raise MemoryError


def _wait_until_told(folder: Path) -> None:
    wait_until((folder / "enough").exists)


END: dict[str, Callable[[Path], None]] = {
    "well": lambda _folder: None,
    "death": _die,
    "always": _die,
    "wait": _wait,
    "told": _wait_until_told,
    "fill": _fill_memory,
    "memory error": _raise_memory_error,
}
