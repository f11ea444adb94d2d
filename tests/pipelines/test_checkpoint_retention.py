"""Which checkpoints stay."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.pipelines.checkpoint_folder import SavedCheckpoint
from experiment_manager.pipelines.checkpoint_retention import Retention


def saved(*values: float | None, size: int = 10) -> list[SavedCheckpoint]:
    return [SavedCheckpoint(f"epoch_{n}", n, "", size, value=v) for n, v in enumerate(values)]


def epochs(retention: Retention, *values: float | None) -> list[int]:
    return [one.epoch for one in retention.kept(saved(*values))]


def test_all_stay_where_nothing_is_limited() -> None:
    assert epochs(Retention(), 0.3, 0.1, 0.2) == [0, 1, 2]


@pytest.mark.parametrize(("mode", "kept"), [("min", [1, 2]), ("max", [0, 2])])
def test_the_best_stay_by_the_watched_metric(mode: str, kept: list[int]) -> None:
    assert epochs(Retention(2, mode), 0.3, 0.1, 0.2) == kept


def test_the_newest_stay_where_nothing_is_watched() -> None:
    assert epochs(Retention(2), None, None, None) == [1, 2]


def test_of_two_equal_ones_the_newer_stays() -> None:
    assert epochs(Retention(1), 0.5, 0.5) == [1]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_nan_is_the_worst(mode: str) -> None:
    assert epochs(Retention(1, mode), 0.5, math.nan) == [0]


def test_a_budget_drops_the_worst_that_do_not_fit() -> None:
    assert epochs(Retention(max_bytes=25), 0.3, 0.1, 0.2) == [1, 2]


def test_the_best_stays_though_it_is_larger_than_the_budget() -> None:
    assert epochs(Retention(max_bytes=5), 0.3, 0.1, 0.2) == [1]


@given(st.lists(st.floats() | st.just(1.0), max_size=8), st.integers(1, 4), st.floats())
def test_one_is_admitted_if_and_only_if_it_would_stay(
    values: list[float], top_k: int, new: float
) -> None:
    retention, before = Retention(top_k), saved(*values)
    after = saved(*values, new)
    assert retention.admits(new, before) == (after[-1] in retention.kept(after))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"top_k": 0}, "save_top_k"),
        ({"top_k": True}, "save_top_k"),
        ({"max_bytes": 1.5}, "max_bytes"),
        ({"mode": "least"}, "mode"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"'{named}' must be"):
        Retention(**arguments)
