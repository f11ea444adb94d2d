"""Stops a training that no longer gets better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from experiment_manager.common.aliases import one_value
from experiment_manager.common.common import Metric
from experiment_manager.common.metrics import metric_name
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.best_weights import BestWeights
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.stopping_rule import StoppingRule
from experiment_manager.pipelines.callbacks.watched_metric import WatchedMetric

DEFAULT_PATIENCE = 5
_METRIC_NAMES = ("metric", "monitor")
_RESTORE_NAMES = ("restore_best", "restore_best_weights")
_RULE_NAMES = ("min_delta_percent", "mode", "min_delta")


@YAMLSerializable.register("early_stopping")
class EarlyStopping(Callback):
    """Asks for a stop at the ``patience``-th epoch without an improvement of one metric.

    Epochs without that metric do not count. See
    :class:`~experiment_manager.pipelines.callbacks.stopping_rule.StoppingRule` for what an
    improvement is.

    Args:
        env: Where the stop is logged.
        metric: The metric to watch, by :class:`Metric` or name (``acc/cat`` for a label's);
            ``val_loss`` where it is left out.
        patience: Epochs to wait for an improvement, from 1.
        min_delta_percent: Smallest improvement, in percent of the best value's magnitude.
        mode: ``"min"`` where lower is better, ``"max"`` where higher is.
        min_delta: Smallest improvement, in the metric's unit; both smallest ones must be reached.
        monitor: Another name of ``metric``.
        restore_best: True to give the model in ``epoch_metrics[Metric.NETWORK]`` the weights of
            the best epoch back when the training is stopped, and only then.
        restore_best_weights: Another name of ``restore_best``.

    Raises:
        ValueError: An argument is out of its range, or has two values under its two names.
    """

    checkpointed: ClassVar[tuple[str, ...]] = ("rule", "best_weights")

    def __init__(
        self,
        env: Environment,
        metric: Metric | str | None = None,
        patience: int = DEFAULT_PATIENCE,
        min_delta_percent: float = 0.0,
        mode: str = "min",
        *,
        min_delta: float = 0.0,
        monitor: Metric | str | None = None,
        restore_best: bool | None = None,
        restore_best_weights: bool | None = None,
    ) -> None:
        super().__init__()
        self.env = env
        self.metric = _watched(metric=metric, monitor=monitor)
        self.restore_best = _restores(
            restore_best=restore_best, restore_best_weights=restore_best_weights
        )
        self.rule = StoppingRule(patience, min_delta_percent, mode, min_delta)
        self.best_weights = BestWeights()
        self._watch = WatchedMetric(self.metric, "Early stopping", env.logger)

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse what the constructor refuses."""
        _watched(**{name: config.get(name) for name in _METRIC_NAMES})
        _restores(**{name: config.get(name) for name in _RESTORE_NAMES})
        patience = config.get("patience", DEFAULT_PATIENCE)
        StoppingRule(patience, **{name: config[name] for name in _RULE_NAMES if name in config})

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> bool:
        """False at the epoch where the patience ends."""
        value = self._watch.value_in(metrics, epoch_idx)
        if value is None:
            return True
        stops = self.rule.observe(value)
        if self.restore_best and self.rule.waited == 0:
            self.best_weights.keep(metrics.get(Metric.NETWORK))
        if stops:
            self._tell_stop(epoch_idx)
            self._restore(metrics.get(Metric.NETWORK))
        return not stops

    def _tell_stop(self, epoch_idx: int) -> None:
        self.env.logger.info(
            "Early stop after epoch %d: %s has not improved on %s for %d epochs",
            epoch_idx,
            self.metric,
            self.rule.best,
            self.rule.waited,
        )

    def _restore(self, network: Any) -> None:
        if not self.restore_best:
            return
        if network is None or self.best_weights.weights is None:
            self.env.logger.warning(
                "The best weights are not restored: the best epoch or the last one has no model; "
                "set epoch_metrics[Metric.NETWORK] in each"
            )
            return
        self.best_weights.restore(network)


def _watched(**given: Metric | str | None) -> str:
    names = {key: metric_name(metric) for key, metric in given.items() if metric is not None}
    return str(one_value(Metric.VAL_LOSS.value, **names))


def _restores(**given: bool | None) -> bool:
    restores = one_value(False, **given)
    if not isinstance(restores, bool):
        raise ValueError(f"'restore_best' must be true or false, not {restores!r}")  # noqa: TRY004 - a value of the configuration
    return restores
