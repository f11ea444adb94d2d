"""Stops a training that has had its time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from experiment_manager.common.durations import duration_s
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback


@YAMLSerializable.register("time_limit")
class TimeLimit(Callback):
    """Stops the training at the end of the first epoch after a duration of the run.

    A run that goes on from a checkpoint has used the time up to that checkpoint already.

    Args:
        env: Where the stop is logged.
        duration: A number of seconds, or text such as ``"2h"``, ``"1h30m"`` or ``"00:30:00"``
            (see :func:`~experiment_manager.common.durations.duration_s`).
        within_epoch: True to stop after a batch too, in the middle of an epoch, whose metrics
            are lost then.

    Attributes:
        duration_s: The duration in seconds.
        elapsed_s: What the run has used of it, earlier attempts included.
        clock: Gives seconds that never go back, from any moment on.

    Raises:
        ValueError: The duration is none.
    """

    checkpointed: ClassVar[tuple[str, ...]] = ("elapsed_s",)

    def __init__(
        self, env: Environment, duration: float | str, *, within_epoch: bool = False
    ) -> None:
        super().__init__()
        self.env = env
        self.duration_s = duration_s(duration)
        self.within_epoch = within_epoch
        self.clock = time.monotonic
        self.elapsed_s = 0.0
        self._read_s = 0.0

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse what is no duration."""
        if "duration" in config:
            duration_s(config["duration"])

    def on_start(self) -> None:
        """The time begins."""
        self.elapsed_s = 0.0
        self._read_s = self.clock()

    def on_batch_end(self, batch_idx: int, metrics: Mapping[Any, Any]) -> bool:
        """False where the time is over and an epoch may be left half done."""
        return not (self.within_epoch and self._is_over(f"batch {batch_idx}"))

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> bool:
        """False where the time is over."""
        return not self._is_over(f"epoch {epoch_idx}")

    def _is_over(self, when: str) -> bool:
        now_s = self.clock()
        self.elapsed_s += now_s - self._read_s
        self._read_s = now_s
        is_over = self.elapsed_s >= self.duration_s
        if is_over:
            self.env.logger.info(
                "Stopped after %s: %.0f s of %.0f s are used up",
                when,
                self.elapsed_s,
                self.duration_s,
            )
        return is_over
