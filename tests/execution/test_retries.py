"""Runs that failed are executed again where a rule says so, and only then."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from experiment_manager.common.common import RunStatus
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.config.plan import RunSpec
from experiment_manager.config.rules import Retry
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import AttemptRow, TrialRunRow
from experiment_manager.environment import Environment
from experiment_manager.execution.retries import execute_all
from experiment_manager.executors.executor import Execute, RunHandle
from experiment_manager.executors.serial import SerialExecutor
from experiment_manager.pipelines.determinism import DeterminismError
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.testing.configs import create_spec
from experiment_manager.testing.factories import factory_of
from experiment_manager.trial import RunResult, execute_run


class UnstableNetError(ConnectionError):
    """As a library would raise it."""


class Training(Pipeline):
    """Two epochs; each attempt of a run raises what is next in ``raises``."""

    raises: dict[int, list[BaseException]]
    attempts: list[tuple[int, int]]

    def __init__(self, env: Environment, config: DictConfig) -> None:
        super().__init__(env)
        self.number = env.tracker_manager.context.run or 0
        self.first_epoch = 0

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        for epoch in range(2):
            self.run_epoch(epoch)
        left = self.raises.get(self.number, [])
        if left:
            raise left.pop(0)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        self.attempts.append((self.number, epoch_idx))
        self.epoch_metrics["loss"] = 1 / (epoch_idx + 1)


class RememberingTraining(Training):
    """The same with a state, so that it goes on from its checkpoints."""

    def state_dict(self) -> dict[str, Any]:
        return {"learned": 1}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        assert state == {"learned": 1}


@pytest.fixture(autouse=True)
def _nothing_breaks() -> None:
    Training.raises, Training.attempts = {}, []


@dataclass
class Case:
    """Runs of one trial, and what became of them."""

    workspace: Path
    rule: Retry
    pipeline: type[Training] = Training

    def execute(self, runs: int = 1, **settings: Any) -> list[RunResult]:
        """The results of as many runs."""
        specs = [create_spec(self.workspace, run=n + 1, settings=settings) for n in range(runs)]
        factory = factory_of(self.pipeline)
        with SerialExecutor(lambda spec: execute_run(spec, factory)) as executor:
            return execute_all(executor, [replace(spec, retry=self.rule) for spec in specs])

    def stored(self, run: int = 1) -> tuple[TrialRunRow, list[AttemptRow]]:
        """A run's row, and its attempts before the last one."""
        file = self.workspace / "experiments.db"
        with DatabaseManager(str(file), use_sqlite=True, read_only=True) as db:
            row = next(row for row in db.list_trial_runs(1) if row.number == run)
            return row, db.list_attempts(row.id)


@pytest.fixture
def case(tmp_path: Path) -> Callable[..., Case]:
    def with_rule(times: int = 1, *on: str, **others: Any) -> Case:
        return Case(tmp_path, Retry(times, on), **others)

    return with_rule


# How often.


def test_without_a_rule_a_failed_run_is_left_as_it_is(case: Callable[..., Case]) -> None:
    Training.raises = {1: [ValueError("x")]}
    (result,) = case(0).execute()
    assert result.status is RunStatus.FAILED
    assert case().stored()[0].attempt == 1


def test_a_failed_run_is_executed_again(case: Callable[..., Case]) -> None:
    Training.raises = {1: [ValueError("x")]}
    (result,) = case().execute()
    assert (result.status, result.error) == (RunStatus.COMPLETED, None)
    row, _ = case().stored()
    assert (row.status, row.attempt, row.error, row.reason) == ("completed", 2, None, None)


@pytest.mark.parametrize("times", [1, 2])
def test_it_is_executed_again_as_often_as_the_rule_says(
    case: Callable[..., Case], times: int
) -> None:
    Training.raises = {1: [ValueError(str(n)) for n in range(4)]}
    (result,) = case(times).execute()
    assert result.status is RunStatus.FAILED
    assert str(result.error).endswith(f"ValueError: {times}\n")
    row, attempts = case().stored()
    assert (row.status, row.attempt, len(attempts)) == ("failed", times + 1, times)


