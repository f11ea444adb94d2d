"""Runs in long-lived jobs that submitit starts: on this machine, or by SLURM on others.

submitit needs about a second for each job and looks for its results in files, so a job is not one
run: it is a supervisor that connects to the driver, and gets one run after the other.
"""

from __future__ import annotations

import logging
import os
import pickle
import secrets
import shutil
import signal
import socket
import tempfile
import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge, wait
from pathlib import Path
from typing import Any, ClassVar

from experiment_manager.common.errors import ExperimentManagerError
from experiment_manager.common.imports import require
from experiment_manager.common.reasons import LOST, PREEMPTED
from experiment_manager.config.plan import RunSpec
from experiment_manager.config.resources import Resources
from experiment_manager.executors.executor import NO_FAULT, Execute, RunHandle, unsuccessful
from experiment_manager.executors.messages import Begun, Cancel, Died, Ended, Leaving, Order
from experiment_manager.executors.queued import CANCELLED, END_MARGIN_S, QueuedExecutor
from experiment_manager.executors.slots import Slot
from experiment_manager.executors.supervisor import supervise
from experiment_manager.executors.worker import Work
from experiment_manager.trial import RunResult

KILL_PATIENCE_S = 60.0  # until a job that was killed counts as one that cannot be


@dataclass
class Job:
    """A supervisor that was asked for, and perhaps has connected already."""

    number: int
    submitted: Any
    needed: Resources
    connection: Connection | None = None
    handle: RunHandle | None = None
    slot: Slot | None = None
    leaves_for: str | None = None  # the reason
    idle_since_s: float = 0.0


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


