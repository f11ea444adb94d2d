"""Runs as tasks of a Ray cluster: one on this machine, or one that is there already."""

from __future__ import annotations

import functools
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiment_manager.common.code_place import CodePlace
from experiment_manager.common.imports import require
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.common.reasons import LOST, OUT_OF_MEMORY, TIMEOUT
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.config.plan import RunSpec
from experiment_manager.executors.executor import Execute, RunHandle, unsuccessful
from experiment_manager.executors.memory import memory_limit
from experiment_manager.executors.queued import CANCELLED, END_MARGIN_S, QueuedExecutor
from experiment_manager.executors.ray_code import working_dir_of
from experiment_manager.executors.slots import BYTES_PER_GB, Machine, thread_variables
from experiment_manager.executors.time_limit import overdue_text
from experiment_manager.executors.worker import Work, execute_here
from experiment_manager.trial import RunResult

_LOOPBACK = ("127.0.0.1", "localhost", "local")
_NEVER = float("inf")
_WITHDRAWAL_INTERVAL_S = 0.5


@dataclass(eq=False)
class _Task:
    """A run that Ray has.

    Attributes:
        handle: The run.
        items: What its task says: who has begun with it, then what came of it.
        node: Where it is executed.
        end_at_s: When it is ended, by the monotonic clock.
        end_of: Reason and text of that.
        is_ending: True since we have begun to end it.
        is_withdrawn: True where Ray was told to do so, since nobody had begun with it.
    """

    handle: RunHandle
    items: Any
    node: str = ""
    end_at_s: float = _NEVER
    end_of: tuple[str, str] = CANCELLED
    is_ending: bool = False
    is_withdrawn: bool = False

    @property
    def awaited(self) -> Any:
        """What there is to wait for; Ray does not pass on the items of a withdrawn task."""
        return self.items.completed() if self.is_withdrawn else self.items


