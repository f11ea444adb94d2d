"""An end for code that takes too long."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Inside, a ``TimeoutError`` is raised where the code is when the time is over.

    It uses the signal SIGALRM, so it is for the main thread, and does nothing in any other;
    code that does not come back to Python is not reached.

    Args:
        seconds: How long; None for no limit.

    Example:
        >>> import time
        >>> with time_limit(0.01):
        ...     time.sleep(60)
        Traceback (most recent call last):
        TimeoutError: it took longer than its time limit of 0.01 s
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(overdue_text(seconds))

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def overdue_text(seconds: float) -> str:
    """What is said of a run that exceeded its time.

    Example:
        >>> overdue_text(90.0)
        'it took longer than its time limit of 90 s'
    """
    return f"it took longer than its time limit of {seconds:g} s"
