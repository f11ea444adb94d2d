"""Weights that are dropped while a model is trained, and stay so."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.common.errors import MissingDependencyError
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.callback_factory import CallbackFactory
from experiment_manager.pipelines.callbacks.model_pruning import ModelPruning
from experiment_manager.pipelines.callbacks.weight_masks import (
    prunable_weights,
    prune_further,
    sparsity,
)
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.testing.callback_contract import CallbackContract

Query = Callable[..., list[tuple[Any, ...]]]
EPOCHS = 4


@pytest.fixture(autouse=True)
def _needs_torch(torch: Any) -> None:
    """Every test here does."""


class TestModelPruning(CallbackContract):
    config: ClassVar[Mapping[str, Any]] = {"type": "model_pruning", "amount": 0.5}

    def make_callback(self, env: Environment) -> Callback:
        return ModelPruning(env, 0.5)

    def metrics_of_epoch(self, index: int) -> dict[Any, Any]:
        torch = pytest.importorskip("torch")
        return {**super().metrics_of_epoch(index), Metric.NETWORK: torch.nn.Linear(2, 2)}


class Training(Pipeline):
    """Two steps of a momentum optimizer in each epoch, towards outputs of one."""

    checkpointed: ClassVar[tuple[str, ...]] = ("network", "optimizer", "zeros")

    def __init__(self, env: Environment, torch: Any, **arguments: Any) -> None:
        super().__init__(env)
        torch.manual_seed(0)
        self.torch = torch
        self.network = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2)
        )
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.1, momentum=0.9)
        self.zeros: list[int] = []
        self.pruning = ModelPruning(env, **arguments)
        self.register_callback(self.pruning)

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        for epoch_idx in range(EPOCHS):
            self.run_epoch(epoch_idx)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        for _ in range(2):
            self.train_batch()
        self.zeros.append(self.zeros_in_forward())
        self.epoch_metrics[Metric.NETWORK] = self.network

    def train_batch(self) -> None:
        self.optimizer.zero_grad()
        outputs = self.network(self.torch.randn(16, 4))
        ((outputs - 1) ** 2).mean().backward()
        self.optimizer.step()

    def zeros_in_forward(self) -> int:
        """How many weights are zero while a batch passes through."""
        self.network(self.torch.randn(16, 4))
        return sum(int((self.network[i].weight == 0).sum()) for i in (0, 2))


def trained(env: Environment, torch: Any, **arguments: Any) -> Training:
    pipeline = Training(env, torch, **arguments)
    assert pipeline.run(None) is RunStatus.COMPLETED, pipeline.outcome.traceback
    return pipeline


# Which weights.


def test_matrices_are_pruned_and_norms_are_not(torch: Any) -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(2, 1)
    )
    assert list(prunable_weights(network, ["weight"])) == ["0.weight", "2.weight"]
    assert list(prunable_weights(network, ["bias"])) == ["0.bias", "2.bias"]


def test_a_weight_that_two_layers_share_is_pruned_once(torch: Any) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    network[1].weight = network[0].weight
    assert list(prunable_weights(network, ["weight"])) == ["0.weight"]


def test_a_model_without_such_a_parameter_is_refused(torch: Any) -> None:
    with pytest.raises(ValueError, match="No layer of the BatchNorm1d"):
        prunable_weights(torch.nn.BatchNorm1d(2), ["weight"])


def test_the_smallest_magnitudes_of_all_layers_go_first(torch: Any) -> None:
    weights = {"a": torch.tensor([[0.1, -5.0]]), "b": torch.tensor([[0.2, -0.3]])}
    masks = prune_further(weights, {}, "l1_unstructured", 0.5)
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "a": [[False, True]],
        "b": [[False, True]],
    }


def test_each_pruning_drops_a_fraction_of_what_is_left(torch: Any) -> None:
    weights = {"a": torch.arange(1.0, 17.0).reshape(4, 4)}
    masks: dict[str, Any] = {}
    fractions = []
    for _ in range(3):
        masks = prune_further(weights, masks, "l1_unstructured", 0.5)
        fractions.append(sparsity(weights, masks))
    assert fractions == [0.5, 0.75, 0.875]


def test_a_random_pruning_drops_as_many(torch: Any) -> None:
    weights = {"a": torch.ones(10, 10)}
    masks = prune_further(weights, {}, "random_unstructured", 0.3)
    assert sparsity(weights, masks) == pytest.approx(0.3)


# When.


@pytest.mark.parametrize(
    ("arguments", "zeros"),
    [
        ({}, [0, 24, 24, 24]),
        ({"start_epoch": 1}, [0, 0, 24, 24]),
        ({"every_n_epochs": 1}, [0, 24, 36, 42]),
        ({"start_epoch": 0, "every_n_epochs": 2}, [0, 24, 24, 36]),
        ({"start_epoch": 9}, [0, 0, 0, 0]),
        ({"method": "random_unstructured"}, [0, 24, 24, 24]),
    ],
)
def test_dropped_weights_are_zero_in_each_forward_pass_after(
    env: Environment, torch: Any, arguments: dict[str, Any], zeros: list[int]
) -> None:
    assert trained(env, torch, amount=0.5, **arguments).zeros == zeros


def test_the_sparsity_is_a_metric_of_each_epoch(
    env: Environment, torch: Any, query: Query
) -> None:
    trained(env, torch, amount=0.5, start_epoch=1, every_n_epochs=2)
    sql = (
        "SELECT l.epoch_idx, m.total_val FROM EPOCH_METRIC l JOIN METRIC m ON m.id = l.metric_id "
        "WHERE m.type = 'sparsity' ORDER BY l.epoch_idx"
    )
    assert query(env.workspace, sql) == [(0, 0.0), (1, 0.5), (2, 0.5), (3, 0.75)]


def test_the_model_keeps_the_names_of_its_parameters(env: Environment, torch: Any) -> None:
    pipeline = trained(env, torch, amount=0.5)
    assert set(pipeline.network.state_dict()) == set(
        Training(env, torch, amount=0.5).network.state_dict()
    )


# At the end.


@pytest.mark.parametrize(("permanent", "zeros"), [(True, 0), (False, 24)])
def test_after_the_run_the_weights_are_held_at_zero_only_on_request(
    env: Environment, torch: Any, permanent: bool, zeros: int
) -> None:
    pipeline = trained(env, torch, amount=0.5, make_permanent=permanent)
    pipeline.train_batch()
    assert pipeline.zeros_in_forward() == zeros


def test_the_trained_model_has_its_zeros(env: Environment, torch: Any) -> None:
    network = trained(env, torch, amount=0.5).network
    assert sum(int((network[i].weight == 0).sum()) for i in (0, 2)) == 24


def test_weights_that_were_given_back_in_the_last_epoch_are_pruned_too(
    env: Environment, torch: Any
) -> None:
    network = torch.nn.Linear(2, 2)
    pruning = ModelPruning(env, 0.5)
    pruning.on_epoch_end(0, {Metric.NETWORK: network})
    network.weight.data.fill_(1.0)
    pruning.on_end({})
    assert int((network.weight == 0).sum()) == 2


# A run that goes on.


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_a_resumed_run_has_the_same_masks_and_weights(
    env: Environment, torch: Any, whole_and_resumed: Callable[..., tuple[Any, Any]], epoch: int
) -> None:
    arguments = {"amount": 0.5, "start_epoch": 1, "every_n_epochs": 2}
    make = functools.partial(Training, env, torch, **arguments)
    whole, resumed = whole_and_resumed(make, epoch)
    assert resumed.zeros == whole.zeros == [0, 0, 24, 24]
    weights = whole.network.state_dict()
    assert all(
        torch.equal(value, weights[name]) for name, value in resumed.network.state_dict().items()
    )


class Hidden(Training):
    """Has its network under another name."""

    checkpointed: ClassVar[tuple[str, ...]] = ()

    def __init__(self, env: Environment, torch: Any, **arguments: Any) -> None:
        super().__init__(env, torch, **arguments)
        self.hidden = self.network
        del self.network

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        self.epoch_metrics[Metric.NETWORK] = self.hidden


def test_a_resumed_run_without_the_attribute_fails_and_names_it(
    env: Environment, torch: Any, whole_and_resumed: Callable[..., tuple[Any, Any]]
) -> None:
    whole, resumed = whole_and_resumed(functools.partial(Hidden, env, torch, amount=0.5), epoch=0)
    assert whole.outcome.status is RunStatus.COMPLETED
    assert resumed.outcome.status is RunStatus.FAILED
    assert "the attribute 'network' of Hidden" in str(resumed.outcome.error)


# What is refused.


def test_only_torch_modules_can_be_pruned(env: Environment) -> None:
    with pytest.raises(TypeError, match="not a list"):
        ModelPruning(env, 0.5).on_epoch_end(0, {Metric.NETWORK: [1.0]})


def test_an_epoch_without_a_model_is_warned_about_once(env: Environment) -> None:
    pruning = ModelPruning(env, 0.5)
    for epoch_idx in range(2):
        pruning.on_epoch_end(epoch_idx, {})
    log = "".join(file.read_text(encoding="utf-8") for file in env.log_dir.glob("*.log"))
    assert log.count("epoch_metrics[Metric.NETWORK]") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"amount": 0},
        {"amount": 1.5},
        {"amount": True},
        {"amount": "half"},
        {"method": "l1"},
        {"start_epoch": -1},
        {"every_n_epochs": 0},
        {"parameters": "weight"},
        {"parameters": []},
    ],
)
def test_wrong_arguments_are_refused(env: Environment, arguments: dict[str, Any]) -> None:
    (name,) = arguments
    complete = {"amount": 0.5, **arguments}
    with pytest.raises(ValueError, match=f"'{name}'"):
        ModelPruning(env, **complete)
    (problem,) = CallbackFactory.check({"type": "model_pruning", **complete})
    assert f"'{name}'" in problem


def test_without_torch_the_error_says_what_to_install(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        ModelPruning(env, 0.5)
