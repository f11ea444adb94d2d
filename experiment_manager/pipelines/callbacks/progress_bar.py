"""Shows how far a training has come."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from experiment_manager.common.metrics import scalars_of, to_points
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.argument_checks import check_integer
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.terminal_bar import (
    TerminalBar,
    epoch_text,
    free_terminal,
)


@YAMLSerializable.register("progress_bar")
class ProgressBar(Callback):
    """One line with the epoch, the time so far, the time left and the epoch's metrics.

    On a terminal it is a bar on standard error. Elsewhere, and where another bar is drawn
    already (as by ``experiment-manager run``), every ``interval``-th epoch and the last one go to
    the run's log, and to the console where ``verbose``.

    Args:
        env: Has the log.
        epochs: How many there will be; ``config.epochs`` of the pipeline where it is left out,
            unknown where that is missing too.
        interval: Epochs from one line of the log to the next, from 1.

    Attributes:
        clock: Gives seconds that never go back, from any moment on.

    Raises:
        ValueError: An argument is below 1.
    """

    def __init__(self, env: Environment, epochs: int | None = None, interval: int = 1) -> None:
        super().__init__()
        _check(epochs, interval)
        self.env = env
        self.epochs = epochs
        self.interval = interval
        self.clock = time.monotonic
        self._pipeline: Any = None
        self._bar: TerminalBar | None = None
        self._total: int | None = None
        self._done = 0
        self._done_before = 0
        self._start_s = 0.0

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse what is no number of epochs."""
        _check(config.get("epochs"), config.get("interval", 1))

    def on_register(self, pipeline: Any) -> None:
        """Remember who knows how many epochs there will be."""
        self._pipeline = pipeline

    def on_start(self) -> None:
        """Show the bar, where there is room for one."""
        self._done = self._done_before = getattr(self._pipeline, "start_epoch", 0)
        self._total = self.epochs or _planned_epochs(self._pipeline)
        self._start_s = self.clock()
        console = free_terminal()
        if console is not None:
            self._bar = TerminalBar(console, self._done, self._total)

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
        """Show the epoch."""
        self._done += 1
        elapsed_s = self.clock() - self._start_s
        left = self._time_left_text(elapsed_s)
        if self._bar is not None:
            self._bar.show(self._done, left, metrics_text(metrics))
        elif self._done % self.interval == 0 or self._done == self._total:
            self.env.logger.info(
                "%s, %s, %s left  %s",
                epoch_text(self._done, self._total),
                duration_text(elapsed_s),
                left,
                metrics_text(metrics),
            )

    def on_end(self, metrics: Mapping[Any, Any]) -> None:
        """Leave the bar as it is, and the terminal to others."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _time_left_text(self, elapsed_s: float) -> str:
        """What the rest takes if each epoch takes as long as those of this attempt did."""
        if self._total is None:
            return "-"
        per_epoch_s = elapsed_s / (self._done - self._done_before)
        return duration_text(max(0, self._total - self._done) * per_epoch_s)


def duration_text(seconds: float) -> str:
    """A duration to the second.

    Example:
        >>> duration_text(89.6)
        '0:01:30'
    """
    return str(timedelta(seconds=round(seconds)))


def metrics_text(metrics: Mapping[Any, Any]) -> str:
    """The metrics in short, those of labels left out.

    Example:
        >>> metrics_text({"train_loss": 0.123456, "acc": {"cat": 1.0}, "f1": 0.5})
        'train_loss 0.1235  f1 0.5'
    """
    numbers = scalars_of(to_points(metrics))
    return "  ".join(f"{name} {numbers[name]:.4g}" for name in numbers if "/" not in name)


def _planned_epochs(pipeline: Any) -> int | None:
    config: Any = getattr(pipeline, "config", None)
    is_mapping = isinstance(config, Mapping)
    epochs = config.get("epochs") if is_mapping else getattr(config, "epochs", None)
    return epochs if isinstance(epochs, int) else None


def _check(epochs: Any, interval: Any) -> None:
    check_integer("interval", interval, least=1)
    if epochs is not None:
        check_integer("epochs", epochs, least=1)
