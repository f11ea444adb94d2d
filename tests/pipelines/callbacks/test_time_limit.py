"""A training is stopped when its time is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.callback_factory import CallbackFactory
from experiment_manager.pipelines.callbacks.time_limit import TimeLimit
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.testing.callback_contract import CallbackContract


class TestTimeLimit(CallbackContract):
    config: ClassVar[Mapping[str, Any]] = {"type": "time_limit", "duration": "1h"}

    def make_callback(self, env: Environment) -> Callback:
        return TimeLimit(env, "1h")


class Timed(Pipeline):
    """Epochs of two batches, each of which takes 10 s on its own clock, which began long ago."""

    def __init__(self, env: Environment, duration: Any, **options: Any) -> None:
        super().__init__(env)
        self.now_s = 1e6
        self.batches_run: list[tuple[int, int]] = []
        self.limit = TimeLimit(env, duration, **options)
        self.limit.clock = lambda: self.now_s
        self.register_callback(self.limit)

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        for epoch_idx in range(5):
            self.run_epoch(epoch_idx)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        for batch_idx in range(2):
            self.run_batch(batch_idx, epoch_idx)

    @Pipeline.batch_wrapper
    def run_batch(self, batch_idx: int, epoch_idx: int) -> None:
        self.now_s += 10
        self.batches_run.append((epoch_idx, batch_idx))


@pytest.mark.parametrize(("duration", "last_epoch"), [(1, 0), (20, 0), ("21s", 1), ("1m", 2)])
def test_the_first_epoch_that_ends_after_it_is_the_last(
    env: Environment, duration: Any, last_epoch: int
) -> None:
    pipeline = Timed(env, duration)
    assert pipeline.run(None) is RunStatus.STOPPED
    assert pipeline.batches_run[-1] == (last_epoch, 1)


def test_within_it_the_training_goes_on(env: Environment) -> None:
    assert Timed(env, "1h").run(None) is RunStatus.COMPLETED


def test_an_epoch_is_left_half_done_only_on_request(env: Environment) -> None:
    pipeline = Timed(env, 30, within_epoch=True)
    assert pipeline.run(None) is RunStatus.STOPPED
    assert pipeline.batches_run == [(0, 0), (0, 1), (1, 0)]


def test_the_log_says_why(env: Environment) -> None:
    Timed(env, "30s").run(None)
    log = "".join(file.read_text(encoding="utf-8") for file in env.log_dir.glob("*.log"))
    assert "Stopped after epoch 1: 40 s of 30 s are used up" in log


def test_the_time_of_earlier_attempts_counts(
    env: Environment, whole_and_resumed: Callable[..., tuple[Any, Any]]
) -> None:
    whole, resumed = whole_and_resumed(lambda: Timed(env, 70), epoch=1)
    assert resumed.outcome.status is RunStatus.STOPPED
    assert resumed.batches_run == [batch for batch in whole.batches_run if batch[0] > 1]
    assert resumed.limit.elapsed_s == whole.limit.elapsed_s == 80


def test_a_second_run_has_the_whole_time_again(env: Environment) -> None:
    pipeline = Timed(env, 60)
    pipeline.run(None)
    pipeline.batches_run.clear()
    pipeline.run(None)
    assert len(pipeline.batches_run) == 6


@pytest.mark.parametrize("duration", ["soon", 0, None])
def test_a_wrong_duration_is_refused(env: Environment, duration: Any) -> None:
    with pytest.raises(ValueError, match="'duration' must be"):
        TimeLimit(env, duration)
    (problem,) = CallbackFactory.check({"type": "time_limit", "duration": duration})
    assert "'duration' must be" in problem


def test_a_missing_duration_is_told() -> None:
    (problem,) = CallbackFactory.check({"type": "time_limit"})
    assert "'duration' is missing" in problem
