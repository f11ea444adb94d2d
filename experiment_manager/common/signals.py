"""SIGTERM as an exception, so that everything is closed on the way out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

TERMINATED_EXIT_CODE = 128 + signal.SIGTERM


class Terminated(SystemExit):
    """The process was asked to end by SIGTERM; uncaught, it exits with code 143."""

    def __init__(self) -> None:
        super().__init__(TERMINATED_EXIT_CODE)

    def __str__(self) -> str:
        return "terminated by SIGTERM"

    def __reduce__(self) -> tuple[type[Terminated], tuple[()]]:
        """Rebuild without the exit code when crossing a process border."""
        return type(self), ()


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Inside, SIGTERM raises :class:`Terminated`, unless the program handles it itself.

    Python delivers signals to the main thread only; in any other this does nothing.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise_terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated
