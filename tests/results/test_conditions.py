"""Any condition is true of the same runs in SQL and in Python."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.conditions import OPERATORS, condition_of
from experiment_manager.results.query_fields import Field
from experiment_manager.results.query_nodes import (
    AllOf,
    AnyOf,
    Comparison,
    Missing,
    Node,
    Not,
    OneOf,
)
from experiment_manager.results.selection import FoundRun, select_runs

TRIAL, SEED, LR, ACC = (
    *(Field("", "trial"), Field("", "seed")),
    *(Field("params", "lr"), Field("metrics", "acc")),
)
number = st.sampled_from([-1.0, 0.0, 0.001, 0.1, 0.9, 2.0])
odd_number = number | st.sampled_from([math.nan, math.inf, -math.inf])
text = st.sampled_from(["small", "auto", "adam"])
equality, order = st.sampled_from(["=", "!="]), st.sampled_from(["<", "<=", ">", ">="])
conditions = st.one_of(
    st.builds(Comparison, st.just(TRIAL), equality, text),
    st.builds(Comparison, st.just(SEED), equality | order, st.integers(0, 3)),
    st.builds(Comparison, st.just(LR), equality, number | text),
    st.builds(Comparison, st.just(LR), order, number),
    st.builds(Comparison, st.just(ACC), equality | order, odd_number),
    st.builds(OneOf, st.just(LR), st.lists(number | text).map(tuple)),
    st.builds(OneOf, st.just(ACC), st.lists(odd_number).map(tuple)),
    st.builds(Missing, st.sampled_from([TRIAL, SEED, LR, ACC])),
)
nodes: st.SearchStrategy[Node] = st.recursive(
    conditions,
    lambda terms: st.one_of(
        st.builds(Not, terms),
        st.builds(AllOf, st.lists(terms).map(tuple)),
        st.builds(AnyOf, st.lists(terms).map(tuple)),
    ),
)


def holds(node: Node, run: FoundRun) -> bool:
    if isinstance(node, (AllOf, AnyOf)):
        combined = all if isinstance(node, AllOf) else any
        return combined(holds(term, run) for term in node.terms)
    if isinstance(node, Not):
        return not holds(node.term, run)
    value = run.value_of(node.field)
    if isinstance(node, Missing):
        return value is None
    if isinstance(node, OneOf):
        return any(compares("=", value, one) for one in node.values)
    return compares(node.operator, value, node.value)


def compares(sign: str, left: Any, right: Any) -> bool:
    if left is None:
        return False
    if sign in {"=", "!="}:
        is_same = left == right or (left != left and right != right)  # noqa: PLR0124 - NaN
        return bool(is_same) == (sign == "=")
    return not isinstance(left, str) and bool(OPERATORS[sign](left, right))


@settings(deadline=None)
@given(nodes)
def test_any_condition_is_true_of_the_runs_that_are_found(
    four_runs: DatabaseManager, node: Node
) -> None:
    expected = [run.name for run in select_runs(four_runs) if holds(node, run)]
    found = four_runs.select_runs(condition_of(node))
    assert [f"{one.experiment}/{one.trial.name}/{one.run.number}" for one in found] == expected
