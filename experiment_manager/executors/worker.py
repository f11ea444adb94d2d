"""How a process executes runs that another one hands to it."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from experiment_manager.common.code_place import CodePlace
from experiment_manager.common.common import RunStatus
from experiment_manager.common.signals import orderly_signals
from experiment_manager.config.plan import RunSpec
from experiment_manager.executors.executor import Execute
from experiment_manager.executors.preemption import NOTICES, RaiseOnce
from experiment_manager.executors.time_limit import time_limit
from experiment_manager.pipelines.outcome import Outcome
from experiment_manager.trial import RunResult


@dataclass(frozen=True)
class Work:
    """What a worker executes runs with.

    Attributes:
        folder: Current folder of the driver.
        search_path: Where the driver finds its modules.
        execute: The function that executes a run, pickled.
    """

    folder: str
    search_path: tuple[str, ...]
    execute: bytes

    @classmethod
    def of(cls, execute: Execute, dumps: Callable[[Execute], bytes]) -> Work:
        """What this process would execute runs with."""
        return cls(str(Path.cwd()), tuple(filter(None, sys.path)), dumps(execute))

    @cache  # noqa: B019 - a worker has one of it, and as long as it lives
    def prepare(self, code: CodePlace | None = None) -> Execute:
        """The function, in a process in which its modules can be imported.

        Args:
            code: Where they are, if it is not where the driver finds them.
        """
        folder, search_path = self.folder, (*sys.path, *self.search_path)
        if code is not None:
            folder = folder if Path(folder).is_dir() else code.place(folder)
            search_path = tuple(map(code.place, (*search_path, code.folder)))
        with suppress(OSError):  # on a machine that does not have it
            os.chdir(folder)
        sys.path[:] = dict.fromkeys(search_path)
        execute: Execute = pickle.loads(self.execute)  # noqa: S301 - from our own driver
        return execute


def execute_here(
    work: Work, spec: RunSpec, limit: AbstractContextManager[None] | None = None
) -> tuple[RunResult, bool]:
    """Execute a run in this process, which goes on whatever the run raises.

    Args:
        work: What to execute it with.
        spec: The run.
        limit: Raises where the run exceeds it; its time limit is seen to here.

    Returns:
        The result, and whether it is one that the function which executes runs has returned.
    """
    try:
        execute = work.prepare(spec.code)
        time_is_up = time_limit(spec.resources.timeout_s)
        with _interruptible(), orderly_signals(), time_is_up, limit or nullcontext():
            return execute(spec), True
    except BaseException as error:  # noqa: BLE001 - told to the driver
        outcome = Outcome.raised(error)
        status = RunStatus.FAILED if outcome.status.is_success else outcome.status
        causes, text = outcome.causes, outcome.traceback
        return RunResult(spec.trial, spec.run, status, text, 0.0, causes), False


@contextmanager
def _interruptible() -> Iterator[None]:
    """Inside, signals that are ignored or blocked, lest they cut a message, mean what they do."""
    usual: dict[signal.Signals, Any] = dict.fromkeys(NOTICES, RaiseOnce())
    usual[signal.SIGINT] = signal.default_int_handler
    before = {number: signal.getsignal(number) for number in usual}
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # one that waits was meant for the run before
    for number, handler in usual.items():  # Ray has one for SIGTERM by which a run would fail
        signal.signal(number, handler)
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, usual)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
