"""A training whose numbers are no numbers fails at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.common.errors import ExperimentManagerError
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.callback_factory import CallbackFactory
from experiment_manager.pipelines.callbacks.terminate_on_nan import DivergedError, TerminateOnNaN
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.testing.callback_contract import CallbackContract, ScriptedPipeline


class TestTerminateOnNaN(CallbackContract):
    config: ClassVar[Mapping[str, Any]] = {"type": "terminate_on_nan", "metrics": ["f1"]}

    def make_callback(self, env: Environment) -> Callback:
        return TerminateOnNaN(metrics=["f1"])


class Batches(Pipeline):
    """One epoch of batches with these losses."""

    def __init__(self, env: Environment, losses: list[float]) -> None:
        super().__init__(env)
        self.losses = losses
        self.batches_run = 0

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        self.run_epoch(7)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        for batch_idx in range(len(self.losses)):
            self.run_batch(batch_idx)

    @Pipeline.batch_wrapper
    def run_batch(self, batch_idx: int) -> None:
        self.batches_run += 1
        self.batch_metrics["loss"] = self.losses[batch_idx]


def train(env: Environment, *epochs: Any, metrics: Any = None) -> ScriptedPipeline:
    pipeline = ScriptedPipeline(env, list(epochs))
    pipeline.register_callback(TerminateOnNaN(metrics))
    pipeline.run(None)
    return pipeline


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_run_fails_and_says_which_metric_of_which_epoch(
    env: Environment, value: float
) -> None:
    outcome = train(env, {"loss": 1.0}, {"f1": 0.5, "loss": value}, {"loss": 1.0}).outcome
    assert outcome.status is RunStatus.FAILED
    assert isinstance(outcome.error, DivergedError)
    assert str(outcome.error) == f"The training has diverged: loss is {value} after epoch 1"


def test_finite_numbers_go_on(env: Environment) -> None:
    epochs = [{Metric.TRAIN_LOSS: 1e308, "acc": {"cat": 0.0}}, {Metric.TRAIN_LOSS: -1e308}]
    assert train(env, *epochs).outcome.status is RunStatus.COMPLETED


def test_a_batch_fails_at_once(env: Environment) -> None:
    pipeline = Batches(env, [1.0, math.nan, 1.0])
    pipeline.register_callback(TerminateOnNaN())
    assert pipeline.run(None) is RunStatus.FAILED
    assert pipeline.batches_run == 2
    assert "loss is nan after batch 1 of epoch 7" in str(pipeline.outcome.error)


@pytest.mark.parametrize(
    ("watched", "status"),
    [
        (["f1"], RunStatus.COMPLETED),
        (["loss"], RunStatus.COMPLETED),
        (["acc/dog"], RunStatus.COMPLETED),
        (["acc"], RunStatus.FAILED),
        (["acc/cat"], RunStatus.FAILED),
        ([Metric.VAL_LOSS, "acc"], RunStatus.FAILED),
        (None, RunStatus.FAILED),
    ],
)
def test_only_watched_metrics_count(env: Environment, watched: Any, status: RunStatus) -> None:
    epoch = {"loss": 1.0, "acc": {"cat": math.nan, "dog": 1.0}}
    assert train(env, epoch, metrics=watched).outcome.status is status


def test_the_error_is_one_of_arithmetic_and_of_the_package() -> None:
    assert issubclass(DivergedError, ArithmeticError)
    assert issubclass(DivergedError, ExperimentManagerError)


@pytest.mark.parametrize("metrics", ["loss", [], 5, [""], [3]])
def test_what_is_no_list_of_names_is_refused(metrics: Any) -> None:
    with pytest.raises(ValueError, match=r"metrics|name"):
        TerminateOnNaN(metrics)
    assert CallbackFactory.check({"type": "terminate_on_nan", "metrics": metrics}) != []
