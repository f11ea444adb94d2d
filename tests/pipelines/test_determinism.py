"""``verify_determinism``: the first epoch is executed twice, and compared."""

from __future__ import annotations

import gc
import itertools
import os
import random
import signal
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.errors import EarlyStop
from experiment_manager.common.signals import orderly_signals
from experiment_manager.config.plan import RunSpec
from experiment_manager.environment import Environment
from experiment_manager.experiment import Experiment
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.testing.configs import create_spec, write_configs
from experiment_manager.testing.factories import factory_of
from experiment_manager.testing.recording import RecordingTracker
from experiment_manager.trackers.tracker_manager import TrackScope
from experiment_manager.trial import RunResult, execute_run

Query = Callable[[Path, str], list[tuple[Any, ...]]]
Epoch = Callable[[Any], object]


def factory(epoch: Epoch, epochs: int = 3) -> type[PipelineFactory]:
    """Of trainings whose epochs are this function."""

    class Training(Pipeline):
        checkpointed = ("epoch_done",)
        epoch_done = -1

        @Pipeline.run_wrapper
        def run(self, config: Any) -> None:
            with suppress(EarlyStop):
                for index in range(epochs):
                    self.run_epoch(index)
            self.run_metrics["result"] = random.random()

        @Pipeline.epoch_wrapper
        def run_epoch(self, epoch_idx: int) -> None:
            self.index = epoch_idx
            epoch(self)
            self.epoch_done = epoch_idx

        @Pipeline.batch_wrapper
        def run_batch(self, batch_idx: int, loss: float) -> None:
            self.batch_metrics["batch_loss"] = loss

    return factory_of(lambda env, _: Training(env))


def by_seed(pipeline: Pipeline) -> None:
    pipeline.epoch_metrics["loss"] = random.random()


def by_chance(pipeline: Pipeline) -> None:
    pipeline.epoch_metrics["steps"] = 100
    pipeline.epoch_metrics["loss"] = int.from_bytes(os.urandom(6), "big")
    pipeline.epoch_metrics["other"] = int.from_bytes(os.urandom(6), "big")


@pytest.fixture
def spec(tmp_path: Path) -> RunSpec:
    return replace(create_spec(tmp_path), verify_determinism=True)


def log_of(spec: RunSpec) -> str:
    return "".join(p.read_text(encoding="utf-8") for p in spec.directory.logs.glob("*.log"))


def execute(spec: RunSpec, epoch: Epoch, **options: Any) -> RunResult:
    return execute_run(spec, factory(epoch), **options)


# A training that its seed determines.


def test_a_deterministic_run_succeeds_with_the_values_it_has_without(
    spec: RunSpec, tmp_path: Path, query: Query
) -> None:
    values = []
    for workspace, verify in (("once", False), ("twice", True)):
        one = replace(spec, workspace=str(tmp_path / workspace), verify_determinism=verify)
        assert execute(one, by_seed).status is RunStatus.COMPLETED
        values.append(query(tmp_path / workspace, "SELECT type, total_val FROM METRIC"))
    assert values[0] == values[1]
    assert len(values[0]) == 4


def test_the_first_epoch_alone_is_executed_twice(spec: RunSpec) -> None:
    executed: list[int] = []
    execute(spec, lambda pipeline: executed.append(pipeline.index))
    assert executed == [0, 0, 1, 2]


def test_without_the_flag_nothing_is_executed_twice(spec: RunSpec) -> None:
    executed: list[int] = []
    once = replace(spec, verify_determinism=False)
    execute(once, lambda pipeline: executed.append(pipeline.index))
    assert executed == [0, 1, 2]


# A training that depends on chance.


def test_a_run_that_depends_on_chance_fails_after_its_first_epoch(spec: RunSpec) -> None:
    executed: list[int] = []

    def epoch(pipeline: Any) -> None:
        executed.append(pipeline.index)
        by_chance(pipeline)

    result = execute(spec, epoch)
    assert (result.status, result.causes[0]) == (RunStatus.FAILED, "DeterminismError")
    assert executed == [0, 0]


def test_the_error_names_the_first_metric_both_values_and_what_to_check(spec: RunSpec) -> None:
    numbers = itertools.count(7)

    def epoch(pipeline: Any) -> None:
        pipeline.epoch_metrics["steps"] = 100
        pipeline.epoch_metrics["loss"] = next(numbers)
        pipeline.epoch_metrics["acc"] = {"cat": next(numbers), "dog": 1}

    error = execute(spec, epoch).error
    assert error is not None
    assert "loss of epoch 0 is 7.0, and 9.0 when it is executed again" in error
    assert "(2 of 4 values differ)" in error
    for cause in ("worker_init_fn", "cudnn.deterministic", "PYTHONHASHSEED", "threads"):
        assert cause in error