@YAMLSerializable.register("ray")
class RayExecutor(QueuedExecutor):
    """Executes runs as Ray tasks, which are given their cores, GPUs and memory by Ray.

    Args:
        execute: What executes one run; it is pickled.
        address: Of a cluster that is there, such as ``10.0.0.1:6379`` or ``auto``; None for one
            on this machine, for as long as it takes.
        max_workers: How many runs at once, at most; None for as many as the cluster has room for.
        isolation: ``worker`` to have a process execute run after run; ``process`` to give each
            run a new one.
        grace_s: Seconds that a run has to close itself when it is cancelled or overdue.
        exclude: Patterns, as in .gitignore, of what is not sent to the nodes of a cluster that is
            there, in the folder with the experiment's modules.
        init: Further arguments of ``ray.init``; with a ``working_dir`` in its ``runtime_env``
            nothing else is sent.
    """

    def __init__(
        self,
        execute: Execute,
        *,
        address: str | None = None,
        max_workers: int | None = None,
        isolation: str = "worker",
        grace_s: float = 10.0,
        exclude: Sequence[str] = (),
        init: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(execute, grace_s)
        self._address = address
        self._max_workers = max_workers
        self._max_calls = 1 if isolation == "process" else 0
        self._exclude = exclude
        self._init = dict(init or {})
        self._is_ours = False
        self._sends_code = False
        self._tasks: list[_Task] = []

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse values out of their range."""
        super().check_config(config)
        if not isinstance(config.get("init", {}), Mapping):
            raise ValueError(f"'init' must be a mapping, not {config['init']!r}")  # noqa: TRY004
        patterns = config.get("exclude", [])
        if not isinstance(patterns, list) or not all(isinstance(p, str) for p in patterns):
            raise ValueError(f"'exclude' must be a list of texts, not {patterns!r}")

    @classmethod
    def problems_with(cls, config: Mapping[str, Any], specs: Sequence[RunSpec]) -> list[str]:
        """Runs that need more than this machine has, where they are executed here."""
        require("ray", "ray", "'executor: ray'")
        if config.get("address"):
            return []
        here, init = Machine.current(), config.get("init") or {}
        gpus = [*map(str, range(init["num_gpus"]))] if "num_gpus" in init else here.gpus
        there = replace(here, cpus=init.get("num_cpus", here.cpus), gpus=tuple(gpus))
        return there.problems_of(specs)

    @classmethod
    def spans_machines(cls, config: Mapping[str, Any]) -> bool:
        """True for a cluster that is not at a loopback address."""
        address = config.get("address")
        host = str(address).rpartition("//")[2].partition(":")[0]
        return address is not None and host not in _LOOPBACK

    def _interrupt(self, handle: RunHandle) -> None:
        for task in [t for t in self._tasks if t.handle is handle and not t.is_ending]:
            if handle.process is None and self._ray.wait([task.items], timeout=0)[0]:
                self._hear(task)  # it has begun or ended meanwhile
            if handle.done():
                return
            task.is_ending, task.end_of = True, CANCELLED
            if handle.process is None:
                self._withdraw(task)
            else:  # Ray's own way makes whoever waits for the task hang until it ends
                task.end_at_s = time.monotonic() + self._grace_s
                self._send_signal(task, signal.SIGINT)

    def _withdraw(self, task: _Task) -> None:
        """Have Ray take a task back, once more after a while: it may overhear that.

        A worker that gets the task in the same moment executes it all the same.
        """
        self._ray.cancel(task.items, force=True)
        task.is_withdrawn = True
        task.end_at_s = time.monotonic() + _WITHDRAWAL_INTERVAL_S

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
            end_s = min([deadline_s, *(task.end_at_s for task in self._tasks)])
            patience_s = None if end_s == _NEVER else max(0.0, end_s - now_s)
            if not self._tasks:
                time.sleep(patience_s or 0.0)
                return
            tasks = {task.awaited: task for task in self._tasks}
            ready, _ = self._ray.wait(list(tasks), timeout=patience_s, fetch_local=False)
            for awaited in ready:
                self._hear(tasks[awaited])
            self._end_overdue()

    def close(self) -> None:
        """Cancel what runs, wait until it has closed, and end the cluster if it is ours."""
        if not self._is_connected:
            return
        for handle in [*self._queue, *(task.handle for task in self._tasks)]:
            handle.cancel()
        deadline_s = time.monotonic() + self._grace_s + END_MARGIN_S
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
            environment = dict(self._init.get("runtime_env") or {})
            if "working_dir" not in environment:  # of the first run, as of all
                sent = working_dir_of(self._queue[0].spec, self._exclude)
                environment, self._sends_code = {**environment, **sent}, bool(sent)
            return {**usual, "address": self._address, **self._init, "runtime_env": environment}
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
            spec = self._queue[0].spec
            items = self._remote(spec).remote(self._work, spec, self._sends_code)
            self._tasks.append(_Task(self._queue.pop(0), items))

    def _remote(self, spec: RunSpec) -> Any:
        needed = spec.resources
        memory = {} if needed.memory_gb is None else {"memory": needed.memory_gb * BYTES_PER_GB}
        return self._function.options(
            name=str(spec), num_cpus=needed.cpus or 1, num_gpus=needed.gpus or 0, **memory
        )

    def _hear(self, task: _Task) -> None:
        try:
            said = self._ray.get(task.awaited if task.is_withdrawn else next(task.items))
        except Exception as error:  # noqa: BLE001 - whatever Ray says of a task that did not end
            self._conclude(task, self._death(task, error), is_recorded=False)
            return
        if task.is_withdrawn:  # but was executed to its end: the database knows how it came out
            self._conclude(task, unsuccessful(task.handle.spec, *CANCELLED), is_recorded=False)
        elif isinstance(said, _Begun):
            task.node = said.node
            self._limit_time(task)
            self._begin(task.handle, said.process)
        else:
            self._conclude(task, *said)

    def _conclude(self, task: _Task, result: RunResult, is_recorded: bool) -> None:
        self._tasks.remove(task)
        self._end(task.handle, result, is_recorded=is_recorded)
        self._dispatch()

    def _limit_time(self, task: _Task) -> None:
        """From now on, as the worker does; it has the grace to end the run by itself."""
        limit_s = task.handle.spec.resources.timeout_s
        if limit_s is not None and task.end_at_s == _NEVER:
            task.end_of = (TIMEOUT, overdue_text(limit_s))
            task.end_at_s = time.monotonic() + limit_s + self._grace_s

    def _end_overdue(self) -> None:
        for task in self._tasks:
            if time.monotonic() < task.end_at_s:
                continue
            if task.is_withdrawn:
                self._withdraw(task)
            else:
                task.end_at_s, task.is_ending = _NEVER, True
                self._send_signal(task, signal.SIGKILL)

    def _death(self, task: _Task, error: Exception) -> RunResult:
        spec = task.handle.spec
        if task.is_ending:
            return unsuccessful(spec, *task.end_of)
        is_for_memory = isinstance(error, self._ray.exceptions.OutOfMemoryError)
        return unsuccessful(spec, OUT_OF_MEMORY if is_for_memory else LOST, str(error))


@dataclass(frozen=True)
class _Begun:
    """Who has begun with a run, and on which node."""

    process: ProcessIdentity
    node: str


def _send_signal(process: ProcessIdentity, number: signal.Signals) -> None:
    if not process.is_gone:
        os.kill(process.pid, number)


@functools.cache
def _first_folder() -> str:
    """The current folder when this process began with its first task: Ray's copy of the code."""
    return str(Path.cwd())


def _execute_in_ray(work: Work, spec: RunSpec, was_sent: bool) -> Iterator[Any]:
    """The body of a task: who executes the run, then what came of it."""
    copy = _first_folder()
    if was_sent and spec.code is not None:
        folder = spec.code.folder
        spec = replace(spec, code=CodePlace(folder, root=folder, copy=copy))
    os.environ.update(thread_variables(spec.resources.cpus or 1))
    with suppress(Exception):  # which is raised again where it is told
        work.prepare(spec.code)
    ray = require("ray", "ray", "'executor: ray'")
    yield _Begun(ProcessIdentity.current(), ray.get_runtime_context().get_node_id())
    yield execute_here(work, spec, memory_limit(spec.resources.memory_gb))


@contextmanager
def _same_signals() -> Iterator[None]:
    """Inside, Ray may take the signals as it likes; afterwards they are as they were."""
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
