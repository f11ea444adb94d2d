"""The learning rates that are recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.config.paths import Directory
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.learning_rate_monitor import LearningRateMonitor
from experiment_manager.pipelines.callbacks.learning_rate_scheduler import LearningRateScheduler
from experiment_manager.pipelines.callbacks.learning_rate_schedules import Exponential
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.testing.callback_contract import CallbackContract
from experiment_manager.testing.recording import RecordingTracker
from experiment_manager.trackers.tracker_manager import TrackerManager


class TestLearningRateMonitor(CallbackContract):
    config: ClassVar[Mapping[str, Any]] = {"type": "learning_rate_monitor"}

    def make_callback(self, env: Environment) -> Callback:
        return LearningRateMonitor(env, optimizer=SimpleNamespace(lr=0.1))


class Training(Pipeline):
    """Has an optimizer, whose rate it may halve at the end of each epoch."""

    def __init__(self, env: Environment, optimizer: Any, halves: bool = False) -> None:
        super().__init__(env)
        self.optimizer = optimizer
        self.halves = halves

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        for epoch_idx in range(3):
            self.run_epoch(epoch_idx)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        if self.halves:
            self.optimizer.lr /= 2


@pytest.fixture
def tracker() -> RecordingTracker:
    return RecordingTracker()


@pytest.fixture
def env(tmp_path: Path, tracker: RecordingTracker) -> Iterator[Environment]:
    with Environment({}, Directory(tmp_path), TrackerManager([tracker])) as env:
        yield env


def recorded(tracker: RecordingTracker) -> list[tuple[Any, ...]]:
    """Epoch, name, value and values by label of what was recorded."""
    return [
        (call.context.epoch, point.name, point.value, point.per_label)
        for call in tracker.named("track")
        for point in call.points
    ]


def test_the_rate_is_a_metric_of_each_epoch(env: Environment, tracker: RecordingTracker) -> None:
    pipeline = Training(env, SimpleNamespace(lr=0.1))
    pipeline.register_callback(LearningRateMonitor(env))
    assert pipeline.run(None) is RunStatus.COMPLETED
    assert recorded(tracker) == [(epoch, "learning_rate", 0.1, None) for epoch in range(3)]


def test_it_is_the_rate_that_the_epoch_began_with(
    env: Environment, tracker: RecordingTracker
) -> None:
    pipeline = Training(env, SimpleNamespace(lr=8.0), halves=True)
    pipeline.register_callback(LearningRateMonitor(env))
    pipeline.run(None)
    assert [value for _, _, value, _ in recorded(tracker)] == [8, 4, 2]


def test_a_scheduler_before_it_has_set_the_rate(
    env: Environment, tracker: RecordingTracker
) -> None:
    pipeline = Training(env, SimpleNamespace(lr=8.0))
    pipeline.register_callback(LearningRateScheduler(env, Exponential(gamma=0.5)))
    pipeline.register_callback(LearningRateMonitor(env))
    pipeline.run(None)
    assert [value for _, _, value, _ in recorded(tracker)] == [8, 4, 2]


def test_groups_of_parameters_are_labelled(env: Environment, tracker: RecordingTracker) -> None:
    groups = [{"lr": 0.1, "name": "head"}, {"lr": 0.2}]
    pipeline = Training(env, SimpleNamespace(param_groups=groups))
    pipeline.register_callback(LearningRateMonitor(env))
    pipeline.run(None)
    assert recorded(tracker)[0] == (0, "learning_rate", None, {"head": 0.1, "1": 0.2})


def test_a_missing_optimizer_fails_the_run(env: Environment) -> None:
    pipeline = Training(env, None)
    pipeline.register_callback(LearningRateMonitor(env, optimizer="optim"))
    assert pipeline.run(None) is RunStatus.FAILED
    assert "Training has no attribute 'optim'" in str(pipeline.outcome.error)
