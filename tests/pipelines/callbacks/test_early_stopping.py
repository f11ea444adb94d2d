"""Early stopping in a pipeline: the adapter around the rule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.callback_factory import CallbackFactory
from experiment_manager.pipelines.callbacks.early_stopping import EarlyStopping
from experiment_manager.testing.callback_contract import ScriptedPipeline


class Counting(Callback):
    epochs = 0

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
        self.epochs += 1


def train(env: Environment, epochs: list[Any], **arguments: Any) -> tuple[int, RunStatus]:
    """How many epochs ran, and the status."""
    pipeline, counting = ScriptedPipeline(env, epochs), Counting()
    pipeline.register_callback(EarlyStopping(env, **arguments))
    pipeline.register_callback(counting)
    status = pipeline.run(None)
    return counting.epochs, status


def losses(*values: float) -> list[dict[Any, float]]:
    return [{Metric.VAL_LOSS: value} for value in values]


def log_of(env: Environment) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in env.log_dir.glob("*.log"))


def test_it_stops_the_training_and_says_why(env: Environment) -> None:
    epochs = losses(1.0, 0.5, 0.6, 0.7, 0.8)
    assert train(env, epochs, metric=Metric.VAL_LOSS, patience=2) == (4, RunStatus.STOPPED)
    assert "Early stop after epoch 3: val_loss has not improved on 0.5 for 2 epochs" in log_of(env)


def test_it_lets_a_training_that_improves_go_on(env: Environment) -> None:
    epochs = losses(1.0, 0.9, 0.8, 0.7)
    assert train(env, epochs, patience=1) == (4, RunStatus.COMPLETED)


def test_the_arguments_of_the_specification(env: Environment) -> None:
    callback = EarlyStopping(
        env=env, metric=Metric.VAL_ACC, patience=10, min_delta_percent=0.5, mode="max"
    )
    rule = callback.rule
    assert (callback.metric, rule.patience, rule.min_delta_percent, rule.mode) == (
        *("val_acc", 10, 0.5, "max"),
    )


def test_nan_is_no_improvement(env: Environment) -> None:
    assert train(env, losses(1.0, math.nan, math.nan, 0.1), patience=2)[0] == 3


@pytest.mark.parametrize(
    ("metric", "epoch"),
    [
        ("f1", {Metric.CUSTOM: ("f1", 0.5)}),
        ("acc/cat", {"acc": {"cat": 0.5, "dog": 1.0}}),
        ("val_acc", {Metric.VAL_ACC: 0.5}),
    ],
)
def test_any_number_of_an_epoch_can_be_watched(env: Environment, metric: str, epoch: Any) -> None:
    assert train(env, [epoch] * 5, metric=metric, patience=2, mode="max")[0] == 3
    assert "WARNING" not in log_of(env)


def test_a_missing_metric_is_told_once_with_what_was_meant(env: Environment) -> None:
    epochs: list[Any] = [{"val_los": 1.0}, {"val_los": 1.0}, {"val_los": 1.0}]
    assert train(env, epochs, patience=1) == (3, RunStatus.COMPLETED)
    log = log_of(env)
    assert log.count("WARNING") == 1
    assert "'val_loss'" in log
    assert "epoch 0" in log
    assert "Did you mean 'val_los'?" in log


def test_epochs_without_the_metric_do_not_count(env: Environment) -> None:
    epochs: list[Any] = [{"val_loss": 1.0}, {}, {}, {"val_loss": 1.0}, {}, {"val_loss": 1.0}, {}]
    assert train(env, epochs, patience=2)[0] == 6


@pytest.mark.parametrize("arguments", [{"patience": 0}, {"mode": "up"}, {"min_delta_percent": -1}])
def test_wrong_arguments_are_refused_at_once(env: Environment, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        EarlyStopping(env, **arguments)
    assert CallbackFactory.check({"type": "early_stopping", **arguments}) != []
