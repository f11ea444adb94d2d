"""Early stopping in a pipeline: the adapter around the rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.callback_factory import CallbackFactory
from experiment_manager.pipelines.callbacks.early_stopping import EarlyStopping
from experiment_manager.pipelines.pipeline import Pipeline
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


@pytest.mark.parametrize(
    "arguments",
    [
        {"patience": 0},
        {"mode": "up"},
        {"min_delta_percent": -1},
        {"min_delta": -1},
        {"restore_best": "yes"},
    ],
)
def test_wrong_arguments_are_refused_at_once(env: Environment, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        EarlyStopping(env, **arguments)
    assert CallbackFactory.check({"type": "early_stopping", **arguments}) != []


def test_an_improvement_can_be_measured_in_the_metrics_unit(env: Environment) -> None:
    assert train(env, losses(1.0, 0.9, 0.8, 0.7), patience=2, min_delta=0.5)[0] == 3


# Names of the same argument.


def test_the_metric_may_be_called_monitor(env: Environment) -> None:
    assert EarlyStopping(env, monitor=Metric.VAL_ACC).metric == "val_acc"
    assert EarlyStopping(env, metric=Metric.VAL_ACC, monitor="val_acc").metric == "val_acc"


def test_restore_best_may_be_called_restore_best_weights(env: Environment) -> None:
    assert EarlyStopping(env, restore_best_weights=True).restore_best


@pytest.mark.parametrize(
    "arguments",
    [
        {"metric": "val_acc", "monitor": "val_loss"},
        {"restore_best": False, "restore_best_weights": True},
    ],
)
def test_two_values_of_one_argument_are_refused_by_both_its_names(
    env: Environment, arguments: dict[str, Any]
) -> None:
    name, alias = arguments
    with pytest.raises(ValueError, match=f"'{name}' .* and '{alias}' .* same argument"):
        EarlyStopping(env, **arguments)
    (problem,) = CallbackFactory.check({"type": "early_stopping", **arguments})
    assert f"'{alias}'" in problem


# The weights of the best epoch.


class Estimator:
    """A model of no library, which has learned the number of its epoch."""

    def __init__(self) -> None:
        self.weights = [0]


class Learning(Pipeline):
    """Trains a model for as many epochs as there are losses; from a checkpoint it goes on."""

    checkpointed = ("epochs_run",)

    def __init__(self, env: Environment, model: Any, *values: float, **arguments: Any) -> None:
        super().__init__(env)
        self.model = model
        self.values = values
        self.epochs_run = 0
        self.stopping = EarlyStopping(env, patience=2, **arguments)
        self.register_callback(self.stopping)

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        for epoch_idx in range(len(self.values)):
            self.run_epoch(epoch_idx)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        self.epochs_run += 1
        self.model.weights[0] = epoch_idx
        self.epoch_metrics[Metric.VAL_LOSS] = self.values[epoch_idx]
        self.epoch_metrics[Metric.NETWORK] = self.model


def test_the_stopped_model_is_that_of_the_best_epoch(env: Environment) -> None:
    pipeline = Learning(env, Estimator(), 1.0, 0.5, 0.6, 0.6, 0.6, restore_best=True)
    assert pipeline.run(None) is RunStatus.STOPPED
    assert (pipeline.epochs_run, pipeline.model.weights) == (4, [1])


def test_it_is_that_of_the_last_epoch_unless_asked(env: Environment) -> None:
    pipeline = Learning(env, Estimator(), 1.0, 0.5, 0.6, 0.6)
    pipeline.run(None)
    assert pipeline.model.weights == [3]


def test_a_training_that_is_not_stopped_keeps_its_model(env: Environment) -> None:
    pipeline = Learning(env, Estimator(), 0.5, 0.6, restore_best=True)
    assert pipeline.run(None) is RunStatus.COMPLETED
    assert pipeline.model.weights == [1]


def test_a_torch_module_gets_its_tensors_back(env: Environment, torch: Any) -> None:
    class Module(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.parameter = torch.nn.Parameter(torch.zeros(1))
            self.weights = self.parameter.data

    pipeline = Learning(env, Module(), 1.0, 0.5, 0.6, 0.6, restore_best=True)
    pipeline.run(None)
    assert pipeline.model.parameter.item() == 1
    assert pipeline.model.parameter.requires_grad


def test_a_scikit_learn_model_predicts_as_in_its_best_epoch(env: Environment) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    model = linear_model.SGDRegressor().partial_fit([[0.0], [1.0]], [0.0, 1.0])
    best = list(model.predict([[1.0]]))
    stopping = EarlyStopping(env, patience=1, restore_best=True)
    stopping.on_epoch_end(0, {Metric.VAL_LOSS: 0.5, Metric.NETWORK: model})
    model.partial_fit([[0.0], [1.0]], [5.0, 9.0])
    stopping.on_epoch_end(1, {Metric.VAL_LOSS: 0.6, Metric.NETWORK: model})
    assert list(model.predict([[1.0]])) == best


def test_a_resumed_run_restores_the_best_epoch_of_an_earlier_attempt(
    env: Environment, whole_and_resumed: Callable[..., tuple[Any, Any]]
) -> None:
    def make() -> Pipeline:
        return Learning(env, Estimator(), 1.0, 0.5, 0.6, 0.6, 0.6, restore_best=True)

    whole, resumed = whole_and_resumed(make, epoch=2)
    assert resumed.epochs_run == whole.epochs_run == 4
    assert resumed.model.weights == whole.model.weights == [1]


@pytest.mark.parametrize("without", [0, 1], ids=["the best epoch", "the last epoch"])
def test_an_epoch_without_a_model_is_warned_about(env: Environment, without: int) -> None:
    epochs: list[Any] = losses(0.5, 0.6)
    epochs[1 - without][Metric.NETWORK] = Estimator()
    train(env, epochs, patience=1, restore_best=True)
    assert "The best weights are not restored" in log_of(env)


def test_a_model_without_weights_of_its_own_fails_the_run_and_says_so(env: Environment) -> None:
    epochs: list[Any] = [{Metric.VAL_LOSS: 0.5, Metric.NETWORK: [1.0]}]
    pipeline = ScriptedPipeline(env, epochs)
    pipeline.register_callback(EarlyStopping(env, restore_best=True))
    assert pipeline.run(None) is RunStatus.FAILED
    assert "The weights of a list cannot be copied" in str(pipeline.outcome.error)
