"""What is said when a process is asked to end, by whom, and what if it cannot be said."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from experiment_manager.common import signals
from experiment_manager.common.signals import Terminated, orderly_signals

BOTH = pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
# A terminal sends Ctrl-C to a process and to all that it has forked.
FAMILY = """
import os, signal
from experiment_manager.common.signals import orderly_signals

def interrupt():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        return 7

with orderly_signals():
    child = os.fork()
    if child == 0:
        os._exit(interrupt())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert interrupt() == 7
"""


class _Refusing(logging.Handler):
    """Like a stream that is being written to when the signal comes."""

    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("reentrant call")


@pytest.fixture
def refusing() -> Iterator[None]:
    """The text cannot be said."""
    logger, handler = logging.getLogger(signals.__name__), _Refusing()
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)


def send(number: signal.Signals) -> None:
    with orderly_signals():
        os.kill(os.getpid(), number)


@BOTH
def test_it_is_answered_with_how_to_stop_at_once(
    number: signal.Signals, raised: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(raised):
        send(number)
    (record,) = caplog.records
    assert record.message == (
        "Stopping as soon as everything is closed; Ctrl-C once more stops at once"
    )


@BOTH
@pytest.mark.usefixtures("refusing")
def test_an_answer_that_cannot_be_given_changes_nothing(
    number: signal.Signals, raised: type[BaseException]
) -> None:
    with pytest.raises(raised):
        send(number)


def test_of_a_process_and_its_forks_one_answers() -> None:
    command = [sys.executable, "-c", FAMILY]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Stopping as soon as") == 1
