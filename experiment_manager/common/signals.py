"""SIGINT and SIGTERM as exceptions, so that everything is closed on the way out; but once."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

TERMINATED_EXIT_CODE = 128 + signal.SIGTERM
SAME_SIGNAL_S = 0.5


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
def orderly_signals() -> Iterator[None]:
    """Inside, the first SIGINT or SIGTERM raises, and a second SIGINT ends the process at once.

    The first raises ``KeyboardInterrupt`` or :class:`Terminated`. What a process leaves that was
    ended at once is what a killed one leaves. A signal that the program handles itself is its
    own. Python delivers signals to the main thread only; in any other this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    ours = {n: usual for n, usual in defaults.items() if signal.getsignal(n) is usual}
    handler = _RaisesOnce()
    for number in ours:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, usual in ours.items():
            signal.signal(number, usual)


class _RaisesOnce:
    """A handler that raises at the first signal."""

    def __init__(self) -> None:
        self._first_s: float | None = None
        self._pid = os.getpid()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._first_s is None:
            self._first_s = time.monotonic()
            try:
                self._answer()
            finally:  # a stream in the middle of which the signal came refuses the text
                _raise(number, frame)
        # Programs that start others pass on a Ctrl-C which those have from the terminal too.
        elif number == signal.SIGINT and time.monotonic() - self._first_s > SAME_SIGNAL_S:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _answer(self) -> None:
        if self._pid == os.getpid():  # those that were forked get a Ctrl-C too
            logging.getLogger(__name__).warning(
                "Stopping as soon as everything is closed; Ctrl-C once more stops at once"
            )


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    if number == signal.SIGTERM:
        raise Terminated
    signal.default_int_handler(number, frame)
