"""The contract of what acts on a training while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from experiment_manager.common.factory import create_with_arguments
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.common.state import Stateful
from experiment_manager.environment import Environment


class Callback(YAMLSerializable, Stateful):
    """Acts on a training at its start, around each epoch and batch, and at its end.

    The laws that a pipeline keeps:

    - Each hook is called in the order of registration, ``on_end`` in reverse; a callback that
      sets ``is_last`` comes after the others at the start and the end of an epoch.
    - ``on_register`` comes first. ``on_start`` comes once, before the first epoch; ``on_end``
      exactly once, whatever happened in between, also where ``on_start`` failed; but never where
      another process has begun the run again meanwhile: the run's folder is that one's.
    - ``on_epoch_end`` comes while the epoch is still open, so that what is recorded there
      belongs to it. The metrics are read-only and contain everything the epoch put in,
      models too.
    - An exception fails the run; the other callbacks still get their ``on_end``.
    - A run that goes on from a checkpoint has the state that the callback declares (see
      :class:`~experiment_manager.common.state.Stateful`) loaded after ``on_start``.

    All hooks do nothing unless they are overridden, and one that is not overridden costs
    nothing. The constructor gets the callback's keys in the configuration as keyword arguments,
    and ``env`` if it has such a parameter.

    Example:
        >>> class Patience(Callback):
        ...     def on_epoch_end(self, epoch_idx, metrics):
        ...         return metrics["val_loss"] > 0.1
    """

    is_last: ClassVar[bool] = False
    """True where it must see what the other callbacks make of an epoch."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any], env: Environment | None = None) -> Callback:
        """The callback that an entry of ``callbacks:`` describes."""
        callback: Callback = create_with_arguments(cls, config, env=env)
        return callback

    def on_register(self, pipeline: Any) -> None:
        """It will act on this :class:`~experiment_manager.pipelines.pipeline.Pipeline`."""

    def on_start(self) -> None:
        """The training starts."""

    def on_epoch_start(self, epoch_idx: int) -> None:
        """An epoch begins."""

    def on_batch_end(self, batch_idx: int, metrics: Mapping[Any, Any]) -> bool | None:
        """A batch is over (of a pipeline with ``batch_wrapper``); answer False to stop."""

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> bool | None:
        """An epoch is over; answer False to stop the training."""

    def on_end(self, metrics: Mapping[Any, Any]) -> None:
        """The training is over; ``metrics`` are its final results."""
