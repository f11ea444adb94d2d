"""The executors of the package keep the contract, and the contract can tell who does not."""

from __future__ import annotations

from collections.abc import Callable

from experiment_manager.executors.executor import Execute, Executor
from experiment_manager.executors.serial import SerialExecutor
from experiment_manager.testing.executor_contract import ExecutorContract


class TestSerialExecutor(ExecutorContract):
    def make_executor(self, execute: Execute) -> Executor:
        return SerialExecutor(execute)


BROKEN = """
from experiment_manager.executors.executor import Executor, RunHandle
from experiment_manager.testing.executor_contract import ExecutorContract


class ForgetfulHandle(RunHandle):
    def __init__(self, spec, execute):
        super().__init__(spec)
        self.execute = execute

    def done(self):
        return False

    def result(self):
        result = self.execute(self.spec)
        if result.error:
            raise RuntimeError(result.error)
        return result

    def cancel(self):
        pass


class Broken(Executor):
    def submit(self, spec):
        try:
            self._execute(spec)
        except KeyboardInterrupt:
            pass
        return ForgetfulHandle(spec, lambda spec: self._execute(spec))

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
    }
