"""What every executor must do, as tests to inherit."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.files import append_line
from experiment_manager.config.plan import RunSpec
from experiment_manager.executors.executor import Execute, Executor
from experiment_manager.testing.configs import create_spec
from experiment_manager.trial import RunResult

NOTES = "executed.txt"


def note_run(spec: RunSpec) -> RunResult:
    """Execute nothing but a note in the workspace; fails or interrupts where the spec says so.

    It is a function of a module, so that it can be pickled.
    """
    append_line(Path(spec.workspace) / NOTES, f"{spec} by {spec.settings['driver']}")
    if spec.settings["ends"] == "interrupt":
        os.kill(spec.settings["driver"], signal.SIGINT)
    failed = spec.settings["ends"] == "failure"
    status = RunStatus.FAILED if failed else RunStatus.COMPLETED
    return RunResult(spec.trial, spec.run, status, "ValueError: x" if failed else None, 0.25)


def noted(workspace: Path) -> list[str]:
    """The runs that :func:`note_run` executed, sorted."""
    file = workspace / NOTES
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return sorted(line.partition(" by ")[0] for line in lines)


def raise_in_block() -> None:
    """An error that no executor raises by itself."""
    raise ConnectionResetError


class ExecutorContract:
    """Inherit it in a class ``Test...`` and make the executor."""

    def make_executor(self, execute: Execute) -> Executor:
        """A fresh executor; ``execute`` is a function of a module."""
        raise NotImplementedError(f"{type(self).__name__} does not define make_executor()")

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        """The executor under test."""
        with self.make_executor(note_run) as executor:
            yield executor

    def _spec(self, workspace: Path, run: int = 1, *, ends: str = "well") -> RunSpec:
        settings = {"ends": ends, "driver": os.getpid()}
        return create_spec(workspace, run=run, settings=settings)

    def test_executes_each_spec_exactly_once(self, executor: Executor, tmp_path: Path) -> None:
        specs = [self._spec(tmp_path, number) for number in range(1, 21)]
        for handle in [executor.submit(spec) for spec in specs]:
            handle.result()
        assert noted(tmp_path) == sorted(str(spec) for spec in specs)

    def test_each_handle_has_the_result_of_its_spec(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        handles = [executor.submit(self._spec(tmp_path, number)) for number in (1, 2, 3)]
        for handle in reversed(handles):  # asked for in another order than submitted
            result = handle.result()
            assert (result.trial, result.run) == (handle.spec.trial, handle.spec.run)
            assert result.status is RunStatus.COMPLETED
            assert result.duration_s == 0.25

    def test_a_result_can_be_asked_for_again(self, executor: Executor, tmp_path: Path) -> None:
        handle = executor.submit(self._spec(tmp_path))
        assert handle.result() == handle.result()
        assert len(noted(tmp_path)) == 1

    def test_a_failing_run_has_a_result(self, executor: Executor, tmp_path: Path) -> None:
        result = executor.submit(self._spec(tmp_path, ends="failure")).result()
        assert result.status is RunStatus.FAILED
        assert result.error == "ValueError: x"

    def test_a_failing_run_does_not_stop_the_others(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        ends = {1: "well", 2: "failure", 3: "failure", 4: "well"}
        handles = [executor.submit(self._spec(tmp_path, n, ends=e)) for n, e in ends.items()]
        statuses = [handle.result().status.value for handle in handles]
        assert statuses == ["completed", "failed", "failed", "completed"]

    def test_is_done_when_the_result_is_there(self, executor: Executor, tmp_path: Path) -> None:
        handle = executor.submit(self._spec(tmp_path))
        handle.result()
        assert handle.done() is True

    def test_cancelling_what_is_done_changes_nothing(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        handle = executor.submit(self._spec(tmp_path))
        before = handle.result()
        handle.cancel()
        handle.cancel()
        assert handle.done()
        assert handle.result() == before

    def test_a_cancelled_run_comes_to_a_result(self, executor: Executor, tmp_path: Path) -> None:
        handle = executor.submit(self._spec(tmp_path))
        handle.cancel()
        assert handle.result().status.is_ended

    def test_takes_more_after_results_were_read(self, executor: Executor, tmp_path: Path) -> None:
        executor.submit(self._spec(tmp_path, 1)).result()
        executor.submit(self._spec(tmp_path, 2)).result()
        assert len(noted(tmp_path)) == 2

    def test_an_interrupt_of_the_driver_is_raised(self, tmp_path: Path) -> None:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt), self.make_executor(note_run) as executor:
                executor.submit(self._spec(tmp_path, ends="interrupt")).result()
        finally:
            signal.signal(signal.SIGINT, before)

    def test_entering_it_gives_itself(self) -> None:
        executor = self.make_executor(note_run)
        with executor as entered:
            assert entered is executor

    def test_closes_unused_and_twice(self) -> None:
        executor = self.make_executor(note_run)
        executor.close()
        executor.close()

    def test_an_error_in_the_block_is_not_swallowed(self) -> None:
        with pytest.raises(ConnectionResetError), self.make_executor(note_run):
            raise_in_block()
