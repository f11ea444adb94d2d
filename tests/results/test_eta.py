"""When all will be done is learned from what is done, and from how many run at a time."""

from __future__ import annotations

import pytest

from experiment_manager.results.eta import Remaining, etas_s
from experiment_manager.results.run_times import RunTimes

TIMES = RunTimes({"small": 10.0, "large": 30.0})


def etas(*remaining: Remaining, parallelism: float = 1) -> list[float | None]:
    return list(etas_s(remaining, TIMES, parallelism))


def test_a_run_takes_as_long_as_those_of_its_trial_did() -> None:
    times = RunTimes.of([("small", 8.0), ("small", 12.0), ("large", 30.0)])
    assert times == TIMES
    assert times.expected_s("small") == 10.0


def test_a_run_of_a_trial_without_a_finished_one_takes_as_long_as_the_trials_do_on_average() -> (
    None
):
    assert TIMES.expected_s("wide") == 20.0


def test_without_a_finished_run_nobody_can_tell() -> None:
    assert RunTimes.of([]).expected_s("small") is None
    assert list(etas_s([Remaining("small", (3.0,), 1)], RunTimes({}), 1)) == [None]


def test_trials_are_done_one_after_the_other() -> None:
    assert etas(Remaining("small", (), 2), Remaining("large", (), 1)) == [20.0, 50.0]


def test_what_is_running_takes_the_rest_of_its_time_and_no_less_than_none() -> None:
    assert etas(Remaining("small", (4.0,), 0)) == [6.0]
    assert etas(Remaining("small", (25.0,), 0)) == [0.0]


def test_runs_share_the_work_but_none_is_done_before_its_own_time() -> None:
    assert etas(Remaining("small", (), 6), parallelism=3) == [20.0]
    assert etas(Remaining("small", (), 1), parallelism=3) == [10.0]


def test_nothing_is_left_of_what_is_done() -> None:
    done = Remaining("small", (), 0)
    assert etas(done, Remaining("large", (), 1), done) == [0.0, 30.0, 0.0]


@pytest.mark.parametrize("elapsed_s", [(), (4.0,)])
def test_behind_a_trial_of_unknown_plan_nobody_can_tell(elapsed_s: tuple[float, ...]) -> None:
    unknown = Remaining("small", elapsed_s, None)
    assert etas(unknown, Remaining("large", (), 1)) == [None, None]
