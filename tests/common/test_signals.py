"""SIGTERM ends a run the way an exception does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from experiment_manager.common.signals import Terminated, sigterm_raises

PROGRAM = """
import os, signal
from experiment_manager.common.signals import sigterm_raises
with sigterm_raises():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        print("closed")
"""


def terminate_myself() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def own_handler() -> Iterator[list[int]]:
    """The program's own handler for SIGTERM; the numbers of the signals that it got."""
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    yield received
    signal.signal(signal.SIGTERM, before)


def test_inside_the_signal_raises() -> None:
    with pytest.raises(Terminated, match="terminated by SIGTERM"), sigterm_raises():
        terminate_myself()


def test_it_is_no_exception_that_training_code_swallows() -> None:
    assert not issubclass(Terminated, Exception)


def leave_quietly() -> None:
    """End the block in the usual way."""


def leave_with_an_error() -> None:
    raise ValueError


@pytest.mark.parametrize("leave", [leave_quietly, leave_with_an_error, terminate_myself])
def test_afterwards_the_signal_does_what_it_did_before(leave: Callable[[], None]) -> None:
    try:
        with sigterm_raises():
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            leave()
    except (ValueError, Terminated):
        pass
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_programs_own_handler_is_left_in_charge(own_handler: list[int]) -> None:
    with sigterm_raises():
        terminate_myself()
    assert own_handler == [signal.SIGTERM]


def use_it_within() -> None:
    with sigterm_raises():
        pass
    terminate_myself()


def test_an_inner_block_leaves_the_outer_one_at_work() -> None:
    with pytest.raises(Terminated), sigterm_raises():
        use_it_within()


def test_in_another_thread_it_changes_nothing() -> None:
    seen: list[Any] = []

    def look() -> None:
        with sigterm_raises():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


def test_uncaught_it_ends_the_process_with_143_after_everything_is_closed() -> None:
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (143, "closed\n")
