"""The enums answer questions about themselves, so that nobody lists their members elsewhere."""

from __future__ import annotations

import itertools

import pytest

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.errors import EarlyStop
from experiment_manager.common.signals import Terminated


def next_in_a_generator() -> BaseException:
    """What Python makes of a ``next()`` that finds nothing inside of a generator."""

    def generator() -> object:
        yield next(iter(()))

    with pytest.raises(RuntimeError) as raised:
        next(generator())  # type: ignore[call-overload]
    return raised.value


def test_a_level_is_below_those_before_it_and_no_other() -> None:
    for higher, deeper in itertools.combinations(Level, 2):
        assert deeper.is_below(higher)
        assert not higher.is_below(deeper)
    assert not any(level.is_below(level) for level in Level)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, RunStatus.COMPLETED),
        (StopIteration(), RunStatus.STOPPED),
        (EarlyStop(), RunStatus.STOPPED),
        (next_in_a_generator(), RunStatus.STOPPED),
        (ValueError(), RunStatus.FAILED),
        (RuntimeError(), RunStatus.FAILED),
        (KeyboardInterrupt(), RunStatus.ABORTED),
        (Terminated(), RunStatus.ABORTED),
        (SystemExit(), RunStatus.FAILED),
    ],
    ids=repr,
)
def test_an_exception_decides_how_a_run_ended(
    error: BaseException | None, status: RunStatus
) -> None:
    assert RunStatus.of_exception(error) is status


def test_an_early_stop_and_a_skip_are_successes() -> None:
    successes = {RunStatus.COMPLETED, RunStatus.STOPPED, RunStatus.SKIPPED}
    assert {status for status in RunStatus if status.is_success} == successes


def test_what_is_pending_or_running_has_not_ended() -> None:
    assert {status for status in RunStatus if not status.is_ended} == {
        RunStatus.PENDING,
        RunStatus.RUNNING,
    }
