"""What stands between a driver and a worker, and outlives the worker.

It does what the executing process cannot be trusted with: it ends a run that takes too long or too
much memory and does not heed it, tells what a worker died of, and ends it when the driver is gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Client, Connection, wait

from experiment_manager.common.reasons import INTERRUPTED, LOST, OUT_OF_MEMORY, TIMEOUT
from experiment_manager.executors.keep_alive import keep_alive
from experiment_manager.executors.memory import (
    MEMORY_INTERVAL_S,
    excess_text,
    kills_for_memory,
    resident_bytes,
)
from experiment_manager.executors.messages import Begun, Cancel, Died, Ended, Leaving, Order
from experiment_manager.executors.preemption import notices, reason_of_notice, signals_blocked
from experiment_manager.executors.slots import BYTES_PER_GB
from experiment_manager.executors.time_limit import overdue_text

ORPHAN_GRACE_S = 2.0  # whoever gives the same command again shall find nobody at it


class _Worker:
    """The process that executes runs, seen from its supervisor."""

    def __init__(self, work: bytes, variables: Mapping[str, str | None]) -> None:
        self.variables = variables
        self.connection, theirs = Pipe()
        with theirs, signals_blocked():
            command = [sys.executable, "-m", "experiment_manager.executors.worker_process"]
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, str(theirs.fileno()), str(os.getpid())],
                env={k: v for k, v in {**os.environ, **variables}.items() if v is not None},
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # for what it starts to be ended with it
            )
        self.connection.send(work)

    def end(self, patience_s: float) -> None:
        """Have it end by itself, which it does between two runs."""
        self.connection.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience_s)
        self.kill()

    def kill(self) -> None:
        """End it, and what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class _Current:
    """The run that is being executed.

    Attributes:
        order: What was asked for.
        end_at_s: When it is killed, by the monotonic clock.
        end_of: Reason and text of that.
        killed_of: Why it was killed; no text where nobody here did it.
        kills_before: How often the system had run out of memory before.
    """

    order: Order
    end_at_s: float = float("inf")
    end_of: tuple[str, str] = (LOST, "")
    killed_of: tuple[str, str] = (LOST, "")
    kills_before: int = field(default_factory=kills_for_memory)


