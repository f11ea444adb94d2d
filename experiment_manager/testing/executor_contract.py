"""What every executor must do, as tests to inherit."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.files import append_line
from experiment_manager.common.reasons import LOST, TIMEOUT
from experiment_manager.config.plan import RunSpec
from experiment_manager.config.resources import Resources
from experiment_manager.executors.executor import Execute, Executor, RunHandle
from experiment_manager.testing.configs import create_spec
from experiment_manager.testing.waiting import PATIENCE_S, wait_until
from experiment_manager.trial import RunResult

NOTES, STUBBORN = "executed.txt", "stubborn"


def note_run(spec: RunSpec) -> RunResult:
    """Execute nothing but a note in the workspace, and end as the setting ``ends`` says.

    It is a function of a module, so that it can be pickled.
    """
    append_line(Path(spec.workspace) / NOTES, f"{spec} by {spec.settings['driver']}")
    error = _ENDS[spec.settings["ends"]](spec)
    status = RunStatus.FAILED if error else RunStatus.COMPLETED
    return RunResult(spec.trial, spec.run, status, error, 0.25)


def _end_well(_spec: RunSpec) -> None: ...


def _fail(_spec: RunSpec) -> str:
    return "ValueError: x"


def _interrupt_driver(spec: RunSpec) -> None:
    os.kill(spec.settings["driver"], signal.SIGINT)


def _raise(_spec: RunSpec) -> None:
    raise KeyError("nobody caught it")


def _exit(_spec: RunSpec) -> None:
    sys.exit(3)


def _die(_spec: RunSpec) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _go_on(spec: RunSpec) -> None:
    """Until the test says that it is enough."""
    wait_until((Path(spec.workspace) / f"enough_{spec.run}").exists)


def _go_on_whatever_happens(spec: RunSpec) -> None:
    while True:
        with suppress(BaseException):
            (Path(spec.workspace) / STUBBORN).touch()
            time.sleep(PATIENCE_S)


def _take_time(_spec: RunSpec) -> None:
    time.sleep(5)


def _tell_threads(spec: RunSpec) -> None:
    append_line(Path(spec.workspace) / "threads", os.environ.get("OMP_NUM_THREADS", "any"))


_ENDS: dict[str, Callable[[RunSpec], str | None]] = {
    "well": _end_well,
    "failure": _fail,
    "interrupt": _interrupt_driver,
    "exception": _raise,
    "exit": _exit,
    "death": _die,
    "when told": _go_on,
    "slowly": _take_time,
    "never": _go_on_whatever_happens,
    "telling threads": _tell_threads,
}


def noted(workspace: Path) -> list[str]:
    """The runs that :func:`note_run` executed, sorted."""
    file = workspace / NOTES
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return sorted(line.partition(" by ")[0] for line in lines)


def raise_in_block() -> None:
    """An error that no executor raises by itself."""
    raise ConnectionResetError


class ExecutorContract:
    """Inherit it in a class ``Test...`` and make the executor.

    What is said of processes that die is tested where ``isolates`` is set.
    """

    def make_executor(self, execute: Execute) -> Executor:
        """A fresh executor; ``execute`` is a function of a module.

        Where it isolates, it executes two runs at the same time, and gives a run half a second to
        close itself.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define make_executor()")

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls) -> Iterator[Executor]:
        """One for all tests, since it may take seconds until it executes anything."""
        with cls().make_executor(note_run) as executor:
            yield executor

    @pytest.fixture
    def executor(self, shared: Executor) -> Executor:
        """The executor under test, which has nothing to do and nothing to tell."""
        while shared.wait(0):
            pass
        return shared

    @pytest.fixture
    def isolating(self, executor: Executor) -> Executor:
        """The same, if runs have processes of their own."""
        if not executor.isolates:
            pytest.skip("its runs are executed in the process of the driver")
        return executor

    def _spec(
        self, workspace: Path, run: int = 1, *, ends: str = "well", **needed: float
    ) -> RunSpec:
        settings = {"ends": ends, "driver": os.getpid()}
        spec = create_spec(workspace, run=run, settings=settings)
        return replace(spec, resources=Resources(**needed))  # type: ignore[arg-type]

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

    # States, and the wait for any of several.

    def test_the_state_of_what_is_done_is_that_of_its_result(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        handles = [executor.submit(self._spec(tmp_path, n, ends=e)) for n, e in _TWO_ENDS]
        assert [handle.state for handle in handles if handle.result()] == [
            RunStatus.COMPLETED,
            RunStatus.FAILED,
        ]
        assert all(handle.is_recorded for handle in handles)

    def test_every_end_is_news_once(self, executor: Executor, tmp_path: Path) -> None:
        handles = [executor.submit(self._spec(tmp_path, number)) for number in (1, 2, 3)]
        ended = []
        while news := executor.wait():
            ended += [handle for handle in news if handle.done()]
        assert sorted(ended, key=_number) == handles

    def test_without_news_a_wait_ends_in_time(self, executor: Executor) -> None:
        assert executor.wait(0.01) == []
        assert executor.wait() == []

    def test_as_completed_gives_each_handle_once(self, executor: Executor, tmp_path: Path) -> None:
        handles = [executor.submit(self._spec(tmp_path, n, ends=e)) for n, e in _TWO_ENDS]
        assert sorted(executor.as_completed(handles), key=_number) == handles

    def test_a_run_is_running_until_it_ends(self, isolating: Executor, tmp_path: Path) -> None:
        handle = isolating.submit(self._spec(tmp_path, ends="when told"))
        assert isolating.wait() == [handle]
        assert handle.state is RunStatus.RUNNING
        assert handle.done() is False
        assert handle.process is not None
        assert not handle.process.is_gone
        (tmp_path / "enough_1").touch()
        assert handle.result().status is RunStatus.COMPLETED

    def test_as_completed_gives_the_first_that_is_done_first(
        self, isolating: Executor, tmp_path: Path
    ) -> None:
        slow = isolating.submit(self._spec(tmp_path, 1, ends="when told"))
        quick = isolating.submit(self._spec(tmp_path, 2))
        completed = isolating.as_completed([slow, quick])
        assert next(completed) is quick
        (tmp_path / "enough_1").touch()
        assert list(completed) == [slow]

    # Runs that end otherwise than by returning.

    def test_a_run_over_its_time_limit_fails_of_it(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        spec = self._spec(tmp_path, ends="slowly", timeout_s=0.1)
        if executor.isolates:
            result = executor.submit(spec).result()
            assert result.status is RunStatus.FAILED
            assert TIMEOUT in result.causes
            assert "its time limit of 0.1 s" in str(result.error)
        else:
            with pytest.raises(TimeoutError, match="its time limit of"):
                executor.submit(spec)

    def test_a_run_that_does_not_heed_its_time_limit_is_killed(
        self, isolating: Executor, tmp_path: Path
    ) -> None:
        handle = isolating.submit(self._spec(tmp_path, ends="never", timeout_s=0.5))
        result = handle.result()
        assert (result.status, result.causes) == (RunStatus.FAILED, (TIMEOUT,))
        assert "its time limit of 0.5 s" in str(result.error)
        assert not handle.is_recorded
        self._is_gone(handle)

    def test_a_run_whose_process_is_killed_is_lost(
        self, isolating: Executor, tmp_path: Path
    ) -> None:
        handle = isolating.submit(self._spec(tmp_path, ends="death"))
        result = handle.result()
        assert (result.status, result.causes) == (RunStatus.FAILED, (LOST,))
        assert result.error
        assert not handle.is_recorded
        self._is_gone(handle)

    def test_a_process_that_dies_does_not_stop_the_others(
        self, isolating: Executor, tmp_path: Path
    ) -> None:
        ends = {1: "well", 2: "death", 3: "death", 4: "well", 5: "well"}
        handles = [isolating.submit(self._spec(tmp_path, n, ends=e)) for n, e in ends.items()]
        statuses = [handle.result().status.value for handle in handles]
        assert statuses == ["completed", "failed", "failed", "completed", "completed"]
        assert noted(tmp_path) == sorted(str(handle.spec) for handle in handles)

    @pytest.mark.parametrize(("ends", "status"), [("exception", "failed"), ("exit", "failed")])
    def test_what_a_run_raises_does_not_reach_the_driver(
        self, isolating: Executor, tmp_path: Path, ends: str, status: str
    ) -> None:
        handle = isolating.submit(self._spec(tmp_path, ends=ends))
        assert handle.result().status.value == status
        assert "Traceback" in str(handle.result().error)
        assert not handle.is_recorded

    # Cancelling.

    def test_a_run_that_nobody_has_begun_is_cancelled_at_once(
        self, isolating: Executor, tmp_path: Path
    ) -> None:
        running = [
            isolating.submit(self._spec(tmp_path, n, ends="when told")) for n in range(1, 9)
        ]
        running[-1].cancel()
        assert running[-1].result().status is RunStatus.ABORTED
        for handle in running:
            handle.cancel()
        assert {handle.result().status for handle in running} == {RunStatus.ABORTED}

    def test_a_running_run_is_interrupted(self, isolating: Executor, tmp_path: Path) -> None:
        cancelled = isolating.submit(self._spec(tmp_path, 1, ends="when told"))
        isolating.wait()
        wait_until(lambda: bool(noted(tmp_path)))
        cancelled.cancel()
        other = isolating.submit(self._spec(tmp_path, 2))
        assert cancelled.result().status is RunStatus.ABORTED
        assert other.result().status is RunStatus.COMPLETED

    def test_a_run_that_does_not_heed_an_interrupt_is_killed(
        self, isolating: Executor, tmp_path: Path
    ) -> None:
        handle = isolating.submit(self._spec(tmp_path, ends="never"))
        isolating.wait()
        wait_until((tmp_path / STUBBORN).exists)
        handle.cancel()
        assert handle.result().status is RunStatus.ABORTED
        assert not handle.is_recorded
        self._is_gone(handle)

    def test_closing_cancels_what_runs_and_what_waits(
        self, isolating: Executor, tmp_path: Path
    ) -> None:
        with self.make_executor(note_run) as executor:
            specs = [self._spec(tmp_path, number, ends="when told") for number in range(9)]
            handles = [executor.submit(spec) for spec in specs]
            executor.wait()
        assert {handle.state for handle in handles} == {RunStatus.ABORTED}

    # Resources.

    def test_threads_are_limited_to_the_cores_of_a_run(
        self, isolating: Executor, tmp_path: Path
    ) -> None:
        isolating.submit(self._spec(tmp_path, ends="telling threads", cpus=1)).result()
        assert (tmp_path / "threads").read_text(encoding="utf-8") == "1\n"

    def _is_gone(self, handle: RunHandle) -> None:
        assert handle.process is not None
        process = handle.process
        wait_until(lambda: process.is_gone)


_TWO_ENDS = ((1, "well"), (2, "failure"))


def _number(handle: RunHandle) -> int:
    return handle.spec.run
