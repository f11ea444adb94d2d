"""Learning rates of torch's optimizers, by named schedules and by torch's schedulers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.learning_rate_monitor import LearningRateMonitor
from experiment_manager.pipelines.callbacks.learning_rate_scheduler import LearningRateScheduler
from experiment_manager.pipelines.callbacks.learning_rate_schedules import (
    Cosine,
    Exponential,
    Linear,
    MultiStep,
    Schedule,
    Step,
)
from experiment_manager.pipelines.callbacks.optimizer_access import learning_rates
from experiment_manager.pipelines.pipeline import Pipeline

EPOCHS = 6
LOSSES = [1.0, 0.5, 0.6, 0.6, 0.6, 0.6]


class Training(Pipeline):
    """Notes the learning rates of each epoch; a resumed one makes its optimizer anew."""

    checkpointed = ("rates",)

    def __init__(self, env: Environment, optimizer: Any, *callbacks: Callback) -> None:
        super().__init__(env)
        self.optimizer = optimizer
        self.rates: list[list[float]] = []
        for callback in callbacks:
            self.register_callback(callback)

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        for epoch_idx in range(EPOCHS):
            self.run_epoch(epoch_idx)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        self.rates.append(learning_rates(self.optimizer))
        self.optimizer.step()
        self.epoch_metrics[Metric.VAL_LOSS] = LOSSES[epoch_idx]


def sgd(torch: Any, *rates: float) -> Any:
    """An optimizer whose groups of parameters have these rates."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return torch.optim.SGD(groups)


def scheduler_of(torch: Any, name: str, optimizer: Any, **arguments: Any) -> Any:
    return getattr(torch.optim.lr_scheduler, name)(optimizer, **arguments)


def trained(env: Environment, optimizer: Any, **arguments: Any) -> list[list[float]]:
    """The rates of each epoch."""
    pipeline = Training(env, optimizer, LearningRateScheduler(env, **arguments))
    assert pipeline.run(None) is RunStatus.COMPLETED, pipeline.outcome.traceback
    return pipeline.rates


def log_of(env: Environment) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in env.log_dir.glob("*.log"))


# Named schedules.


@pytest.mark.parametrize(
    ("schedule", "name", "arguments"),
    [
        (Step(2, 0.5), "StepLR", {"step_size": 2, "gamma": 0.5}),
        (MultiStep([1, 4], 0.5), "MultiStepLR", {"milestones": [1, 4], "gamma": 0.5}),
        (Exponential(0.9), "ExponentialLR", {"gamma": 0.9}),
        (Linear(4), "LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 4}),
        (Cosine(EPOCHS, 0.01), "CosineAnnealingLR", {"T_max": EPOCHS, "eta_min": 0.01}),
    ],
)
def test_torch_computes_the_same_rates(
    env: Environment, torch: Any, schedule: Schedule, name: str, arguments: dict[str, Any]
) -> None:
    ours = trained(env, sgd(torch, 0.4, 0.2), schedule=schedule)
    optimizer = sgd(torch, 0.4, 0.2)
    scheduler = scheduler_of(torch, name, optimizer, **arguments)
    torchs = trained(env, optimizer, scheduler=scheduler)
    assert [pytest.approx(rates) for rates in ours] == torchs


def test_a_rate_that_is_a_tensor_stays_the_same_tensor(env: Environment, torch: Any) -> None:
    rate = torch.tensor(8.0)
    optimizer = SimpleNamespace(param_groups=[{"lr": rate}], step=lambda: None)
    trained(env, optimizer, schedule="exponential", gamma=0.5)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.25


# Torch's schedulers.


def test_a_scheduler_steps_after_each_epoch(env: Environment, torch: Any) -> None:
    optimizer = sgd(torch, 8.0)
    scheduler = scheduler_of(torch, "StepLR", optimizer, step_size=2, gamma=0.5)
    assert trained(env, optimizer, scheduler=scheduler) == [[8], [8], [4], [4], [2], [2]]


def test_a_plateau_scheduler_gets_the_monitored_metric(env: Environment, torch: Any) -> None:
    optimizer = sgd(torch, 8.0)
    scheduler = scheduler_of(torch, "ReduceLROnPlateau", optimizer, factor=0.5, patience=1)
    rates = trained(env, optimizer, scheduler=scheduler, monitor=Metric.VAL_LOSS)
    assert rates == [[8], [8], [8], [8], [4], [4]]


def test_without_the_monitored_metric_it_takes_no_step_and_says_so_once(
    env: Environment, torch: Any
) -> None:
    optimizer = sgd(torch, 8.0)
    scheduler = scheduler_of(torch, "ReduceLROnPlateau", optimizer, factor=0.5, patience=0)
    assert trained(env, optimizer, scheduler=scheduler, monitor="val_lo") == [[8]] * EPOCHS
    assert log_of(env).count("WARNING") == 1
    assert "Did you mean 'val_loss'?" in log_of(env)


def test_the_monitor_records_the_rate_before_the_step(
    env: Environment, torch: Any, query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    optimizer = sgd(torch, 8.0)
    scheduler = LearningRateScheduler(
        env, scheduler=scheduler_of(torch, "ExponentialLR", optimizer, gamma=0.5)
    )
    Training(env, optimizer, scheduler, LearningRateMonitor(env)).run(None)
    sql = (
        "SELECT l.epoch_idx, m.total_val FROM EPOCH_METRIC l JOIN METRIC m ON m.id = l.metric_id "
        "WHERE m.type = 'learning_rate' ORDER BY l.epoch_idx LIMIT 3"
    )
    assert query(env.workspace, sql) == [(0, 8.0), (1, 4.0), (2, 2.0)]


# A run that goes on.


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "StepLR", "step_size": 2},
        {"name": "MultiStepLR", "milestones": [1, 3, 4]},
        {"name": "CosineAnnealingLR", "T_max": EPOCHS},
        {"name": "ReduceLROnPlateau", "factor": 0.5, "patience": 1},
    ],
    ids=operator.itemgetter("name"),
)
@pytest.mark.parametrize("epoch", [0, 3])
def test_a_resumed_run_has_the_same_rates(
    env: Environment,
    torch: Any,
    whole_and_resumed: Callable[..., tuple[Any, Any]],
    arguments: dict[str, Any],
    epoch: int,
) -> None:
    def make() -> Pipeline:
        optimizer = sgd(torch, 8.0, 1.0)
        scheduler = scheduler_of(torch, optimizer=optimizer, **arguments)
        return Training(env, optimizer, LearningRateScheduler(env, scheduler=scheduler))

    whole, resumed = whole_and_resumed(make, epoch)
    assert len(resumed.rates) == EPOCHS
    assert resumed.rates == whole.rates
