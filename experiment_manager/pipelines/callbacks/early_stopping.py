"""Stops a training that no longer gets better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiment_manager.common.common import Metric
from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.metrics import metric_name, scalars_of, to_points
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.stopping_rule import StoppingRule

DEFAULT_PATIENCE = 5


@YAMLSerializable.register("early_stopping")
class EarlyStopping(Callback):
    """Asks for a stop at the ``patience``-th epoch without an improvement of one metric.

    Epochs without that metric do not count. See
    :class:`~experiment_manager.pipelines.callbacks.stopping_rule.StoppingRule` for what an
    improvement is.

    Args:
        env: Where the stop is logged.
        metric: The metric to watch, by :class:`Metric` or name (``acc/cat`` for a label's).
        patience: Epochs to wait for an improvement, from 1.
        min_delta_percent: Smallest improvement, in percent of the best value's magnitude.
        mode: ``"min"`` where lower is better, ``"max"`` where higher is.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        env: Environment,
        metric: Metric | str = Metric.VAL_LOSS,
        patience: int = DEFAULT_PATIENCE,
        min_delta_percent: float = 0.0,
        mode: str = "min",
    ) -> None:
        super().__init__()
        self.env = env
        self.metric = metric_name(metric)
        self.rule = StoppingRule(patience, min_delta_percent, mode)
        self._told_missing = False

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse what :class:`StoppingRule` refuses."""
        metric_name(config.get("metric", Metric.VAL_LOSS))
        rule_keys = ("min_delta_percent", "mode")
        patience = config.get("patience", DEFAULT_PATIENCE)
        StoppingRule(patience, **{key: config[key] for key in rule_keys if key in config})

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> bool:
        """False at the epoch where the patience ends."""
        numbers = scalars_of(to_points(metrics))
        if self.metric not in numbers:
            self._tell_missing(epoch_idx, numbers)
            return True
        if not self.rule.observe(numbers[self.metric]):
            return True
        self.env.logger.info(
            "Early stop after epoch %d: %s has not improved on %s for %d epochs",
            epoch_idx,
            self.metric,
            self.rule.best,
            self.rule.waited,
        )
        return False

    def _tell_missing(self, epoch_idx: int, numbers: Mapping[str, float]) -> None:
        if not self._told_missing:
            self._told_missing = True
            self.env.logger.warning(
                "Early stopping watches %r, which epoch %d did not measure.%s",
                self.metric,
                epoch_idx,
                did_you_mean(self.metric, numbers),
            )
