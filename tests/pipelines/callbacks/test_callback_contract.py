"""The callbacks of the package keep the contract, and the contract can tell who does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from experiment_manager.common.common import Metric
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.checkpoint import CheckpointCallback
from experiment_manager.pipelines.callbacks.early_stopping import EarlyStopping
from experiment_manager.pipelines.callbacks.metric_tracker import MetricsTracker
from experiment_manager.testing.callback_contract import CallbackContract


class TestEarlyStopping(CallbackContract):
    config: ClassVar[Mapping[str, Any]] = {"type": "early_stopping", "patience": 2}

    def make_callback(self, env: Environment) -> Callback:
        return EarlyStopping(env, patience=2)


class TestMetricsTracker(CallbackContract):
    config: ClassVar[Mapping[str, Any]] = {"type": "MetricsTracker"}

    def make_callback(self, env: Environment) -> Callback:
        return MetricsTracker(env)


class TestCheckpointCallback(CallbackContract):
    config: ClassVar[Mapping[str, Any]] = {"type": "CheckpointCallback", "interval": 2}

    def make_callback(self, env: Environment) -> Callback:
        return CheckpointCallback(interval=2, env=env)

    def metrics_of_epoch(self, index: int) -> dict[Any, Any]:
        return {**super().metrics_of_epoch(index), Metric.NETWORK: {"weights": [index]}}


@YAMLSerializable.register("limit")
class Limit(Callback):
    """One that is not of the package, takes an argument and defines one hook only."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> bool:
        return epoch_idx < self.epochs


class TestCustomCallback(CallbackContract):
    config: ClassVar[Mapping[str, Any]] = {"type": "limit", "epochs": 10}

    def make_callback(self, env: Environment) -> Callback:
        return Limit(10)


BROKEN = """
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.testing.callback_contract import CallbackContract


class Broken(Callback):
    def __init__(self, env):
        self.env = env

    def on_start(self):
        self.history = []

    def on_epoch_end(self, epoch_idx, metrics):
        metrics["acc"]["cat"] = 0
        self.history.append(metrics["train_loss"])
        return "go on"

    def on_end(self, metrics):
        (self.env.artifact_dir / ".history.tmp").write_text(repr(self.history))


class TestBroken(CallbackContract):
    config = {"type": "Brokn"}

    def make_callback(self, env):
        return Broken(env)

    def metrics_of_epoch(self, index):
        return {**super().metrics_of_epoch(index), "train_loss": 1.0}
"""


def test_the_suite_finds_what_a_broken_callback_does_wrong(
    failures_of: Callable[[str], set[str]],
) -> None:
    assert failures_of(BROKEN) == {
        "test_takes_any_epoch",
        "test_ends_where_it_never_started",
        "test_answers_with_a_truth_value_or_nothing",
        "test_leaves_the_metrics_as_they_are",
        "test_leaves_no_half_written_file",
        "test_can_be_made_from_the_configuration",
    }
