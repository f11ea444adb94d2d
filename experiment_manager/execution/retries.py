"""Runs handed to an executor, and handed to it again where a rule says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from experiment_manager.common.common import RunStatus
from experiment_manager.common.reasons import LOST, PREEMPTED
from experiment_manager.config.plan import RunSpec
from experiment_manager.executors.executor import Executor, RunHandle
from experiment_manager.pipelines.determinism import DeterminismError
from experiment_manager.trial import RunResult

RETRIED = (RunStatus.FAILED, RunStatus.LOST)

Conclude = Callable[[RunHandle], RunResult]
Watch = Callable[[RunHandle, RunResult | None], None]


def execute_all(
    executor: Executor,
    specs: Sequence[RunSpec],
    conclude: Conclude = RunHandle.result,
    watch: Watch | None = None,
) -> list[RunResult]:
    """The last result of each run, in their order.

    A run that failed is handed to the executor again as soon as its rule says, behind what is
    there already; it goes on from its last good checkpoint. So does one that was preempted,
    whatever its rule says.

    Args:
        executor: Where.
        specs: The runs.
        conclude: The result of a run that is done.
        watch: Told of each run that has begun, and with its result of each that has ended.
    """
    execution = _Execution(executor, conclude, watch)
    try:
        for place, spec in enumerate(specs):
            execution.submit(place, spec)
        execution.finish()
    except BaseException:
        executor.close()  # which comes to an end with what runs
        execution.conclude_all()
        raise
    return [execution.results[place] for place in range(len(specs))]


@dataclass
class _Execution:
    """Which runs are executed, which wait for another attempt, and what came of the others."""

    executor: Executor
    conclude: Conclude
    watch: Watch | None
    results: dict[int, RunResult] = field(default_factory=dict)
    running: dict[RunHandle, int] = field(default_factory=dict)
    waiting: list[tuple[float, int, RunSpec]] = field(default_factory=list)
    attempts: dict[int, int] = field(default_factory=dict)
    begun: set[RunHandle] = field(default_factory=set)

    def submit(self, place: int, spec: RunSpec) -> None:
        self.attempts[place] = self.attempts.get(place, 0) + 1
        self.running[self.executor.submit(spec)] = place

    def finish(self) -> None:
        """Come to the last result of each run."""
        while self.running or self.waiting:
            for handle in self.executor.wait(self._patience_s()):
                self._tell_beginning(handle)
                if handle.done():
                    self._take_result(handle)
            self._submit_due()

    def _tell_beginning(self, handle: RunHandle) -> None:
        if self.watch is not None and handle.process is not None and handle not in self.begun:
            self.begun.add(handle)
            self.watch(handle, None)

    def conclude_all(self) -> None:
        """Settle what has come to an end and was not looked at."""
        for handle in self.running:
            if handle.done() and handle.process is not None:
                self._tell_beginning(handle)
                result = self.conclude(handle)
                if self.watch is not None:
                    self.watch(handle, result)

    def _patience_s(self) -> float | None:
        if not self.waiting:
            return None
        return max(0.0, min(self.waiting)[0] - time.monotonic())

    def _submit_due(self) -> None:
        now_s = time.monotonic()
        due = sorted(entry for entry in self.waiting if entry[0] <= now_s)
        for entry in due:
            self.waiting.remove(entry)
            self.submit(*entry[1:])

    def _take_result(self, handle: RunHandle) -> None:
        place = self.running.pop(handle)
        self.begun.discard(handle)
        result = self.results[place] = self.conclude(handle)
        if self.watch is not None:
            self.watch(handle, result)
        if handle.result().causes[:1] == (PREEMPTED,):  # which was no fault of the run
            self.attempts[place] -= 1
            self.submit(place, _next_attempt(handle.spec))
        elif _is_due(handle.spec, result, self.attempts[place]):
            at_s = time.monotonic() + handle.spec.retry.wait_s
            self.waiting.append((at_s, place, _next_attempt(handle.spec)))


def _next_attempt(spec: RunSpec) -> RunSpec:
    made = None if spec.attempts is None else spec.attempts + 1
    return replace(spec, resume=True, attempts=made)


def _is_due(spec: RunSpec, result: RunResult, attempt: int) -> bool:
    has_failed = result.status in RETRIED and attempt <= spec.retry.times
    causes = (LOST,) if result.status is RunStatus.LOST else result.causes
    depends_on_chance = DeterminismError.__name__ in causes  # which may hide it the next time
    return has_failed and not depends_on_chance and spec.retry.covers(causes)
