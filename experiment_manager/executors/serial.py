"""One run after the other, in this process."""

from __future__ import annotations

import time
from typing import ClassVar

from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.config.plan import RunSpec
from experiment_manager.executors.executor import Executor, RunHandle
from experiment_manager.executors.time_limit import time_limit


@YAMLSerializable.register("serial")
class SerialExecutor(Executor):
    """Executes each run while it is submitted, in the calling thread."""

    isolates: ClassVar[bool] = False

    def submit(self, spec: RunSpec) -> RunHandle:
        """Execute the run; the handle is done."""
        handle = RunHandle(spec, self)
        with time_limit(spec.resources.timeout_s):
            result = self._execute(spec)
        self._end(handle, result)
        return handle

    def let_happen(self, timeout_s: float | None = None) -> None:
        """Nothing can happen; wait where a time is given."""
        if timeout_s:
            time.sleep(timeout_s)

    def cancel(self, handle: RunHandle) -> None:
        """Too late."""
