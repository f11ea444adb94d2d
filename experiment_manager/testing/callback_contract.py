"""What every callback must do, as tests to inherit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import pytest

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.callback_factory import CallbackFactory
from experiment_manager.pipelines.pipeline import Pipeline

EPOCHS = 3


class ScriptedPipeline(Pipeline):
    """Runs through epochs whose metrics are given.

    Args:
        env: Its environment.
        epochs: The metrics of each epoch; an exception among them is raised in its place.
    """

    def __init__(self, env: Environment, epochs: list[Mapping[Any, Any] | BaseException]) -> None:
        super().__init__(env)
        self._script = epochs

    @Pipeline.run_wrapper
    def run(self, config: Any) -> RunStatus:
        """Every epoch of the script, then one result."""
        for index in range(len(self._script)):
            self.run_epoch(index)
        self.run_metrics[Metric.TEST_ACC] = 0.9
        return RunStatus.COMPLETED

    @Pipeline.epoch_wrapper
    def run_epoch(self, index: int) -> None:
        """The metrics of one epoch."""
        content = self._script[index]
        if isinstance(content, BaseException):
            raise content
        self.epoch_metrics.update(content)


class CallbackContract:
    """Inherit it in a class ``Test...`` and make the callback; override the rest as it fits.

    Attributes:
        config: An entry of ``callbacks:`` that makes the callback, with its ``type``; None
            where it is of use from code only.
    """

    config: ClassVar[Mapping[str, Any] | None] = None

    def make_callback(self, env: Environment) -> Callback:
        """A fresh callback for one run."""
        raise NotImplementedError(f"{type(self).__name__} does not define make_callback()")

    def metrics_of_epoch(self, index: int) -> dict[Any, Any]:
        """What a usual epoch measures; add what the callback lives on."""
        return {
            Metric.TRAIN_LOSS: 1 / (index + 1),
            Metric.VAL_LOSS: 1 / (index + 1),
            "acc": {"cat": 0.5, "dog": 1.0},
            Metric.CONFUSION: [[1, 0], [1, 1]],
            Metric.LABELS: ["cat", "dog"],
        }

    @pytest.fixture
    def env(self, tmp_path: Path) -> Iterator[Environment]:
        """The environment of the run."""
        with Environment.from_config({"workspace": str(tmp_path)}) as env:
            yield env

    @pytest.fixture
    def callback(self, env: Environment) -> Callback:
        """The callback under test."""
        return self.make_callback(env)

    def _run(
        self, env: Environment, callback: Callback, epochs: list[Mapping[Any, Any] | BaseException]
    ) -> ScriptedPipeline:
        pipeline = ScriptedPipeline(env, epochs)
        pipeline.register_callback(callback)
        pipeline.run(None)
        return pipeline

    def test_is_a_callback(self, callback: Callback) -> None:
        assert isinstance(callback, Callback)

    def test_lives_through_a_usual_run(self, env: Environment, callback: Callback) -> None:
        usual: list[Mapping[Any, Any] | BaseException] = [
            self.metrics_of_epoch(index) for index in range(EPOCHS)
        ]
        pipeline = self._run(env, callback, usual)
        assert pipeline.outcome.status is RunStatus.COMPLETED, pipeline.outcome.traceback

    @pytest.mark.parametrize(
        "metrics",
        [
            {},
            {Metric.VAL_LOSS: math.nan, Metric.TRAIN_LOSS: math.inf, "acc": {"cat": math.nan}},
            {Metric.CUSTOM: [("f1", 0.5), ('odd, "name"', 1)]},
            {Metric.NETWORK: None, Metric.STATUS: RunStatus.RUNNING, Metric.DATA: object()},
        ],
        ids=["no metrics", "non-finite", "custom", "nothing that is tracked"],
    )
    def test_takes_any_epoch(
        self, env: Environment, callback: Callback, metrics: Mapping[Any, Any]
    ) -> None:
        pipeline = self._run(env, callback, [metrics, metrics])
        assert pipeline.outcome.status is not RunStatus.FAILED, pipeline.outcome.traceback

    def test_lives_through_a_run_without_epochs(
        self, env: Environment, callback: Callback
    ) -> None:
        assert self._run(env, callback, []).outcome.status is RunStatus.COMPLETED

    def test_ends_after_a_run_that_failed(self, env: Environment, callback: Callback) -> None:
        failure = ValueError("the training broke")
        pipeline = self._run(env, callback, [self.metrics_of_epoch(0), failure])
        assert pipeline.outcome.error is failure

    def test_ends_where_it_never_started(self, callback: Callback) -> None:
        callback.on_end(MappingProxyType({}))

    def test_answers_with_a_truth_value_or_nothing(self, callback: Callback) -> None:
        callback.on_start()
        for index in range(EPOCHS):
            answer = callback.on_epoch_end(index, MappingProxyType(self.metrics_of_epoch(index)))
            assert answer is None or isinstance(answer, bool)
        callback.on_end(MappingProxyType({}))

    def test_leaves_the_metrics_as_they_are(self, callback: Callback) -> None:
        metrics = self.metrics_of_epoch(0)
        before = {name: repr(value) for name, value in metrics.items()}
        callback.on_start()
        callback.on_epoch_end(0, MappingProxyType(metrics))
        callback.on_end(MappingProxyType({}))
        assert {name: repr(value) for name, value in metrics.items()} == before

    def test_leaves_no_half_written_file(self, env: Environment, callback: Callback) -> None:
        self._run(env, callback, [self.metrics_of_epoch(0)])
        assert [p for p in env.workspace.rglob("*") if p.name.startswith(".")] == []

    def test_two_runs_know_nothing_of_each_other(self, env: Environment) -> None:
        statuses = []
        for number in (1, 2):
            with env.create_child(f"run_{number}") as child:
                epochs: list[Mapping[Any, Any] | BaseException] = [self.metrics_of_epoch(0)]
                pipeline = self._run(child, self.make_callback(child), epochs)
                statuses.append(pipeline.outcome.status)
        assert statuses == [RunStatus.COMPLETED, RunStatus.COMPLETED]

    def test_can_be_made_from_the_configuration(self, env: Environment) -> None:
        if self.config is None:
            pytest.skip("config is not defined for this callback")
        assert CallbackFactory.check(self.config) == []
        made = CallbackFactory.create_all({"callbacks": [self.config]}, env)
        assert [type(callback) for callback in made] == [type(self.make_callback(env))]
