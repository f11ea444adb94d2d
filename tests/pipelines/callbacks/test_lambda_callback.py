"""A callback made from functions."""

from __future__ import annotations

from typing import Any

import pytest

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callback_list import HOOKS, CallbackList
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.lambda_callback import LambdaCallback
from experiment_manager.testing.callback_contract import CallbackContract, ScriptedPipeline


class TestLambdaCallback(CallbackContract):
    def make_callback(self, env: Environment) -> Callback:
        return LambdaCallback(on_epoch_end=lambda _epoch_idx, _metrics: None)


def run(env: Environment, callback: Callback, epochs: int = 2) -> ScriptedPipeline:
    pipeline = ScriptedPipeline(env, [{"loss": index} for index in range(epochs)])
    pipeline.register_callback(callback)
    pipeline.run(None)
    return pipeline


def test_each_hook_gets_its_arguments(env: Environment) -> None:
    calls: list[Any] = []
    callback = LambdaCallback(
        on_register=lambda pipeline: calls.append(type(pipeline)),
        on_start=lambda: calls.append("start"),
        on_epoch_start=calls.append,
        on_epoch_end=lambda epoch_idx, metrics: calls.append((epoch_idx, dict(metrics))),
        on_end=lambda metrics: calls.append(dict(metrics)),
    )
    run(env, callback, epochs=1)
    assert calls == [ScriptedPipeline, "start", 0, (0, {"loss": 0}), {Metric.TEST_ACC: 0.9}]


def test_it_may_stop_the_training(env: Environment) -> None:
    callback = LambdaCallback(on_epoch_end=lambda _epoch_idx, _metrics: False)
    assert run(env, callback).outcome.status is RunStatus.STOPPED


@pytest.mark.parametrize("given", HOOKS)
def test_a_hook_that_is_not_given_is_never_called(given: str) -> None:
    callbacks = CallbackList()
    callbacks.add(LambdaCallback(**{given: lambda *_: None}))
    assert [name for name in HOOKS if callbacks.hooks(name)] == [given]


def test_it_declares_no_state() -> None:
    assert not LambdaCallback.declares_state()


def test_an_unknown_hook_is_refused() -> None:
    arguments: dict[str, Any] = {"on_epoch": print}
    with pytest.raises(TypeError, match="on_epoch"):
        LambdaCallback(**arguments)
