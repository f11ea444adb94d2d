"""Runs in long-lived jobs that submitit starts: on this machine, or by SLURM on others.

submitit needs about a second for each job and looks for its results in files, so a job is not one
run: it is a supervisor that connects to the driver, and gets one run after the other.
"""

from __future__ import annotations

import os
import pickle
import secrets
import shutil
import signal
import socket
import tempfile
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge, wait
from pathlib import Path
from typing import Any

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import ExperimentManagerError
from experiment_manager.common.imports import require
from experiment_manager.common.reasons import INTERRUPTED, LOST
from experiment_manager.config.plan import RunSpec
from experiment_manager.config.resources import Resources
from experiment_manager.executors.executor import Execute, Executor, RunHandle, unsuccessful
from experiment_manager.executors.messages import Begun, Cancel, Died, Ended, Order
from experiment_manager.executors.option_checks import check_options
from experiment_manager.executors.slots import Slot
from experiment_manager.executors.supervisor import supervise
from experiment_manager.executors.worker import Work
from experiment_manager.trial import RunResult

JOB_CHECK_INTERVAL_S = 1.0
_END_MARGIN_S = 5.0  # beyond the grace, until a supervisor counts as dead


@dataclass
class _Job:
    """A supervisor that was asked for, and perhaps has connected already."""

    number: int
    submitted: Any
    needed: Resources
    connection: Connection | None = None
    handle: RunHandle | None = None
    slot: Slot | None = None


@dataclass
class Listener:
    """Where supervisors connect."""

    server: socket.socket
    address: str | tuple[str, int]
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def accept(self) -> Connection | None:
        """The connection of a supervisor; None for a stranger."""
        accepted, _ = self.server.accept()
        connection = Connection(accepted.detach())
        try:
            deliver_challenge(connection, self.key)
            answer_challenge(connection, self.key)
        except (AuthenticationError, EOFError, OSError):
            connection.close()
            return None
        return connection


