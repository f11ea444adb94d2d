"""Names that fit, units, and how far an axis goes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.results.plots.limits import goes_beyond, view_limits
from experiment_manager.results.plots.text import metric_label, short_names

NUMBERS = st.floats(-1e100, 1e100)


@pytest.mark.parametrize(
    ("metric", "values", "label"),
    [
        ("test_acc", [0.0, 1.0], "test_acc (share of 1)"),
        ("test_acc", [0.5, 97.0], "test_acc"),
        ("val_loss", [0.5], "val_loss"),
        ("epoch_time_s", [0.5], "epoch_time_s (seconds)"),
        ("latency_ms", [0.5], "latency_ms (milliseconds)"),
        ("gpu_percent", [0.5], "gpu_percent (%)"),
    ],
)
def test_a_metric_has_the_unit_that_its_name_gives_away(
    metric: str, values: list[float], label: str
) -> None:
    assert metric_label(metric, values) == label


@given(st.lists(st.text(max_size=80), min_size=1, max_size=9, unique=True))
def test_short_names_fit_and_are_told_apart(names: list[str]) -> None:
    short = short_names(names, 20)
    assert all(len(name) <= 20 + len(" (9)") for name in short)
    assert len(short) == len(names)


def test_what_long_names_share_goes_first() -> None:
    names = [f"a_network_of_the_usual_kind_lr={lr}" for lr in (0.1, 0.01)]
    assert short_names(names, 20) == ["…lr=0.1", "…lr=0.01"]


def test_names_that_would_look_alike_are_numbered() -> None:
    names = [f"{'x' * 30}{letter}{'y' * 30}" for letter in "ab"]
    first, second = short_names(names)
    assert first.removesuffix("(1)") == second.removesuffix("(2)")


@given(st.lists(NUMBERS, min_size=1), st.lists(st.one_of(NUMBERS, st.just(math.nan))))
def test_every_value_is_inside_of_the_picture(values: list[float], ends: list[float]) -> None:
    low, high = view_limits(values, ends)
    assert low < high
    assert low <= min(values)
    assert max(values) <= high


@given(st.lists(NUMBERS, min_size=1), st.lists(NUMBERS))
def test_an_interval_that_goes_on_outside_is_told(values: list[float], ends: list[float]) -> None:
    low, high = limits = view_limits(values, ends)
    assert goes_beyond(limits, ends) is any(not low <= end <= high for end in ends)


def test_without_values_there_is_still_an_axis() -> None:
    assert view_limits([], []) == (0.0, 1.0)
