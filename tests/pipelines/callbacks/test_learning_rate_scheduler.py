"""The learning rate of each epoch in a pipeline."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.callback_factory import CallbackFactory
from experiment_manager.pipelines.callbacks.learning_rate_scheduler import LearningRateScheduler
from experiment_manager.pipelines.callbacks.learning_rate_schedules import Cosine, Exponential
from experiment_manager.pipelines.callbacks.optimizer_access import learning_rates
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.testing.callback_contract import CallbackContract

EPOCHS = 6


class Training(Pipeline):
    """Notes the learning rates of each epoch."""

    def __init__(
        self, env: Environment, optimizer: Any, make_scheduler: Callable[..., Any] | None = None
    ) -> None:
        super().__init__(env)
        self.optimizer = optimizer
        self.rates: list[list[float]] = []
        if make_scheduler is not None:
            self.register_callback(make_scheduler(env))

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        for epoch_idx in range(EPOCHS):
            self.run_epoch(epoch_idx)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        self.rates.append(learning_rates(self.optimizer))


def plain(lr: float = 1.0) -> SimpleNamespace:
    return SimpleNamespace(learning_rate=lr)


def grouped(*rates: float) -> SimpleNamespace:
    return SimpleNamespace(param_groups=[{"lr": rate} for rate in rates])


def trained(env: Environment, optimizer: Any, **arguments: Any) -> list[list[float]]:
    """The rates of each epoch."""
    pipeline = Training(env, optimizer, lambda env: LearningRateScheduler(env, **arguments))
    assert pipeline.run(None) is RunStatus.COMPLETED, pipeline.outcome.traceback
    return pipeline.rates


class TestLearningRateScheduler(CallbackContract):
    config: ClassVar[Mapping[str, Any]] = {
        "type": "learning_rate_scheduler",
        "schedule": "cosine",
        "epochs": 10,
        "warmup_epochs": 2,
    }

    def make_callback(self, env: Environment) -> Callback:
        return LearningRateScheduler(env, Cosine(epochs=10), optimizer=plain())


# Which rates.


def test_a_named_schedule_starts_from_the_optimizers_rate(env: Environment) -> None:
    rates = trained(env, plain(8.0), schedule="step", step_size=2, gamma=0.5)
    assert rates == [[8], [8], [4], [4], [2], [2]]


def test_an_object_of_a_schedule_does_the_same(env: Environment) -> None:
    rates = trained(env, plain(8.0), schedule=Exponential(gamma=0.5))
    assert rates == [[8], [4], [2], [1], [0.5], [0.25]]


def test_a_function_of_the_epoch_gives_the_rate(env: Environment) -> None:
    rates = trained(env, plain(), schedule=lambda epoch_idx: 10 - epoch_idx)
    assert rates == [[10], [9], [8], [7], [6], [5]]


def test_a_function_of_epoch_and_rate_gets_the_rate_before(env: Environment) -> None:
    rates = trained(env, plain(4.0), schedule=lambda epoch, lr: lr if epoch < 3 else lr / 2)
    assert rates == [[4], [4], [4], [2], [1], [0.5]]


def test_each_group_of_parameters_has_its_own_base(env: Environment) -> None:
    rates = trained(env, grouped(8.0, 80.0), schedule="exponential", gamma=0.5)
    assert rates[:3] == [[8, 80], [4, 40], [2, 20]]


def test_a_group_that_joins_later_starts_from_its_own_rate(env: Environment) -> None:
    class Unfreezing(Training):
        @Pipeline.epoch_wrapper
        def run_epoch(self, epoch_idx: int) -> None:
            self.rates.append(learning_rates(self.optimizer))
            if epoch_idx == 1:
                self.optimizer.param_groups.append({"lr": 100.0})

    make = functools.partial(LearningRateScheduler, schedule=Exponential(gamma=0.5))
    pipeline = Unfreezing(env, grouped(8.0), make)
    pipeline.run(None)
    assert pipeline.rates[1:4] == [[4], [2, 25], [1, 12.5]]


def test_scikit_learns_network_is_set_by_its_path(env: Environment) -> None:
    neural_network = pytest.importorskip("sklearn.neural_network")
    network = neural_network.MLPClassifier(
        hidden_layer_sizes=(2,), solver="sgd", learning_rate_init=8.0, momentum=0.0
    )
    network.partial_fit([[0.0], [1.0]], [0, 1], classes=[0, 1])
    pipeline = Training(env, plain())
    pipeline.network = network  # type: ignore[attr-defined]
    pipeline.register_callback(
        LearningRateScheduler(env, Exponential(gamma=0.5), optimizer="network._optimizer")
    )
    pipeline.run(None)
    assert network._optimizer.learning_rate == 0.25


# A run that goes on.


class Resumable(Training):
    """Its optimizer is made anew, with the rate of the first epoch."""

    checkpointed = ("rates",)


SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "cosine", "epochs": EPOCHS, "warmup_epochs": 2},
    {"schedule": lambda _, lr: lr * 0.9},
    {"schedule": lambda epoch: 1 / (epoch + 1)},
]


@pytest.mark.parametrize("arguments", SCHEDULES, ids=["named", "of the rate", "of the epoch"])
@pytest.mark.parametrize("epoch", [0, 3])
def test_a_resumed_run_has_the_same_rates(
    env: Environment,
    whole_and_resumed: Callable[..., tuple[Any, Any]],
    arguments: dict[str, Any],
    epoch: int,
) -> None:
    make_scheduler = functools.partial(LearningRateScheduler, **arguments)
    whole, resumed = whole_and_resumed(lambda: Resumable(env, plain(), make_scheduler), epoch)
    assert len(resumed.rates) == EPOCHS
    assert resumed.rates == whole.rates


# What is refused.


@pytest.mark.parametrize(
    ("optimizer", "path", "named"),
    [
        (None, "optimiser", ["Training", "'optimiser'"]),
        (None, "optimizer", ["NoneType", "'param_groups', 'learning_rate', 'lr'"]),
        (plain(), "optimizer.inner", ["Training", "'optimizer.inner'"]),
    ],
)
def test_a_missing_optimizer_fails_the_run_and_names_what_was_tried(
    env: Environment, optimizer: Any, path: str, named: list[str]
) -> None:
    make = functools.partial(LearningRateScheduler, schedule="linear", epochs=5, optimizer=path)
    pipeline = Training(env, optimizer, make)
    assert pipeline.run(None) is RunStatus.FAILED
    assert all(part in str(pipeline.outcome.error) for part in named)


@pytest.mark.parametrize("rate", [None, "x", -1.0, float("nan"), float("inf")])
def test_a_function_that_gives_no_rate_fails_the_run(env: Environment, rate: Any) -> None:
    make = functools.partial(LearningRateScheduler, schedule=lambda _: rate)
    pipeline = Training(env, plain(), make)
    assert pipeline.run(None) is RunStatus.FAILED
    assert f"{rate!r} as learning rate of epoch 0" in str(pipeline.outcome.error)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"schedule": "linear", "epochs": 5, "scheduler": SimpleNamespace(optimizer=plain())},
        {"schedule": lambda _: 1.0, "epochs": 5},
        {"schedule": "linear"},
    ],
    ids=["neither", "both", "parameters of a function", "a parameter is missing"],
)
def test_arguments_that_do_not_go_together_are_refused(
    env: Environment, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"schedule"):
        LearningRateScheduler(env, **arguments)


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({}, "'schedule' must be the name"),
        ({"schedule": ["cosine"]}, "'schedule' must be the name"),
        ({"schedule": "cosin", "epochs": 5}, "Did you mean 'cosine'?"),
        ({"schedule": "cosine"}, "'epochs' is missing"),
        ({"schedule": "cosine", "epochs": 5, "gama": 1}, "unknown key 'gama'"),
        ({"schedule": "cosine", "epochs": 5, "env": 1}, "unknown key 'env'"),
        ({"schedule": "cosine", "epochs": 5, "monitor": ""}, "name"),
    ],
)
def test_a_wrong_entry_is_described(keys: dict[str, Any], complaint: str) -> None:
    (problem,) = CallbackFactory.check({"type": "learning_rate_scheduler", **keys})
    assert complaint in problem
