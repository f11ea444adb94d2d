"""Which of two outcomes counts."""

from __future__ import annotations

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import EarlyStop
from experiment_manager.common.signals import Terminated
from experiment_manager.pipelines.outcome import Outcome

ENDED = [status for status in RunStatus if status.is_ended]


@pytest.mark.parametrize("one", ENDED)
@pytest.mark.parametrize("other", ENDED)
def test_the_graver_counts_whichever_comes_first(one: RunStatus, other: RunStatus) -> None:
    forth, back = Outcome(one).worse(Outcome(other)), Outcome(other).worse(Outcome(one))
    assert forth == back
    assert forth.status in {one, other}


def test_from_harmless_to_grave() -> None:
    order = [RunStatus.COMPLETED, RunStatus.STOPPED, RunStatus.FAILED, RunStatus.ABORTED]
    for index, status in enumerate(order):
        for harmless in order[:index]:
            assert Outcome(harmless).worse(Outcome(status)).status is status


def test_of_two_equally_grave_the_first_counts() -> None:
    first, second = Outcome.raised(ValueError("first")), Outcome.raised(ValueError("second"))
    assert first.worse(second) is first


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("x"), RunStatus.FAILED),
        (EarlyStop("x"), RunStatus.STOPPED),
        (StopIteration(), RunStatus.STOPPED),
        (RuntimeError("x"), RunStatus.FAILED),
        (KeyboardInterrupt(), RunStatus.ABORTED),
        (Terminated(), RunStatus.ABORTED),
        (SystemExit(0), RunStatus.FAILED),
    ],
)
def test_the_status_of_what_was_raised(error: BaseException, status: RunStatus) -> None:
    assert Outcome.raised(error) == Outcome(status, error)


def test_only_failures_and_interrupts_have_a_traceback() -> None:
    assert Outcome().traceback is None
    assert Outcome.raised(EarlyStop("x")).traceback is None
    assert Outcome(RunStatus.FAILED).traceback is None
    assert "ValueError: x" in str(Outcome.raised(ValueError("x")).traceback)
    assert "KeyboardInterrupt" in str(Outcome.raised(KeyboardInterrupt()).traceback)