def test_the_others_are_executed_before(case: Callable[..., Case]) -> None:
    Training.raises = {1: [ValueError("x")], 2: [ValueError("y"), ValueError("z")]}
    results = case(2).execute(runs=3)
    assert [(r.run, r.status.value) for r in results] == [
        (1, "completed"),
        (2, "completed"),
        (3, "completed"),
    ]
    begun = [number for number, epoch in Training.attempts if epoch == 0]
    assert begun == [1, 2, 3, 1, 2, 2]


def test_it_goes_on_from_its_last_good_checkpoint(case: Callable[..., Case]) -> None:
    Training.raises = {1: [ValueError("x")]}
    callbacks = [{"type": "checkpoint", "interval": 1}]
    (result,) = case(pipeline=RememberingTraining).execute(callbacks=callbacks)
    assert result.status is RunStatus.COMPLETED
    assert Training.attempts == [(1, 0), (1, 1)]


# What of.


@pytest.mark.parametrize(
    ("error", "on"),
    [
        (UnstableNetError("away"), "UnstableNetError"),
        (UnstableNetError("away"), "ConnectionError"),
        (UnstableNetError("away"), "OSError"),
        (UnstableNetError("away"), "Exception"),
        (MemoryError(), "oom"),
        (RuntimeError("CUDA out of memory"), "oom"),
        (TimeoutError("no answer"), "timeout"),
    ],
)
def test_a_failure_that_the_rule_names_is_tried_again(
    case: Callable[..., Case], error: Exception, on: str
) -> None:
    Training.raises = {1: [error]}
    (result,) = case(1, "SomethingElse", on).execute()
    assert result.status is RunStatus.COMPLETED


@pytest.mark.parametrize(
    ("error", "on"),
    [
        (ValueError("OSError"), "OSError"),
        (OSError("x"), "UnstableNetError"),
        (RuntimeError("slow"), "timeout"),
        (MemoryError(), "timeout"),
        (OSError("x"), "lost"),
    ],
)
def test_another_failure_is_not(case: Callable[..., Case], error: Exception, on: str) -> None:
    Training.raises = {1: [error]}
    (result,) = case(1, on).execute()
    assert result.status is RunStatus.FAILED
    assert case().stored()[1] == []


@pytest.mark.parametrize("on", [(), ("DeterminismError",), ("Exception",)])
def test_a_run_that_depends_on_chance_is_never_tried_again(
    case: Callable[..., Case], on: tuple[str, ...]
) -> None:
    Training.raises = {1: [DeterminismError("loss of epoch 0")]}
    (result,) = case(1, *on).execute()
    assert result.status is RunStatus.FAILED
    assert case().stored()[1] == []


@pytest.mark.parametrize("on", [(), ("lost",)])
def test_a_run_whose_process_vanished_is_tried_again(tmp_path: Path, on: tuple[str, ...]) -> None:
    lost = RunResult("first", 1, RunStatus.LOST, None, 0.0)
    assert executed_times(tmp_path, Retry(1, on), lost) == 2


def test_a_run_that_vanished_did_not_fail_of_something_else(tmp_path: Path) -> None:
    lost = RunResult("first", 1, RunStatus.LOST, None, 0.0)
    assert executed_times(tmp_path, Retry(1, ("OSError",)), lost) == 1


@pytest.mark.parametrize("status", [s for s in RunStatus if s.is_success or s.value == "aborted"])
def test_what_did_not_fail_is_never_tried_again(tmp_path: Path, status: RunStatus) -> None:
    result = RunResult("first", 1, status, None, 0.0)
    assert executed_times(tmp_path, Retry(3), result) == 1


def executed_times(workspace: Path, rule: Retry, result: RunResult) -> int:
    """How often a run is executed that always comes out so."""
    executed: list[RunSpec] = []

    def execute(spec: RunSpec) -> RunResult:
        executed.append(spec)
        return result

    execute_all(SerialExecutor(execute), [replace(create_spec(workspace), retry=rule)])
    return len(executed)


def test_an_interrupt_is_raised_and_nothing_is_tried_again(case: Callable[..., Case]) -> None:
    Training.raises = {1: [ValueError("x")], 2: [KeyboardInterrupt()]}
    with pytest.raises(KeyboardInterrupt):
        case(3).execute(runs=3)
    assert [number for number, epoch in Training.attempts if epoch == 0] == [1, 2]
    row, attempts = case().stored(run=2)
    assert (row.status, row.reason, attempts) == ("aborted", "interrupted", [])


