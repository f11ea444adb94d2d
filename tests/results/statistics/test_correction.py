"""Holm's correction."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.results.statistics.correction import holm

P_VALUES = st.lists(st.floats(0, 1), max_size=8)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # statsmodels, multipletests
        ([0.01, 0.02, 0.03, 0.04], [0.04, 0.06, 0.06, 0.06]),  # R, p.adjust
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.02], [0.02]),
        ([], []),
    ],
)
def test_it_agrees_with_other_programs(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


def test_tests_that_were_not_made_count_as_those_with_the_largest_p() -> None:
    assert holm([0.01, 0.005], n_tests=4) == pytest.approx(holm([0.01, 0.005, 1, 1])[:2])


def test_a_test_that_could_not_be_done_stays_unknown_and_does_not_count() -> None:
    first, second, third = holm([0.01, math.nan, 0.02])
    assert (first, third) == (0.02, 0.02)
    assert math.isnan(second)


@given(P_VALUES)
def test_it_lies_between_the_p_values_and_bonferronis(p_values: list[float]) -> None:
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= min(1.0, len(p_values) * p)


@given(P_VALUES)
def test_it_keeps_the_order(p_values: list[float]) -> None:
    pairs = sorted(zip(p_values, holm(p_values), strict=True))
    assert sorted(adjusted for _, adjusted in pairs) == [adjusted for _, adjusted in pairs]
