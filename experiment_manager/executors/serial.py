"""One run after the other, in this process."""

from __future__ import annotations

from experiment_manager.config.plan import RunSpec
from experiment_manager.executors.executor import Executor, RunHandle
from experiment_manager.trial import RunResult


class _FinishedRun(RunHandle):
    """A run that was executed before its handle existed."""

    def __init__(self, spec: RunSpec, result: RunResult) -> None:
        super().__init__(spec)
        self._result = result

    def done(self) -> bool:
        """Always."""
        return True

    def result(self) -> RunResult:
        """At once."""
        return self._result

    def cancel(self) -> None:
        """Too late."""


class SerialExecutor(Executor):
    """Executes each run while it is submitted, in the calling thread."""

    def submit(self, spec: RunSpec) -> RunHandle:
        """Execute the run; the handle is done."""
        return _FinishedRun(spec, self._execute(spec))