class PoolExecutor(Executor):
    """What the executors that work through submitit have in common.

    Args:
        execute: What executes one run; it is pickled.
        folder: For what the jobs print; None for one that is deleted at the end.
        isolation: ``worker`` to have a process execute run after run, as long as they succeed;
            ``process`` to give each run a new one.
        grace_s: Seconds that a run has to close itself when it is cancelled or overdue.
    """

    def __init__(
        self,
        execute: Execute,
        folder: Path | None = None,
        *,
        isolation: str = "worker",
        grace_s: float = 10.0,
    ) -> None:
        super().__init__(execute)
        self._temporary = Path(tempfile.mkdtemp(prefix="em-"))  # private, its path short
        self._folder = folder or self._temporary / "jobs"
        self._options = {"reuse": isolation == "worker", "grace_s": grace_s}
        self._grace_s = grace_s
        self._work: bytes | None = None
        self._listener: Listener | None = None
        self._jobs: list[_Job] = []
        self._lost: list[Any] = []
        self._queue: list[RunHandle] = []
        self._started = 0
        self._checked_s = time.monotonic()

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse values out of their range."""
        check_options(config)

    @abstractmethod
    def _listen(self) -> Listener:
        """Where the jobs shall connect."""

    @abstractmethod
    def _jobs_for(self, folder: Path, needed: Resources) -> Any:
        """An executor of submitit that starts jobs with these resources."""

    @abstractmethod
    def _take_slot(self, needed: Resources) -> Slot | None:
        """A place for a run, or None as long as there is none."""

    @abstractmethod
    def _give_back(self, slot: Slot) -> None:
        """A run has left its place."""

    def _variables(self, slot: Slot) -> dict[str, str | None]:
        """The environment variables of a run, None for those that it must not have."""
        return dict(slot.variables)

    def _fits(self, job_needed: Resources, needed: Resources) -> bool:
        """True where a job that was started for other runs can execute this one."""
        return job_needed == needed

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
            self._end(handle, _death(handle.spec, Died(INTERRUPTED, "it was cancelled")))
            return
        for job in [job for job in self._jobs if job.handle is handle]:
            if job.connection is None:
                self._release(job)
                self._end(handle, _death(handle.spec, Died(INTERRUPTED, "it was cancelled")))
                continue
            with suppress(ConnectionError):  # its end is read next
                job.connection.send(Cancel())

    def let_happen(self, timeout_s: float | None = None) -> None:
        """Listen to the jobs until one has begun or ended a run."""
        deadline_s = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        known = len(self._news)
        while len(self._news) == known:
            left_s = deadline_s - time.monotonic()
            has_work = self._queue or any(job.handle for job in self._jobs)
            if left_s <= 0 or (timeout_s is None and not has_work):
                return
            self._listen_for(min(left_s, JOB_CHECK_INTERVAL_S))
            self._check_jobs()

    def close(self) -> None:
        """Cancel what runs, wait until it has closed, and end the jobs."""
        for handle in list(self._queue):
            self.cancel(handle)
        busy = [job for job in self._jobs if job.handle is not None]
        for job in busy:
            self.cancel(job.handle)  # type: ignore[arg-type]
        deadline_s = time.monotonic() + self._grace_s + _END_MARGIN_S
        while any(job.handle for job in self._jobs) and time.monotonic() < deadline_s:
            self._listen_for(deadline_s - time.monotonic())
        self._end_jobs()
        if self._listener is not None:
            self._listener.server.close()
            self._listener = None
        _delete_pickles(self._folder)
        shutil.rmtree(self._temporary, ignore_errors=True)

    # What the driver does.

    def _dispatch(self) -> None:
        """Give every run a place and a job, as long as there is one."""
        for handle in list(self._queue):
            slot = self._take_slot(handle.spec.resources)
            if slot is None:
                continue
            self._queue.remove(handle)
            job = self._free_job(handle.spec.resources, slot)
            job.handle, job.slot = handle, slot
            if job.connection is not None:
                self._order(job, handle, slot)

    def _order(self, job: _Job, handle: RunHandle, slot: Slot) -> None:
        needed = handle.spec.resources
        spec = pickle.dumps(handle.spec)
        order = Order(spec, self._variables(slot), needed.timeout_s, needed.memory_gb)
        with suppress(ConnectionError):  # it has died while it was idle; its end is read next
            job.connection.send(order)  # type: ignore[union-attr]

    def _free_job(self, needed: Resources, slot: Slot) -> _Job:
        """One that has nothing to do, or a new one."""
        free = [j for j in self._jobs if j.handle is None and self._fits(j.needed, needed)]
        if free:
            return free[0]
        self._started += 1
        listener = self._listener = self._listener or self._listen()
        cloudpickle = require("cloudpickle", "slurm", type(self).__name__)
        work = Work.of(self._execute, cloudpickle.dumps)
        self._work = self._work or pickle.dumps(work)
        arguments = (listener.address, listener.key, self._started, self._work)
        with _interrupts_blocked():
            executor = self._jobs_for(self._folder, needed)
            submitted = executor.submit(supervise, *arguments, **self._options)
        job = _Job(self._started, submitted, needed)
        self._jobs.append(job)
        return job

    def _listen_for(self, timeout_s: float) -> None:
        """Take what comes next, from whatever job."""
        by_connection = {job.connection: job for job in self._jobs if job.connection is not None}
        server = None if self._listener is None else self._listener.server
        ready = wait([*by_connection, *filter(None, [server])], timeout_s)
        for one in ready:
            if one is server:
                self._welcome()
            else:
                self._hear(by_connection[one])  # type: ignore[index]

    def _welcome(self) -> None:
        connection = self._listener.accept() if self._listener is not None else None
        if connection is None:
            return
        number: int = connection.recv()
        for job in self._jobs:
            if job.number == number:
                job.connection = connection
                if job.handle is not None and job.slot is not None:
                    self._order(job, job.handle, job.slot)

    def _hear(self, job: _Job) -> None:
        try:
            said: Begun | Ended | Died = job.connection.recv()  # type: ignore[union-attr]
        except (EOFError, OSError):
            self._lose(job)
            return
        if job.handle is None:
            return
        if isinstance(said, Begun):
            self._begin(job.handle, said.process)
            return
        handle = self._release(job)
        if isinstance(said, Ended):
            result = pickle.loads(said.result)  # noqa: S301 - from a worker of ours
            self._end(handle, result, is_recorded=said.is_recorded)
        else:
            self._end(handle, _death(handle.spec, said), is_recorded=False)
        self._dispatch()

    def _release(self, job: _Job) -> RunHandle:
        handle, slot = job.handle, job.slot
        job.handle = job.slot = None
        assert handle is not None and slot is not None  # noqa: S101, PT018 - it was busy
        self._give_back(slot)
        return handle

    def _lose(self, job: _Job) -> None:
        """A supervisor is gone, and its worker with it."""
        self._jobs.remove(job)
        self._lost.append(job.submitted)
        if job.connection is not None:
            job.connection.close()
        if job.handle is not None:
            handle = self._release(job)
            died = Died(LOST, f"job {job.submitted.job_id}, which executed it, has vanished")
            self._end(handle, _death(handle.spec, died), is_recorded=False)
            self._dispatch()

    def _check_jobs(self) -> None:
        """A job that ends before it has connected would never do so: nobody shall wait for it."""
        if time.monotonic() - self._checked_s < JOB_CHECK_INTERVAL_S:
            return
        self._checked_s = time.monotonic()
        for job in [job for job in self._jobs if job.connection is None]:
            if job.submitted.done():
                said = job.submitted.stderr() or "nothing"
                raise ExperimentManagerError(
                    f"A worker could not be started; job {job.submitted.job_id} wrote: "
                    f"{said.strip()[-2000:]}"
                )

    def _end_jobs(self) -> None:
        """Let the jobs go, and wait until the last one is gone."""
        for job in self._jobs:
            if job.connection is not None:
                job.connection.close()  # which ends it
            else:
                _kill(job.submitted)
        leaving = [*self._lost, *(job.submitted for job in self._jobs)]
        self._jobs, self._lost = [], []
        deadline_s = time.monotonic() + self._grace_s + _END_MARGIN_S
        while leaving := [job for job in leaving if not job.done()]:
            if time.monotonic() > deadline_s:
                for job in leaving:
                    _kill(job)
            time.sleep(0.01)


def _death(spec: RunSpec, died: Died) -> RunResult:
    status = RunStatus.ABORTED if died.reason == INTERRUPTED else RunStatus.FAILED
    return unsuccessful(spec, died.reason, died.text, status)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """What is started inside does not hear a Ctrl-C on the terminal, which is the driver's."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill(submitted: Any) -> None:
    """End a job of submitit that has not connected."""
    process = getattr(submitted, "_process", None)
    if process is None:
        submitted.cancel(check=False)
    else:
        process.terminate()


def _delete_pickles(folder: Path) -> None:
    """What submitit leaves beside the output of its jobs, and output that is empty."""
    for file in folder.glob("*"):
        if file.suffix in {".pkl", ".sh"} or (file.is_file() and not file.stat().st_size):
            file.unlink(missing_ok=True)
    with suppress(OSError):
        os.rmdir(folder)  # noqa: PTH106 - only where it is empty
