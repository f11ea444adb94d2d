"""Runs as tasks of a Ray cluster: one on this machine, or one that is there already."""

from __future__ import annotations

import functools
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from experiment_manager.common.common import RunStatus
from experiment_manager.common.imports import require
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.common.reasons import INTERRUPTED, LOST, OUT_OF_MEMORY, TIMEOUT
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.config.plan import RunSpec
from experiment_manager.executors.executor import Execute, Executor, RunHandle, unsuccessful
from experiment_manager.executors.option_checks import check_options
from experiment_manager.executors.slots import BYTES_PER_GB, Machine, thread_variables
from experiment_manager.executors.time_limit import overdue_text
from experiment_manager.executors.worker import Work, execute_here
from experiment_manager.trial import RunResult

_LOOPBACK = ("127.0.0.1", "localhost", "local")
_NEVER = float("inf")
_END_MARGIN_S = 5.0  # beyond the grace, until nobody is waited for any more


@dataclass
class _Task:
    """A run that Ray has, and when and of what it is to be ended."""

    handle: RunHandle
    items: Any
    node: str = ""
    end_at_s: float = _NEVER
    end_of: tuple[str, str] = (INTERRUPTED, "it was cancelled")
    is_killed: bool = False


@YAMLSerializable.register("ray")
class RayExecutor(Executor):
    """Executes runs as Ray tasks, which are given their cores, GPUs and memory by Ray.

    Args:
        execute: What executes one run; it is pickled.
        address: Of a cluster that is there, such as ``10.0.0.1:6379`` or ``auto``; None for one
            on this machine, for as long as it takes.
        max_workers: How many runs at once, at most; None for as many as the cluster has room for.
        isolation: ``worker`` to have a process execute run after run; ``process`` to give each
            run a new one.
        grace_s: Seconds that a run has to close itself when it is cancelled or overdue.
        init: Further arguments of ``ray.init``.
    """

    def __init__(
        self,
        execute: Execute,
        *,
        address: str | None = None,
        max_workers: int | None = None,
        isolation: str = "worker",
        grace_s: float = 10.0,
        init: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(execute)
        self._address = address
        self._max_workers = max_workers
        self._grace_s = grace_s
        self._max_calls = 1 if isolation == "process" else 0
        self._init = dict(init or {})
        self._is_ours = False
        self._queue: list[RunHandle] = []
        self._tasks: dict[Any, _Task] = {}

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse values out of their range."""
        check_options(config)
        if not isinstance(config.get("init", {}), Mapping):
            raise ValueError(f"'init' must be a mapping, not {config['init']!r}")  # noqa: TRY004

    @classmethod
    def problems_with(cls, config: Mapping[str, Any], specs: Sequence[RunSpec]) -> list[str]:
        """Runs that need more than this machine has, where they are executed here."""
        require("ray", "ray", "'executor: ray'")
        return [] if config.get("address") else Machine.current().problems_of(specs)

    @classmethod
    def spans_machines(cls, config: Mapping[str, Any]) -> bool:
        """True for a cluster that is not at a loopback address."""
        address = config.get("address")
        host = str(address).rpartition("//")[2].partition(":")[0]
        return address is not None and host not in _LOOPBACK

    def submit(self, spec: RunSpec) -> RunHandle:
        """Hand the run to Ray, as soon as it is its turn."""
        handle = RunHandle(spec, self)
        self._queue.append(handle)
        self._dispatch()
        return handle

    def cancel(self, handle: RunHandle) -> None:
        """Take it out of the queue, or interrupt it."""
        if handle in self._queue:
            self._queue.remove(handle)
            self._end(handle, _ended_by(handle.spec, INTERRUPTED, "it was cancelled"))
        for task in [task for task in self._tasks.values() if task.handle is handle]:
            if task.handle.process is None and self._ray.wait([task.items], timeout=0)[0]:
                self._hear(task)  # it has begun or ended meanwhile
            if not handle.done():
                self._interrupt(task)

    def _interrupt(self, task: _Task) -> None:
        task.end_of = (INTERRUPTED, "it was cancelled")
        task.end_at_s = time.monotonic() + self._grace_s
        if task.handle.process is None:
            self._ray.cancel(task.items, force=True)
        else:  # Ray's own way makes whoever waits for the task hang until it ends
            self._send_signal(task, signal.SIGINT)

    def _send_signal(self, task: _Task, number: signal.Signals) -> None:
        process = task.handle.process
        if process is None or process.is_gone:
            return
        if process.is_here:
            _send_signal(process, number)
            return
        there = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            task.node, soft=False
        )
        sender = self._ray.remote(num_cpus=0, max_retries=0)(_send_signal)
        sender.options(scheduling_strategy=there).remote(process, number)

    def let_happen(self, timeout_s: float | None = None) -> None:
        """Wait for Ray to say that a run has begun or ended."""
        deadline_s = _NEVER if timeout_s is None else time.monotonic() + timeout_s
        known = len(self._news)
        while len(self._news) == known:
            now_s = time.monotonic()
            if now_s >= deadline_s or (timeout_s is None and not self._tasks):
                return
            end_s = min([deadline_s, *(task.end_at_s for task in self._tasks.values())])
            patience_s = None if end_s == _NEVER else max(0.0, end_s - now_s)
            if not self._tasks:
                time.sleep(patience_s or 0.0)
                return
            ready, _ = self._ray.wait(list(self._tasks), timeout=patience_s, fetch_local=False)
            for items in ready:
                self._hear(self._tasks[items])
            self._end_overdue()

    def close(self) -> None:
        """Cancel what runs, wait until it has closed, and end the cluster if it is ours."""
        if not self._is_connected:
            return
        for handle in [*self._queue, *(task.handle for task in self._tasks.values())]:
            handle.cancel()
        deadline_s = time.monotonic() + self._grace_s + _END_MARGIN_S
        while self._tasks and time.monotonic() < deadline_s:
            self.let_happen(deadline_s - time.monotonic())
        if self._is_ours:
            with _same_signals():
                self._ray.shutdown()
        del self.__dict__["_ray"]

    @property
    def _is_connected(self) -> bool:
        return "_ray" in self.__dict__

    @functools.cached_property
    def _ray(self) -> Any:
        """The package, connected to the cluster."""
        ray = require("ray", "ray", "'executor: ray'")
        if not ray.is_initialized():
            with _same_signals():
                ray.init(**self._arguments())
            self._is_ours = True
        return ray

    def _arguments(self) -> dict[str, Any]:
        usual: dict[str, Any] = {"logging_level": "warning", "log_to_driver": False}
        if self._address is not None:
            return {**usual, "address": self._address, **self._init}
        cpus = max(Machine.current().cpus, self._max_workers or 1)
        ours = {"num_cpus": cpus, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        return {**usual, **ours, **self._init}

    @functools.cached_property
    def _work(self) -> Any:
        """What every task needs, once in the cluster."""
        return self._ray.put(Work.of(self._execute, self._ray.cloudpickle.dumps))

    @functools.cached_property
    def _function(self) -> Any:
        """What a task does; whether it is done again is not for Ray to say."""
        task = self._ray.remote(num_returns="streaming", max_retries=0, max_calls=self._max_calls)
        return task(_execute_in_ray)

    def _dispatch(self) -> None:
        limit = self._max_workers or len(self._tasks) + len(self._queue)
        while self._queue and len(self._tasks) < limit:
            handle = self._queue.pop(0)
            items = self._remote(handle.spec).remote(self._work, handle.spec)
            self._tasks[items] = _Task(handle, items)

    def _remote(self, spec: RunSpec) -> Any:
        needed = spec.resources
        memory = {} if needed.memory_gb is None else {"memory": needed.memory_gb * BYTES_PER_GB}
        return self._function.options(
            name=str(spec), num_cpus=needed.cpus or 1, num_gpus=needed.gpus or 0, **memory
        )

    def _hear(self, task: _Task) -> None:
        try:
            said = self._ray.get(next(task.items))
        except Exception as error:  # noqa: BLE001 - whatever Ray says of a task that did not end
            self._release(task)
            self._end(task.handle, self._death(task, error), is_recorded=False)
        else:
            if isinstance(said, _Begun):
                task.node = said.node
                self._limit_time(task)
                self._begin(task.handle, said.process)
                return
            result, is_recorded = said
            self._release(task)
            self._end(task.handle, result, is_recorded=is_recorded)
        self._dispatch()

    def _release(self, task: _Task) -> None:
        del self._tasks[task.items]

    def _limit_time(self, task: _Task) -> None:
        """From now on, as the worker does; it has the grace to end the run by itself."""
        limit_s = task.handle.spec.resources.timeout_s
        if limit_s is not None and task.end_at_s == _NEVER:
            task.end_of = (TIMEOUT, overdue_text(limit_s))
            task.end_at_s = time.monotonic() + limit_s + self._grace_s

    def _end_overdue(self) -> None:
        for task in self._tasks.values():
            if time.monotonic() >= task.end_at_s:
                task.end_at_s = _NEVER
                task.is_killed = True
                self._send_signal(task, signal.SIGKILL)

    def _death(self, task: _Task, error: Exception) -> RunResult:
        spec, errors = task.handle.spec, self._ray.exceptions
        if task.is_killed or isinstance(error, errors.TaskCancelledError):
            return _ended_by(spec, *task.end_of)
        if isinstance(error, errors.OutOfMemoryError):
            return _ended_by(spec, OUT_OF_MEMORY, str(error))
        return _ended_by(spec, LOST, str(error))


@dataclass(frozen=True)
class _Begun:
    """Who has begun with a run, and on which node."""

    process: ProcessIdentity
    node: str


def _send_signal(process: ProcessIdentity, number: signal.Signals) -> None:
    if not process.is_gone:
        os.kill(process.pid, number)


def _execute_in_ray(work: Work, spec: RunSpec) -> Iterator[Any]:
    """The body of a task: who executes the run, then what came of it."""
    os.environ.update(thread_variables(spec.resources.cpus or 1))
    with suppress(Exception):  # which is raised again where it is told
        work.prepare()
    ray = require("ray", "ray", "'executor: ray'")
    yield _Begun(ProcessIdentity.current(), ray.get_runtime_context().get_node_id())
    yield execute_here(work, spec)


def _ended_by(spec: RunSpec, reason: str, text: str) -> RunResult:
    status = RunStatus.ABORTED if reason == INTERRUPTED else RunStatus.FAILED
    return unsuccessful(spec, reason, text, status)


@contextmanager
def _same_signals() -> Iterator[None]:
    """Inside, Ray may take the signals as it likes; afterwards they are as they were."""
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