class Supervisor:
    """Has the runs of one driver executed, one at a time.

    Args:
        driver: The connection to it.
        notices: Through which signals come that say that this job must end.
        work: What to execute runs with, pickled.
        reuse: True to have a process execute run after run, as long as they succeed.
        grace_s: Seconds that a run has to end by itself when it must.
    """

    def __init__(
        self, driver: Connection, notices: Connection, work: bytes, *, reuse: bool, grace_s: float
    ) -> None:
        self._driver = driver
        self._notices = notices
        self._work = work
        self._reuse = reuse
        self._grace_s = grace_s
        self._worker: _Worker | None = None
        self._current: _Current | None = None
        self._is_leaving = False

    def serve(self) -> None:
        """Do what the driver says, until it goes or this job must end."""
        try:
            while not (self._is_leaving and self._current is None):
                self._step()
        except (EOFError, ConnectionError):
            pass
        finally:
            if self._worker is not None:
                self._end_run(self._worker)
                self._worker.kill()

    def _step(self) -> None:
        """Take what comes next, from the driver or from the worker; the driver's end raises."""
        connections = [self._driver, self._notices]
        if self._worker is not None:
            connections.append(self._worker.connection)
        ready = wait(connections, self._patience_s())
        if self._notices in ready:
            self._leave(self._notices.recv())
            return  # what the driver has just ordered is not begun any more
        if self._driver in ready:
            self._obey(self._driver.recv())
        if self._worker is not None and self._worker.connection in ready:
            self._listen(self._worker)
        self._watch()

    def _patience_s(self) -> float | None:
        if self._current is None:
            return None
        left_s = max(0.0, self._current.end_at_s - time.monotonic())
        has_limit = self._current.order.memory_gb is not None
        patience_s = min(left_s, MEMORY_INTERVAL_S) if has_limit else left_s
        return None if patience_s == float("inf") else patience_s

    def _leave(self, notice: int) -> None:
        """Have the run close itself, as it does by itself where it got the notice too."""
        if self._is_leaving:
            return
        self._is_leaving = True
        reason = reason_of_notice(notice)
        self._driver.send(Leaving(reason))
        if self._current is not None and self._worker is not None:
            self._current.killed_of = self._current.end_of = (reason, "its job had to end")
            self._current.end_at_s = time.monotonic() + self._grace_s
            self._worker.process.send_signal(notice)

    def _obey(self, wish: Order | Cancel) -> None:
        if isinstance(wish, Order):
            self._start(wish)
        elif self._is_leaving:
            return  # it closes already
        elif self._current is not None and self._worker is not None:
            self._current.end_of = (INTERRUPTED, "it was cancelled")
            self._current.end_at_s = time.monotonic() + self._grace_s
            self._worker.process.send_signal(signal.SIGINT)

    def _start(self, order: Order) -> None:
        if self._worker is not None and self._worker.variables != order.variables:
            self._worker.end(self._grace_s)
            self._worker = None
        if self._worker is None:
            self._worker = _Worker(self._work, order.variables)
        self._current = _Current(order)
        with suppress(ConnectionError):  # it has died while it was idle, which is seen next
            self._worker.connection.send(order.spec)

    def _listen(self, worker: _Worker) -> None:
        try:
            said: Begun | Ended = worker.connection.recv()
        except (EOFError, ConnectionError):
            self._bury(worker)
            return
        if isinstance(said, Ended):
            self._conclude(worker, said)
        else:
            self._limit_time()
            self._driver.send(said)

    def _limit_time(self) -> None:
        """From now on, as the worker does; it has the grace to end the run by itself."""
        if self._current is None:
            return
        limit_s = self._current.order.timeout_s
        if limit_s is not None and self._current.end_at_s == float("inf"):
            self._current.end_at_s = time.monotonic() + limit_s + self._grace_s
            self._current.end_of = (TIMEOUT, overdue_text(limit_s))

    def _conclude(self, worker: _Worker, ended: Ended) -> None:
        self._current = None
        self._driver.send(ended)
        if not (self._reuse and ended.is_recorded and ended.is_success):
            self._worker = None
            worker.end(self._grace_s)

    def _watch(self) -> None:
        """End a run whose time is over, or that takes more memory than it may."""
        if self._current is None or self._worker is None:
            return
        limit_gb = self._current.order.memory_gb
        taken = 0 if limit_gb is None else resident_bytes(self._worker.process.pid)
        if limit_gb is not None and taken > limit_gb * BYTES_PER_GB:
            self._current.killed_of = (OUT_OF_MEMORY, excess_text(taken, limit_gb))
        elif time.monotonic() >= self._current.end_at_s:
            self._current.killed_of = self._current.end_of
        else:
            return
        self._worker.kill()
        self._bury(self._worker)

    def _bury(self, worker: _Worker) -> None:
        """A worker is dead; tell of what, if a run has died with it."""
        worker.kill()  # what it has started
        worker.connection.close()
        self._worker = None
        if self._current is not None:
            current, self._current = self._current, None
            self._driver.send(_end_of(current, worker.process))

    def _end_run(self, worker: _Worker) -> None:
        """Without a driver: the run may close, and nobody is told."""
        grace_s = 0.0 if self._current is None else min(self._grace_s, ORPHAN_GRACE_S)
        deadline_s = time.monotonic() + grace_s
        worker.process.send_signal(signal.SIGTERM)
        with suppress(EOFError, ConnectionError):
            while wait([worker.connection], max(0.0, deadline_s - time.monotonic())):
                if isinstance(worker.connection.recv(), Ended):
                    break


def _end_of(current: _Current, process: subprocess.Popen[bytes]) -> Died:
    reason, text = current.killed_of
    if not text:
        text = f"its process {process.pid} {_death(process.returncode)}"
        if process.returncode == -signal.SIGKILL and kills_for_memory() > current.kills_before:
            return Died(OUT_OF_MEMORY, f"{text}, because the machine ran out of memory")
    return Died(reason, text)


def _death(returncode: int) -> str:
    if returncode < 0:
        return f"was killed by {signal.Signals(-returncode).name}"
    return f"exited with code {returncode} in the middle of it"


def supervise(  # the function of a job
    address: str | tuple[str, int], key: bytes, number: int, work: bytes, **options: float
) -> None:
    """Connect to a driver and have its runs executed, until it goes or the job must end.

    Args:
        address: Where it listens.
        key: By which both know each other.
        number: What it calls this job.
        work: What to execute runs with.
        options: ``reuse`` and ``grace_s`` of :class:`Supervisor`.
    """
    with notices() as told, Client(address, authkey=key) as driver:
        keep_alive(driver.fileno())
        driver.send(number)
        reuse, grace_s = bool(options["reuse"]), options["grace_s"]
        Supervisor(driver, told, work, reuse=reuse, grace_s=grace_s).serve()