def test_a_batch_that_differs_is_named_before_its_epoch(spec: RunSpec) -> None:
    numbers = itertools.count()

    def epoch(pipeline: Any) -> None:
        pipeline.run_batch(0, 0.5)
        pipeline.run_batch(1, next(numbers))
        pipeline.epoch_metrics["loss"] = next(numbers)

    error = execute(spec, epoch).error
    assert error is not None
    assert "batch_loss of batch 1 of epoch 0 is 0.0, and 2.0 when" in error


def test_a_metric_that_is_missing_the_second_time_is_named(spec: RunSpec) -> None:
    names = iter(["loss", "lost"])

    def epoch(pipeline: Any) -> None:
        pipeline.epoch_metrics[next(names)] = 1

    error = execute(spec, epoch).error
    assert error is not None
    assert "loss of epoch 0 is 1.0, and nothing when" in error


def test_a_metric_of_the_second_time_alone_is_named(spec: RunSpec) -> None:
    times = itertools.count()

    def epoch(pipeline: Any) -> None:
        if next(times):
            pipeline.epoch_metrics["loss"] = 1

    error = execute(spec, epoch).error
    assert error is not None
    assert "loss of epoch 0 is nothing, and 1.0 when" in error


def test_a_failure_of_the_first_time_alone_is_told(spec: RunSpec) -> None:
    outcomes = iter([ValueError("no luck"), None, None, None])

    def epoch(_: Any) -> None:
        if (error := next(outcomes)) is not None:
            raise error

    error = execute(spec, epoch).error
    assert error is not None
    assert "The first epoch failed (ValueError: no luck), and not when it was" in error


def test_a_run_that_fails_each_time_fails_with_its_own_error(spec: RunSpec) -> None:
    def epoch(_: Any) -> None:
        raise ValueError("never works")

    assert execute(spec, epoch).causes[0] == "ValueError"


# What it leaves.


def test_it_leaves_nothing_in_the_database_the_trackers_and_the_folders(
    tmp_path: Path, query: Query
) -> None:
    callbacks = [{"type": "checkpoint", "interval": 1}, {"type": "metrics_tracker"}]
    content = []
    for workspace, verify in (("once", False), ("twice", True)):
        one = replace(
            create_spec(tmp_path / workspace, settings={"callbacks": callbacks}),
            verify_determinism=verify,
        )
        tracker = RecordingTracker()
        execute(one, by_seed, extra_trackers=[tracker])
        files = sorted(p.relative_to(tmp_path / workspace) for p in Path(one.workspace).rglob("*"))
        counts = query(
            tmp_path / workspace,
            "SELECT (SELECT count(*) FROM EPOCH), (SELECT count(*) FROM METRIC), "
            "(SELECT count(*) FROM ARTIFACT), (SELECT count(*) FROM TRIAL_RUN)",
        )
        content.append((files, counts, [call.name for call in tracker.calls]))
    assert content[0] == content[1]


def test_the_pipeline_of_the_first_time_is_gone_when_the_run_begins(spec: RunSpec) -> None:
    made: list[weakref.ref[Pipeline]] = []
    alive: list[int] = []

    def epoch(pipeline: Any) -> None:
        made.append(weakref.ref(pipeline))
        alive.append(len({id(one()) for one in made if one() is not None}))

    gc.disable()  # so that nothing but the framework collects
    try:
        execute(spec, epoch)
    finally:
        gc.enable()
    assert alive == [1, 1, 1, 1]


def test_both_times_the_environment_looks_the_same(spec: RunSpec) -> None:
    seen = []

    def epoch(pipeline: Any) -> None:
        context = pipeline.env.tracker_manager.context
        place = (pipeline.env.workspace.name, context.experiment, context.trial, context.run)
        seen.append((place, pipeline.env.artifact_dir.is_dir()))

    execute(spec, epoch)
    assert seen[0] == seen[1] == (("run_1", "contract", "first", 1), True)


def test_what_the_first_time_logs_is_not_in_the_runs_log(spec: RunSpec) -> None:
    def epoch(pipeline: Any) -> None:
        pipeline.env.logger.error("later" if pipeline.index else "once, not twice")

    execute(spec, epoch)
    assert log_of(spec).count("once, not twice") == 1
    assert "the first epoch is executed twice" in log_of(spec)


# Trainings of other kinds.


def test_a_pipeline_without_epochs_has_nothing_to_compare_and_says_so(spec: RunSpec) -> None:
    class Undecorated(Pipeline):
        def run(self, config: Any) -> None:
            self.run_metrics["result"] = 1

    result = execute_run(spec, factory_of(lambda env, _: Undecorated(env)))
    assert result.status is RunStatus.COMPLETED
    assert "verify_determinism has nothing to compare: the pipeline has no epochs" in log_of(spec)