# What is waited, and what is kept.


class Clock:
    """Time that passes where somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "sleep", clock.sleep)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now_s)
    return clock


def test_each_run_waits_as_long_as_its_own_rule_says(tmp_path: Path, clock: Clock) -> None:
    executed: list[tuple[int, float]] = []

    def fail(spec: RunSpec) -> RunResult:
        executed.append((spec.run, clock.now_s - 1000.0))
        return RunResult("first", spec.run, RunStatus.FAILED, "", 0.0)

    rules = [Retry(2, wait_s=40.0), Retry(1, wait_s=1.5), Retry(0, wait_s=99.0)]
    specs = [create_spec(tmp_path, run=n + 1) for n in range(3)]
    execute_all(
        SerialExecutor(fail), [replace(s, retry=r) for s, r in zip(specs, rules, strict=True)]
    )
    assert executed == [(1, 0.0), (2, 0.0), (3, 0.0), (2, 1.5), (1, 40.0), (1, 80.0)]


def test_it_waits_for_nothing_where_nothing_is_tried_again(tmp_path: Path, clock: Clock) -> None:
    rule = Retry(2, wait_s=60.0)
    executed_times(tmp_path, rule, RunResult("first", 1, RunStatus.COMPLETED, None, 0.0))
    assert clock.slept == []


class OneAtATime(SerialExecutor):
    """Executes a run where it is waited for, so that the others are still to come."""

    def __init__(self, execute: Execute) -> None:
        super().__init__(execute)
        self.left: list[RunHandle] = []

    def submit(self, spec: RunSpec) -> RunHandle:
        self.left.append(RunHandle(spec, self))
        return self.left[-1]

    def let_happen(self, timeout_s: float | None = None) -> None:
        if self.left:
            handle = self.left.pop(0)
            self._begin(handle, ProcessIdentity.current())
            self._end(handle, self._execute(handle.spec))


def test_a_run_is_handed_over_again_before_the_others_are_done(tmp_path: Path) -> None:
    submitted: list[int] = []

    class Telling(OneAtATime):
        def submit(self, spec: RunSpec) -> RunHandle:
            submitted.append(len(self.left))
            return super().submit(spec)

    def fail_first(spec: RunSpec) -> RunResult:
        is_bad = spec.run == 1 and not spec.resume
        status = RunStatus.FAILED if is_bad else RunStatus.COMPLETED
        return RunResult("first", spec.run, status, None, 0.0)

    specs = [replace(create_spec(tmp_path, run=n), retry=Retry(1)) for n in (1, 2, 3)]
    results = execute_all(Telling(fail_first), specs)
    assert [result.status for result in results] == [RunStatus.COMPLETED] * 3
    assert submitted == [0, 1, 2, 2]  # two others were not done yet


def test_whoever_watches_is_told_of_beginnings_and_ends(tmp_path: Path) -> None:
    told: list[tuple[int, RunStatus | None]] = []
    executor = OneAtATime(lambda s: RunResult("first", s.run, RunStatus.COMPLETED, None, 0.0))
    execute_all(
        executor,
        [create_spec(tmp_path, run=n) for n in (1, 2)],
        watch=lambda handle, result: told.append(
            (handle.spec.run, result.status if result else None)
        ),
    )
    assert told == [(n, s) for n in (1, 2) for s in (None, RunStatus.COMPLETED)]


def test_every_attempt_is_kept_with_its_traceback(case: Callable[..., Case]) -> None:
    Training.raises = {1: [MemoryError("too much"), UnstableNetError("away")]}
    case(2).execute()
    row, attempts = case().stored()
    assert (row.attempt, row.status) == (3, "completed")
    kept = [(a.attempt, a.status, a.reason) for a in attempts]
    assert kept == [(1, "failed", "oom"), (2, "failed", "UnstableNetError")]
    assert "MemoryError: too much" in str(attempts[0].error)
    assert "UnstableNetError: away" in str(attempts[1].error)
    assert "raise left.pop(0)" in str(attempts[1].error)
    assert all(a.end_time is not None and a.end_time >= a.start_time for a in attempts)
