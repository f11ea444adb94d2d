"""Callbacks from the ``callbacks:`` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiment_manager.common.factory import Factory, check_typed
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.checkpoint import CheckpointCallback
from experiment_manager.pipelines.callbacks.early_stopping import EarlyStopping
from experiment_manager.pipelines.callbacks.learning_rate_monitor import LearningRateMonitor
from experiment_manager.pipelines.callbacks.learning_rate_scheduler import LearningRateScheduler
from experiment_manager.pipelines.callbacks.metric_tracker import MetricsTracker
from experiment_manager.pipelines.callbacks.model_pruning import ModelPruning
from experiment_manager.pipelines.callbacks.progress_bar import ProgressBar
from experiment_manager.pipelines.callbacks.terminate_on_nan import TerminateOnNaN
from experiment_manager.pipelines.callbacks.time_limit import TimeLimit

BUILT_IN = (
    CheckpointCallback,
    EarlyStopping,
    LearningRateMonitor,
    LearningRateScheduler,
    MetricsTracker,
    ModelPruning,
    ProgressBar,
    TerminateOnNaN,
    TimeLimit,
)


class CallbackFactory(Factory):
    """Makes callbacks by their short names or class names."""

    @staticmethod
    def create(type_name: str, config: Mapping[str, Any], *args: Any, **kwargs: Any) -> Callback:
        """The callback registered under ``type_name``; ``env`` is passed on.

        Raises:
            UnknownTypeError: Nothing is registered under the name.
        """
        callback: Callback = Factory.create(type_name, config, *args, **kwargs)
        return callback

    @staticmethod
    def create_all(settings: Mapping[str, Any], env: Environment) -> list[Callback]:
        """The callbacks that the settings name, in their order."""
        entries = settings.get("callbacks") or []
        return [CallbackFactory.create(entry["type"], entry, env=env) for entry in entries]

    @staticmethod
    def check(config: Mapping[str, Any]) -> list[str]:
        """What is wrong with an entry of ``callbacks:``; empty if nothing."""
        return check_typed(config, Callback, frozenset({"env"}))
