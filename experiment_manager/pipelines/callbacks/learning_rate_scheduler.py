"""Sets the learning rate of each epoch."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from experiment_manager.common.common import Metric
from experiment_manager.common.metrics import metric_name
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.learning_rate_schedules import (
    Schedule,
    create_schedule,
)
from experiment_manager.pipelines.callbacks.optimizer_access import (
    learning_rates,
    optimizer_of,
    set_learning_rates,
)
from experiment_manager.pipelines.callbacks.watched_metric import WatchedMetric

_OWN_KEYS = frozenset({"type", "schedule", "optimizer", "monitor"})


@YAMLSerializable.register("learning_rate_scheduler")
class LearningRateScheduler(Callback):
    """Sets the learning rate of each epoch as a schedule, a function or a torch scheduler says.

    Rates are set when an epoch begins, for each group of parameters by itself. A run that goes on
    from a checkpoint gets the same ones as if it had never been interrupted.

    Args:
        env: Where a metric that is missing is reported.
        schedule: A name in
            :data:`~experiment_manager.pipelines.callbacks.learning_rate_schedules.SCHEDULES`, or
            in code an object of one of their classes, or a function: ``f(epoch_idx)``, or
            ``f(epoch_idx, lr)`` with the rate of the epoch before, as in Keras.
        scheduler: A torch scheduler instead (in code), whose ``step`` is called after each epoch.
        optimizer: Attribute of the pipeline that holds the optimizer, with dots to reach further;
            or the optimizer itself. The optimizer has ``param_groups`` like torch's, or an
            attribute ``learning_rate`` or ``lr``.
        monitor: The metric that a scheduler such as ``ReduceLROnPlateau`` decides by; an epoch
            without it is no step.
        parameters: Those of the named schedule.

    Attributes:
        base_rates: The rate of each group of parameters that its training began with.
        rates: Their rates in the current epoch.

    Raises:
        ValueError: Not exactly one of ``schedule`` and ``scheduler`` is given, or there is no such
            schedule, or its parameters do not fit.

    Example:
        A training of 90 epochs, in the configuration::

            callbacks:
              - {type: learning_rate_scheduler, schedule: cosine, epochs: 90, warmup_epochs: 5}
    """

    checkpointed: ClassVar[tuple[str, ...]] = ("base_rates", "rates", "scheduler")

    def __init__(
        self,
        env: Environment,
        schedule: str | Callable[..., float] | None = None,
        scheduler: Any = None,
        optimizer: Any = "optimizer",
        monitor: Metric | str = Metric.VAL_LOSS,
        **parameters: Any,
    ) -> None:
        super().__init__()
        if (schedule is None) == (scheduler is None):
            raise ValueError("give either 'schedule' or 'scheduler'")
        self.schedule = _schedule_of(schedule, parameters)
        self.scheduler = scheduler
        self.base_rates: list[float] = []
        self.rates: list[float] = []
        self._watch = WatchedMetric(monitor, "The learning rate's scheduler", env.logger)
        self._named = optimizer if scheduler is None else scheduler.optimizer
        self._optimizer = functools.partial(optimizer_of, None, self._named)

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse an unknown schedule and what does not fit it."""
        if not isinstance(config.get("schedule"), str):
            raise ValueError("'schedule' must be the name of a schedule")  # noqa: TRY004 - a value of the configuration
        metric_name(config.get("monitor", Metric.VAL_LOSS))
        parameters = {name: config[name] for name in config if name not in _OWN_KEYS}
        create_schedule(config["schedule"], parameters)

    def on_register(self, pipeline: Any) -> None:
        """Have the optimizer looked up in this pipeline, once there is one."""
        self._optimizer = functools.partial(optimizer_of, pipeline, self._named)

    def on_epoch_start(self, epoch_idx: int) -> None:
        """Set the rates of this epoch."""
        optimizer = self._optimizer()
        current = learning_rates(optimizer)
        # a group of parameters may join in any epoch, and brings its base rate with it
        self.base_rates = [*self.base_rates, *current[len(self.base_rates) :]]
        self.rates = [*self.rates, *current[len(self.rates) :]]
        if self.schedule is not None:
            self.rates = self._next_rates(self.schedule, epoch_idx)
        set_learning_rates(optimizer, self.rates)

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
        """Have the torch scheduler take its step."""
        if self.scheduler is not None:
            self._step(epoch_idx, metrics)
            self.rates = learning_rates(self._optimizer())

    def _next_rates(self, schedule: Callable[[int, float], float], epoch_idx: int) -> list[float]:
        before = self.base_rates if isinstance(schedule, Schedule) else self.rates
        return [_checked_rate(schedule(epoch_idx, rate), epoch_idx) for rate in before]

    def _step(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
        if "metrics" not in inspect.signature(self.scheduler.step).parameters:
            self.scheduler.step()
        elif (value := self._watch.value_in(metrics, epoch_idx)) is not None:
            self.scheduler.step(value)


def _schedule_of(
    schedule: str | Callable[..., float] | None, parameters: Mapping[str, Any]
) -> Callable[[int, float], float] | None:
    if isinstance(schedule, str):
        return create_schedule(schedule, parameters)
    if parameters:
        raise ValueError(f"only a schedule given by its name has parameters: {sorted(parameters)}")
    if schedule is None or isinstance(schedule, Schedule):
        return schedule
    takes_rate = len(inspect.signature(schedule).parameters) > 1
    return schedule if takes_rate else lambda epoch_idx, _: schedule(epoch_idx)


def _checked_rate(rate: Any, epoch_idx: int) -> float:
    try:
        number = float(rate)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"The schedule gave {rate!r} as learning rate of epoch {epoch_idx}")
    return number
