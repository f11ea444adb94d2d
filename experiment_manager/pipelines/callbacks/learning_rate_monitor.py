"""Records the learning rate of each epoch."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

from experiment_manager.common.common import Metric
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.optimizer_access import (
    group_names,
    learning_rates,
    optimizer_of,
)


@YAMLSerializable.register("learning_rate_monitor")
class LearningRateMonitor(Callback):
    """Records ``learning_rate``, by group where the optimizer has several groups of parameters.

    It is the rate that an epoch begins with, so that a scheduler which steps at the epoch's end
    changes that of the next one.

    Args:
        env: Where the rates are recorded.
        optimizer: Attribute of the pipeline that holds the optimizer, with dots to reach further;
            or the optimizer itself. A group is labelled by its ``name``, or its place from 0.
    """

    is_last: ClassVar[bool] = True

    def __init__(self, env: Environment, optimizer: Any = "optimizer") -> None:
        super().__init__()
        self.env = env
        self._named = optimizer
        self._optimizer = functools.partial(optimizer_of, None, optimizer)

    def on_register(self, pipeline: Any) -> None:
        """Have the optimizer looked up in this pipeline, once there is one."""
        self._optimizer = functools.partial(optimizer_of, pipeline, self._named)

    def on_epoch_start(self, epoch_idx: int) -> None:
        """Record the rates of this epoch."""
        optimizer = self._optimizer()
        rates = learning_rates(optimizer)
        by_group = dict(zip(group_names(optimizer), rates, strict=True))
        rate = rates[0] if len(rates) == 1 else by_group
        self.env.tracker_manager.track_dict({Metric.LEARNING_RATE: rate}, step=epoch_idx)
