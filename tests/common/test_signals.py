"""The first signal ends a run the way an exception does, the second one at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from experiment_manager.common.signals import Terminated, orderly_signals

PROGRAM = """
import os, signal
from experiment_manager.common.signals import orderly_signals
with orderly_signals():
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
    with pytest.raises(Terminated, match="terminated by SIGTERM"), orderly_signals():
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
        with orderly_signals():
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            leave()
    except (ValueError, Terminated):
        pass
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_programs_own_handler_is_left_in_charge(own_handler: list[int]) -> None:
    with orderly_signals():
        terminate_myself()
    assert own_handler == [signal.SIGTERM]


def use_it_within() -> None:
    with orderly_signals():
        pass
    terminate_myself()


def test_an_inner_block_leaves_the_outer_one_at_work() -> None:
    with pytest.raises(Terminated), orderly_signals():
        use_it_within()


def test_in_another_thread_it_changes_nothing() -> None:
    seen: list[Any] = []

    def look() -> None:
        with orderly_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


def test_uncaught_it_ends_the_process_with_143_after_everything_is_closed() -> None:
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (143, "closed\n")


CLOSING = """
import os, signal, sys, time
from experiment_manager.common import signals
signals.SAME_SIGNAL_S = 0.0
with signals.orderly_signals():
    try:
        print("ready", flush=True)
        signal.pause()
    finally:
        print("closing", flush=True)
        sys.stdin.read()  # takes for ever
"""


def test_a_second_ctrl_c_ends_the_process_at_once() -> None:
    command = [sys.executable, "-c", CLOSING]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        for line in ("ready", "closing"):
            assert process.stdout.readline() == f"{line}\n"
            process.send_signal(signal.SIGINT)
        assert process.wait() == -signal.SIGINT


def test_a_second_sigterm_lets_it_close() -> None:
    command = [sys.executable, "-c", CLOSING]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        for line in ("ready", "closing"):
            assert process.stdout.readline() == f"{line}\n"
            process.send_signal(signal.SIGTERM)
        process.stdin.close()
        assert process.wait() == 128 + signal.SIGTERM


def interrupt_twice() -> None:
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        os.kill(os.getpid(), signal.SIGINT)


def test_the_same_ctrl_c_told_twice_counts_once() -> None:
    with pytest.raises(KeyboardInterrupt), orderly_signals():
        interrupt_twice()
