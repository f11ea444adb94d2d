"""The stopping rule: examples and properties."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from experiment_manager.pipelines.callbacks.stopping_rule import StoppingRule

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
ANY = st.floats(width=32)
HISTORIES = st.lists(ANY, max_size=30)
PATIENCE = st.integers(1, 5)
PERCENT = st.floats(0, 200)
MODE = st.sampled_from(["min", "max"])


def answers(values: list[float], **arguments: Any) -> list[bool]:
    rule = StoppingRule(**arguments)
    return [rule.observe(value) for value in values]


def improves(best: float, value: float, **arguments: Any) -> bool:
    rule = StoppingRule(patience=1, **arguments)
    rule.observe(best)
    return not rule.observe(value)


# Examples.


def test_it_stops_at_the_patience_th_epoch_without_an_improvement() -> None:
    assert answers([1.0, 0.9, 0.9, 0.9, 0.9], patience=3) == [False, False, False, False, True]


def test_an_improvement_starts_the_wait_anew() -> None:
    assert answers([1.0, 1.0, 0.9, 1.0, 1.0], patience=2) == [False, False, False, False, True]


def test_a_value_between_best_and_threshold_does_not_become_the_best() -> None:
    rule = StoppingRule(patience=5, min_delta_percent=10)
    for value in (1.0, 0.95, 0.91):
        rule.observe(value)
    assert (rule.best, rule.waited) == (1.0, 2)


@pytest.mark.parametrize(
    ("best", "value", "mode", "percent", "expected"),
    [
        (1.0, 0.99, "min", 1.0, True),  # exactly the threshold counts
        (1.0, 0.995, "min", 1.0, False),
        (100.0, 99.0, "min", 1.0, True),
        (0.5, 0.505, "max", 1.0, True),
        (0.5, 0.504, "max", 1.0, False),
        (1.0, 1.0, "min", 0.0, False),  # strictly better
        (-1.0, -1.01, "min", 1.0, True),  # negative: of the magnitude
        (-1.0, -1.005, "min", 1.0, False),
        (-1.0, -0.5, "min", 1.0, False),  # worse, though nearer to zero
        (-1.0, -0.99, "max", 1.0, True),
        (0.0, -1e-300, "min", 50.0, True),  # from zero anything better is one
        (0.0, 1e-300, "max", 50.0, True),
        (-0.0, 0.0, "max", 0.0, False),
        (0.0, 1.0, "min", 0.0, False),
        (math.inf, 1e308, "min", 10.0, True),
        (1.0, -math.inf, "min", 10.0, True),
        (-math.inf, -math.inf, "min", 0.0, False),
        (1.0, math.inf, "min", 0.0, False),
        (1e308, -1e308, "min", 100.0, True),
    ],
)
def test_what_an_improvement_is(
    best: float, value: float, mode: str, percent: float, expected: bool
) -> None:
    assert improves(best, value, mode=mode, min_delta_percent=percent) is expected


@pytest.mark.parametrize(
    ("best", "value", "mode", "delta", "expected"),
    [
        (1.0, 0.75, "min", 0.25, True),  # exactly the threshold counts
        (1.0, 0.76, "min", 0.25, False),
        (0.5, 0.75, "max", 0.25, True),
        (0.5, 0.74, "max", 0.25, False),
        (0.0, -0.1, "min", 0.25, False),  # from zero too
        (math.inf, 5.0, "min", 0.25, True),
    ],
)
def test_an_improvement_can_be_measured_in_the_unit_of_the_values(
    best: float, value: float, mode: str, delta: float, expected: bool
) -> None:
    assert improves(best, value, mode=mode, min_delta=delta) is expected


@pytest.mark.parametrize(
    ("value", "expected"), [(8.9, True), (9.1, False)], ids=["both reached", "one missed"]
)
@pytest.mark.parametrize("deltas", [(10.0, 0.5), (5.0, 1.0)], ids=["percent", "unit"])
def test_both_smallest_improvements_must_be_reached(
    value: float, expected: bool, deltas: tuple[float, float]
) -> None:
    percent, delta = deltas
    assert improves(10.0, value, min_delta_percent=percent, min_delta=delta) is expected


def test_it_goes_on_from_its_state() -> None:
    rule, other = StoppingRule(patience=2), StoppingRule(patience=2)
    for value in (1.0, 0.5, 0.6):
        rule.observe(value)
    other.load_state_dict(rule.state_dict())
    assert other == rule
    assert other.observe(0.6)


def test_nan_first_waits_for_a_number() -> None:
    rule = StoppingRule(patience=3)
    assert [rule.observe(value) for value in (math.nan, math.nan, 5.0)] == [False, False, False]
    assert (rule.best, rule.waited) == (5.0, 0)


def test_nan_alone_uses_the_patience_up() -> None:
    assert answers([math.nan] * 2, patience=2) == [False, True]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"patience": 0}, "patience"),
        ({"patience": -1}, "patience"),
        ({"patience": 1.5}, "patience"),
        ({"patience": True}, "patience"),
        ({"patience": "5"}, "patience"),
        ({"patience": math.nan}, "patience"),
        ({"patience": math.inf}, "patience"),
        ({"patience": 1, "min_delta_percent": -0.1}, "min_delta_percent"),
        ({"patience": 1, "min_delta_percent": math.nan}, "min_delta_percent"),
        ({"patience": 1, "min_delta_percent": math.inf}, "min_delta_percent"),
        ({"patience": 1, "min_delta_percent": "1%"}, "min_delta_percent"),
        ({"patience": 1, "min_delta": -0.1}, "min_delta"),
        ({"patience": 1, "min_delta": math.nan}, "min_delta"),
        ({"patience": 1, "min_delta": "1"}, "min_delta"),
        ({"patience": 1, "mode": "Min"}, "mode"),
        ({"patience": 1, "mode": None}, "mode"),
        ({"patience": 1, "mode": ["min"]}, "mode"),
    ],
)
def test_an_argument_out_of_its_range_is_named(arguments: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' must be"):
        StoppingRule(**arguments)


# Properties.


@given(HISTORIES, PATIENCE, PERCENT)
def test_min_and_max_mirror_each_other(values: list[float], patience: int, percent: float) -> None:
    mirrored = [-value for value in values]
    assert answers(values, patience=patience, min_delta_percent=percent, mode="min") == answers(
        mirrored, patience=patience, min_delta_percent=percent, mode="max"
    )


@given(HISTORIES, PATIENCE, PERCENT, MODE, st.integers(-40, 40))
def test_the_unit_of_the_metric_does_not_matter(
    values: list[float], patience: int, percent: float, mode: str, exponent: int
) -> None:
    assume(all(value == 0 or abs(value) > 1e-30 for value in values))  # scaled without a loss
    scaled = [value * 2.0**exponent for value in values]
    arguments = {"patience": patience, "min_delta_percent": percent, "mode": mode}
    assert answers(values, **arguments) == answers(scaled, **arguments)


@given(HISTORIES, MODE, PERCENT)
def test_nan_never_improves_and_never_is_the_best(
    values: list[float], mode: str, percent: float
) -> None:
    rule = StoppingRule(patience=100, mode=mode, min_delta_percent=percent)
    for value in values:
        before = (rule.best, rule.waited)
        rule.observe(value)
        rule.observe(math.nan)
        assert rule.best is None or not math.isnan(rule.best)
        assert rule.best in {before[0], value}
        assert rule.waited >= 1


@given(HISTORIES, MODE, PERCENT, PATIENCE)
def test_nans_between_the_numbers_change_nothing_but_the_wait(
    values: list[float], mode: str, percent: float, patience: int
) -> None:
    arguments: dict[str, Any] = {"mode": mode, "min_delta_percent": percent, "patience": patience}
    with_nans, without = StoppingRule(**arguments), StoppingRule(**arguments)
    for value in values:
        with_nans.observe(value)
        with_nans.observe(math.nan)
        if not math.isnan(value):
            without.observe(value)
    assert with_nans.best == without.best


@given(HISTORIES, PATIENCE, MODE, PERCENT)
def test_it_says_stop_exactly_when_the_wait_is_full(
    values: list[float], patience: int, mode: str, percent: float
) -> None:
    rule = StoppingRule(patience=patience, mode=mode, min_delta_percent=percent)
    waited = 0
    for value in values:
        best = rule.best
        stop = rule.observe(value)
        waited = 0 if rule.best is not best and rule.best == value else waited + 1
        assert stop is (waited >= patience)
        assert rule.waited == waited


@given(st.lists(FINITE, min_size=1, max_size=30), MODE)
def test_without_a_threshold_the_best_is_the_extreme(values: list[float], mode: str) -> None:
    rule = StoppingRule(patience=100, mode=mode)
    for value in values:
        rule.observe(value)
    assert rule.best == (min(values) if mode == "min" else max(values))


@given(HISTORIES, MODE, st.floats(0, 50), st.floats(0, 50))
def test_a_higher_threshold_never_improves_from_the_same_best_more_easily(
    values: list[float], mode: str, low: float, high: float
) -> None:
    low, high = sorted([low, high])
    for best, value in itertools.pairwise(values):
        if improves(best, value, mode=mode, min_delta_percent=high):
            assert improves(best, value, mode=mode, min_delta_percent=low)


@given(FINITE, FINITE, MODE)
def test_what_is_worse_never_improves(best: float, value: float, mode: str) -> None:
    worse = value >= best if mode == "min" else value <= best
    assume(worse)
    assert not improves(best, value, mode=mode)