def test_an_epoch_without_metrics_has_nothing_to_compare_and_says_so(spec: RunSpec) -> None:
    assert execute(spec, lambda _: None).status is RunStatus.COMPLETED
    assert "nothing to compare: the first epoch measures nothing" in log_of(spec)


def test_epochs_that_are_opened_by_hand_are_compared(spec: RunSpec) -> None:
    numbers = itertools.count()

    class ByHand(Pipeline):
        def run(self, config: Any) -> None:
            with TrackScope(self.env.tracker_manager, Level.EPOCH, 0) as tracker:
                tracker.track("loss", next(numbers))

    result = execute_run(spec, factory_of(lambda env, _: ByHand(env)))
    assert result.causes[0] == "DeterminismError"


@pytest.mark.parametrize(
    "callback",
    [
        {"type": "early_stopping", "metric": "loss", "patience": 1},
        {"type": "time_limit", "duration": "1h"},
        {"type": "checkpoint", "interval": 1},
        {"type": "progress_bar"},
    ],
)
def test_callbacks_take_part_each_time(tmp_path: Path, callback: dict[str, Any]) -> None:
    spec = create_spec(tmp_path, settings={"callbacks": [callback]})
    result = execute(replace(spec, verify_determinism=True), by_seed)
    assert result.status.is_success


def test_a_run_that_stops_in_its_first_epoch_is_compared(spec: RunSpec) -> None:
    def epoch(pipeline: Any) -> None:
        pipeline.run_batch(0, int.from_bytes(os.urandom(6), "big"))
        raise EarlyStop

    assert execute(spec, epoch).causes[:1] == ("DeterminismError",)


def test_a_run_that_goes_on_from_a_checkpoint_is_not_compared(tmp_path: Path) -> None:
    settings = {"callbacks": [{"type": "checkpoint", "interval": 1}]}
    spec = replace(create_spec(tmp_path, settings=settings), resume=True, verify_determinism=True)
    executed: list[int] = []

    def epoch(pipeline: Any) -> None:
        executed.append(pipeline.index)
        if len(executed) == 3:
            raise ValueError("in the second epoch")

    assert execute(spec, epoch).status is RunStatus.FAILED
    assert execute(spec, epoch).status is RunStatus.COMPLETED
    assert executed == [0, 0, 1, 1, 2]


def test_a_run_that_has_differed_does_not_go_on_but_is_compared_again(tmp_path: Path) -> None:
    settings = {"callbacks": [{"type": "checkpoint", "interval": 1}]}
    spec = replace(create_spec(tmp_path, settings=settings), resume=True, verify_determinism=True)
    executed: list[int] = []

    def epoch(pipeline: Any) -> None:
        executed.append(pipeline.index)
        by_chance(pipeline)

    for _ in range(2):
        assert execute(spec, epoch).causes[0] == "DeterminismError"
    assert executed == [0, 0, 0, 0]


def test_the_checkpoint_of_the_epoch_that_differed_stays_to_be_looked_at(tmp_path: Path) -> None:
    settings = {"callbacks": [{"type": "checkpoint", "interval": 1}]}
    spec = replace(create_spec(tmp_path, settings=settings), verify_determinism=True)
    execute(spec, by_chance)
    saved = spec.directory.artifacts / "checkpoints"
    assert [path.stem for path in saved.iterdir()] == ["epoch_0"]


def test_an_interrupt_of_the_first_time_ends_the_run_as_aborted(
    spec: RunSpec, tmp_path: Path, query: Query
) -> None:
    def epoch(_: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with orderly_signals(), pytest.raises(KeyboardInterrupt):
        execute(spec, epoch)
    assert query(tmp_path, "SELECT status FROM TRIAL_RUN") == [("aborted",)]
    assert list(tmp_path.rglob(".first_epoch*")) == []


@pytest.mark.parametrize("verify", [True, False])
def test_what_a_process_left_that_was_killed_in_the_first_time_goes_with_the_next_attempt(
    spec: RunSpec, *, verify: bool
) -> None:
    left = spec.directory.root / ".first_epoch" / "contract" / "left"
    left.mkdir(parents=True)
    execute(replace(spec, verify_determinism=verify), by_seed)
    assert sorted(path.name for path in spec.directory.root.iterdir()) == [
        "artifacts",
        "configs",
        "logs",
    ]


# In an experiment.


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    return write_configs(
        tmp_path / "configs",
        trials=[{"name": "small", "repeat": 2}],
        experiment={"verify_determinism": True},
    )


def test_the_first_run_of_each_trial_is_verified(experiment: Path) -> None:
    executed: list[tuple[int, int]] = []

    def build(env: Environment, config: Any) -> Pipeline:
        made = factory(lambda p: executed.append((config.seed, p.index)), epochs=2)
        return made.create("", config, env)

    summary = Experiment.create(experiment, factory_of(build)).run()
    assert summary.is_success
    assert executed == [(0, 0), (0, 0), (0, 1), (1, 0), (1, 1)]