class PoolExecutor(QueuedExecutor):
    """What the executors that work through submitit have in common.

    Args:
        execute: What executes one run; it is pickled.
        folder: For what the jobs print; None for one that is deleted at the end.
        isolation: ``worker`` to have a process execute run after run, as long as they succeed;
            ``process`` to give each run a new one.
        grace_s: Seconds that a run has to close itself when it is cancelled or overdue.
    """

    _check_interval_s: ClassVar[float] = 1.0
    """How often it looks whether jobs have ended that have not connected."""
    _poll_s: ClassVar[float] = 0.01
    """How often it looks for jobs that leave."""
    _idle_s: ClassVar[float] = float("inf")
    """How long a job is kept that has nothing to do."""

    def __init__(
        self,
        execute: Execute,
        folder: Path | None = None,
        *,
        isolation: str = "worker",
        grace_s: float = 10.0,
    ) -> None:
        super().__init__(execute, grace_s)
        self._temporary = Path(tempfile.mkdtemp(prefix="em-"))  # private, its path short
        self._folder = folder or self._temporary / "jobs"
        self._options = {"reuse": isolation == "worker", "grace_s": grace_s}
        self._work: bytes | None = None
        self._listener: Listener | None = None
        self._jobs: list[Job] = []
        self._lost: list[Any] = []
        self._started = 0
        self._checked_s = time.monotonic()

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

    def _ended(self, submitted: Sequence[Any]) -> list[Any]:
        """Those of some jobs of submitit that have ended."""
        return [job for job in submitted if job.done()]

    def _fate(self, submitted: Any) -> Died:
        """What has become of a job that has not said itself why it goes."""
        return Died(LOST, f"job {submitted.job_id}, which executed it, has vanished")

    def _preempted(self, job: Job, spec: RunSpec, result: RunResult) -> RunResult:
        """The result of a run whose job had to end: it may be submitted again."""
        return replace(result, causes=tuple(dict.fromkeys([PREEMPTED, *result.causes])))

    def _interrupt(self, handle: RunHandle) -> None:
        for job in [job for job in self._jobs if job.handle is handle]:
            if job.connection is None:
                self._release(job)
                self._end(handle, unsuccessful(handle.spec, *CANCELLED))
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
            self._listen_for(min(left_s, self._check_interval_s))
            self._check_jobs()

    def close(self) -> None:
        """Cancel what runs, wait until it has closed, and end the jobs."""
        for handle in list(self._queue):
            self.cancel(handle)
        busy = [job for job in self._jobs if job.handle is not None]
        for job in busy:
            self.cancel(job.handle)  # type: ignore[arg-type]
        deadline_s = time.monotonic() + self._grace_s + END_MARGIN_S
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

    def _order(self, job: Job, handle: RunHandle, slot: Slot) -> None:
        needed = handle.spec.resources
        spec = pickle.dumps(handle.spec)
        order = Order(spec, self._variables(slot), needed.timeout_s, needed.memory_gb)
        with suppress(ConnectionError):  # it has died while it was idle; its end is read next
            job.connection.send(order)  # type: ignore[union-attr]

    def _free_job(self, needed: Resources, slot: Slot) -> Job:
        """One that has nothing to do, or a new one."""
        idle = [j for j in self._jobs if j.handle is None and j.leaves_for is None]
        free = [job for job in idle if self._fits(job.needed, needed)]
        if free:
            return free[0]
        for job in idle:  # it would keep what it holds from those that are needed
            self._dismiss(job)
        self._started += 1
        listener = self._listener = self._listener or self._listen()
        cloudpickle = require("cloudpickle", "slurm", type(self).__name__)
        work = Work.of(self._execute, cloudpickle.dumps)
        self._work = self._work or pickle.dumps(work)
        arguments = (listener.address, listener.key, self._started, self._work)
        try:
            with _interrupts_blocked():
                executor = self._jobs_for(self._folder, needed)
                submitted = executor.submit(supervise, *arguments, **self._options)
        except RuntimeError as error:  # submitit's, with what the scheduler says
            raise ExperimentManagerError(f"No job could be started: {error}") from error
        job = Job(self._started, submitted, needed)
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
            elif by_connection[one] in self._jobs:  # type: ignore[index]
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

    def _hear(self, job: Job) -> None:
        try:
            said: Begun | Ended | Died | Leaving = job.connection.recv()  # type: ignore[union-attr]
        except (EOFError, OSError):
            self._lose(job)
            return
        if isinstance(said, Leaving):
            job.leaves_for = said.reason
        if job.handle is None or isinstance(said, Leaving):
            return
        if isinstance(said, Begun):
            self._begin(job.handle, said.process)
            return
        handle = self._release(job)
        is_recorded = isinstance(said, Ended) and said.is_recorded
        if isinstance(said, Ended):
            result = pickle.loads(said.result)  # noqa: S301 - from a worker of ours
        else:
            result = unsuccessful(handle.spec, said.reason, said.text)
        self._end(handle, self._judge(job, handle.spec, result), is_recorded=is_recorded)
        self._dispatch()

    def _judge(self, job: Job, spec: RunSpec, result: RunResult) -> RunResult:
        """The result, which is that of a preempted run where the job had to end."""
        # The worker may hear of it before its supervisor, or fail because a child died of it.
        is_preempted = PREEMPTED in (job.leaves_for, *result.causes[:1])
        if not is_preempted or result.status.is_success:
            return result
        return self._preempted(job, spec, result)

    def _release(self, job: Job) -> RunHandle:
        handle, slot = job.handle, job.slot
        job.handle = job.slot = None
        job.idle_since_s = time.monotonic()
        assert handle is not None and slot is not None  # noqa: S101, PT018 - it was busy
        self._give_back(slot)
        return handle

    def _lose(self, job: Job) -> None:
        """A supervisor is gone, and its worker with it."""
        self._jobs.remove(job)
        self._lost.append(job.submitted)
        if job.connection is not None:
            job.connection.close()
        if job.handle is not None:
            handle = self._release(job)
            if job.leaves_for == PREEMPTED and handle.process is None:  # nobody has begun with it
                self._queue.insert(0, handle)
            else:
                died = self._fate(job.submitted)
                if job.leaves_for is not None:
                    died = Died(job.leaves_for, "its job had to end")
                result = unsuccessful(handle.spec, died.reason, died.text)
                self._end(handle, self._judge(job, handle.spec, result), is_recorded=False)
            self._dispatch()

    def _dismiss(self, job: Job) -> None:
        """Have a job end, which has nothing to do."""
        self._jobs.remove(job)
        self._lost.append(job.submitted)
        if job.connection is None:
            _kill(job.submitted)
        else:
            job.connection.close()  # which ends it

    def _check_jobs(self) -> None:
        """A job that ends before it has connected would never do so: nobody shall wait for it."""
        now_s = time.monotonic()
        if now_s - self._checked_s < self._check_interval_s:
            return
        self._checked_s = now_s
        for job in [job for job in self._jobs if job.handle is None]:
            if now_s - job.idle_since_s > self._idle_s:
                self._dismiss(job)
        awaited = {job.submitted: job for job in self._jobs if job.connection is None}
        for submitted in self._ended(list(awaited)):
            awaited[submitted].leaves_for = reason = self._fate(submitted).reason
            if reason in NO_FAULT:
                self._lose(awaited[submitted])
                continue
            said = submitted.stderr() or "nothing"
            raise ExperimentManagerError(
                f"A worker could not be started; job {submitted.job_id} wrote: "
                f"{said.strip()[-2000:]}"
            )

    def _end_jobs(self) -> None:
        """Let the jobs go, and wait until the last one is gone."""
        for job in list(self._jobs):
            self._dismiss(job)
        leaving, self._lost = self._lost, []
        for job in self._wait_for(leaving, self._grace_s + END_MARGIN_S):
            _kill(job)
        stubborn = ", ".join(str(job.job_id) for job in self._wait_for(leaving, KILL_PATIENCE_S))
        if stubborn:
            logging.getLogger(__name__).warning("These jobs have not ended: %s", stubborn)

    def _wait_for(self, submitted: Sequence[Any], patience_s: float) -> list[Any]:
        """Wait until jobs have ended, and tell which have not."""
        deadline_s = time.monotonic() + patience_s
        left = list(submitted)
        while left:
            ended = self._ended(left)
            left = [job for job in left if job not in ended]
            if time.monotonic() > deadline_s:
                break
            time.sleep(self._poll_s if left else 0)
        return left


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
