"""Saves the model while it is trained."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from experiment_manager.common.common import Metric
from experiment_manager.common.errors import CheckpointError
from experiment_manager.common.files import write_atomic
from experiment_manager.common.imports import require
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback

FOLDER = "checkpoints"


@YAMLSerializable.register("checkpoint")
class CheckpointCallback(Callback):
    """Saves the model after every ``interval``-th epoch and at the end.

    The pipeline puts it in: ``self.epoch_metrics[Metric.NETWORK] = model``. A torch module is
    saved by its ``state_dict`` (``.pt``), an object with a ``save(path)`` of its own by that
    (``.model``), anything else by joblib (``.joblib``). The files lie in the run's
    ``artifacts/checkpoints``, are whole or absent, and are recorded as artifacts.

    Args:
        interval: Epochs from one checkpoint to the next, from 1.
        env: Where the files go and are recorded.

    Raises:
        ValueError: ``interval`` is below 1.
    """

    def __init__(self, interval: int, env: Environment) -> None:
        super().__init__()
        _check_interval(interval)
        self.env = env
        self.interval = interval
        self._epochs = 0
        self._unsaved: Mapping[Any, Any] | None = None

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse an interval below 1."""
        _check_interval(config.get("interval", 1))

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
        """Save when the interval is full."""
        self._epochs += 1
        self._unsaved = metrics
        if self._epochs % self.interval == 0:
            self._save(f"epoch_{epoch_idx}", metrics)

    def on_end(self, metrics: Mapping[Any, Any]) -> None:
        """Save the last epoch's model, unless that epoch did."""
        if self._unsaved is not None:
            self._save("final", self._unsaved)

    def _save(self, name: str, metrics: Mapping[Any, Any]) -> None:
        network = metrics.get(Metric.NETWORK)
        self._unsaved = None
        if network is None:
            self.env.logger.warning(
                "No checkpoint %r: the epoch has no model; set epoch_metrics[Metric.NETWORK]", name
            )
            return
        suffix, write = _writer_for(network)
        path = self.env.artifact_dir / FOLDER / f"{name}{suffix}"
        try:
            write_atomic(path, write)
        except Exception as error:
            raise CheckpointError(
                f"The checkpoint {path} could not be written: {error}"
            ) from error
        self.env.tracker_manager.on_checkpoint(network, path, metrics)


def _writer_for(network: Any) -> tuple[str, Callable[[Path], object]]:
    """The suffix of the model's file and what writes it."""
    torch = sys.modules.get("torch")  # a torch module cannot exist where torch is not imported
    if torch is not None and isinstance(network, torch.nn.Module):
        return ".pt", lambda path: torch.save(network.state_dict(), path)
    if callable(getattr(network, "save", None)):
        return ".model", network.save
    joblib = require("joblib", extra="examples", feature="Saving a model that is not of torch")
    return ".joblib", lambda path: joblib.dump(network, path)


def _check_interval(interval: Any) -> None:
    if isinstance(interval, bool) or not isinstance(interval, int) or interval < 1:
        raise ValueError(f"'interval' must be an integer from 1, not {interval!r}")
