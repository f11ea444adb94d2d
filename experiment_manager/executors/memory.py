"""How much memory a run takes, and whether the system has killed something for want of it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from experiment_manager.executors.slots import BYTES_PER_GB

MEMORY_INTERVAL_S = 0.1
_AGAIN_S = 10.0  # so long a run may take to close itself
_SIGNAL = signal.SIGVTALRM  # it interrupts a system call, and nobody else is known to use it

_PROC = Path("/proc")


def resident_bytes(pid: int) -> int:
    """The main memory of a process and all that it started; 0 where the system does not tell."""
    return sum(map(_resident, _family(pid))) * os.sysconf("SC_PAGE_SIZE")


def _family(pid: int) -> Iterator[int]:
    yield pid
    for listed in _PROC.glob(f"{pid}/task/*/children"):
        with suppress(OSError):
            for child in listed.read_text().split():
                yield from _family(int(child))


def _resident(pid: int) -> int:
    with suppress(OSError):
        return int((_PROC / str(pid) / "statm").read_text().split()[1])
    return 0


def kills_for_memory() -> int:
    """How many processes the system has killed since its start because memory ran out."""
    with suppress(OSError):
        for line in (_PROC / "vmstat").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def excess_text(taken_bytes: int, limit_gb: float) -> str:
    """What is said of a run that took more memory than it may.

    Example:
        >>> excess_text(2_100_000_000, 2.0)
        'it took 2.10 GB of memory, more than the 2 GB that it may take'
    """
    taken = f"{taken_bytes / BYTES_PER_GB:.2f} GB of memory"
    return f"it took {taken}, more than the {limit_gb:g} GB that it may take"


@contextmanager
def memory_limit(limit_gb: float | None) -> Iterator[None]:
    """Inside, a ``MemoryError`` is raised when this process takes more memory than it may.

    It is for the main thread, and raised there as soon as the code comes back to Python; once
    more ten seconds later, where it was caught and the memory is not given back. In any other
    thread this does nothing.

    Args:
        limit_gb: Main memory of this process and all that it started; None for no limit.
    """
    if limit_gb is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    ended, taken_bytes = threading.Event(), [0]

    def watch() -> None:
        interval_s = MEMORY_INTERVAL_S
        while not ended.wait(interval_s):
            taken_bytes[0] = resident_bytes(os.getpid())
            is_too_much = taken_bytes[0] > limit_gb * BYTES_PER_GB
            interval_s = _AGAIN_S if is_too_much else MEMORY_INTERVAL_S
            if is_too_much:
                signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)

    def refuse(_number: int, _frame: FrameType | None) -> None:
        if not ended.is_set():
            raise MemoryError(excess_text(taken_bytes[0], limit_gb))

    before = signal.signal(_SIGNAL, refuse)
    thread = threading.Thread(target=watch, name="memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        signal.signal(_SIGNAL, before)
