"""What executors have in common that hand runs on one by one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from experiment_manager.common.reasons import INTERRUPTED
from experiment_manager.config.plan import RunSpec
from experiment_manager.executors.executor import Execute, Executor, RunHandle, unsuccessful
from experiment_manager.executors.option_checks import check_options

END_MARGIN_S = 5.0  # beyond the grace, until nobody is waited for any more
CANCELLED = (INTERRUPTED, "it was cancelled")


class QueuedExecutor(Executor):
    """Runs wait in a queue until somebody can begin with them.

    Args:
        execute: What executes one run; it is pickled.
        grace_s: Seconds that a run has to close itself when it is cancelled or overdue.
    """

    def __init__(self, execute: Execute, grace_s: float) -> None:
        super().__init__(execute)
        self._grace_s = grace_s
        self._queue: list[RunHandle] = []

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse values out of their range."""
        check_options(config)

    @abstractmethod
    def _dispatch(self) -> None:
        """Hand on what waits, as far as there is a place for it."""

    @abstractmethod
    def _interrupt(self, handle: RunHandle) -> None:
        """Have a run end that does not wait any more."""

    def submit(self, spec: RunSpec) -> RunHandle:
        """Have the run executed as soon as there is a place for it."""
        handle = RunHandle(spec, self)
        self._queue.append(handle)
        self._dispatch()
        return handle

    def cancel(self, handle: RunHandle) -> None:
        """Take it out of the queue, or interrupt it."""
        if handle in self._queue:
            self._queue.remove(handle)
            self._end(handle, unsuccessful(handle.spec, *CANCELLED))
        else:
            self._interrupt(handle)
