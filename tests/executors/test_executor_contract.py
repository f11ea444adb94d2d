"""The executors of the package keep the contract, and the contract can tell who does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from experiment_manager.executors.executor import Execute, Executor
from experiment_manager.executors.local import LocalExecutor
from experiment_manager.executors.ray import RayExecutor
from experiment_manager.executors.serial import SerialExecutor
from experiment_manager.executors.slurm import SlurmExecutor
from experiment_manager.testing.executor_contract import ExecutorContract

GRACE_S = 0.5


class TestSerialExecutor(ExecutorContract):
    def make_executor(self, execute: Execute) -> Executor:
        return SerialExecutor(execute)


class TestLocalExecutor(ExecutorContract):
    def make_executor(self, execute: Execute) -> Executor:
        return LocalExecutor(execute, max_workers=2, grace_s=GRACE_S)


class TestSlurmExecutorWithoutSlurm(ExecutorContract):
    """Its jobs are submitit's, started on this machine."""

    def make_executor(self, execute: Execute) -> Executor:
        return SlurmExecutor(execute, max_workers=2, grace_s=GRACE_S, cluster="local")


class TestRayExecutor(ExecutorContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _connected(cls, ray_cluster: object) -> None:
        """One cluster for all tests: it takes seconds to start."""

    def make_executor(self, execute: Execute) -> Executor:
        return RayExecutor(execute, max_workers=2, grace_s=GRACE_S)


BROKEN = """
from experiment_manager.executors.executor import Executor, RunHandle
from experiment_manager.testing.executor_contract import ExecutorContract


class ForgetfulHandle(RunHandle):
    def done(self):
        return False

    def result(self):
        result = self._executor._execute(self.spec)
        if result.error:
            raise RuntimeError(result.error)
        return result


class Broken(Executor):
    isolates = False
    runs = 0

    def submit(self, spec):
        self.runs += 1
        try:
            self._execute(spec)
        except KeyboardInterrupt:
            pass
        return ForgetfulHandle(spec, self)

    def let_happen(self, timeout_s=None):
        if timeout_s is None and self.runs:
            raise AssertionError("nothing will ever happen here")

    def cancel(self, handle):
        pass

    def __exit__(self, kind, error, trace):
        return True


class TestBroken(ExecutorContract):
    def make_executor(self, execute):
        return Broken(execute)
"""


def test_the_suite_finds_what_a_broken_executor_does_wrong(
    failures_of: Callable[[str], set[str]],
) -> None:
    assert failures_of(BROKEN) == {
        "test_executes_each_spec_exactly_once",
        "test_a_result_can_be_asked_for_again",
        "test_a_failing_run_has_a_result",
        "test_a_failing_run_does_not_stop_the_others",
        "test_is_done_when_the_result_is_there",
        "test_cancelling_what_is_done_changes_nothing",
        "test_takes_more_after_results_were_read",
        "test_an_interrupt_of_the_driver_is_raised",
        "test_an_error_in_the_block_is_not_swallowed",
        "test_without_news_a_wait_ends_in_time",
        "test_every_end_is_news_once",
        "test_the_state_of_what_is_done_is_that_of_its_result",
        "test_a_run_over_its_time_limit_fails_of_it",
        "test_as_completed_gives_each_handle_once",
    }
