"""The query language: what a text means, and what is said about one that means nothing."""

from __future__ import annotations

import pickle
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.common.common import RunStatus
from experiment_manager.results.query import QuerySyntaxError, parse, parse_field
from experiment_manager.results.query_fields import FIELDS, Field
from experiment_manager.results.query_nodes import (
    AllOf,
    AnyOf,
    Comparison,
    Missing,
    Node,
    Not,
    OneOf,
    fields_of,
)
from experiment_manager.results.query_text import quote

RUN, SEED, STATUS, TRIAL = (Field("", name) for name in ("run", "seed", "status", "trial"))
LR, ACC = Field("params", "lr"), Field("metrics", "val_acc")
ONE, TWO, THREE = (Comparison(RUN, "=", number) for number in (1, 2, 3))


# Its structure.


def test_an_empty_query_holds_always() -> None:
    assert parse(" ") == AllOf(())


def test_and_binds_closer_than_or() -> None:
    parsed = parse("run = 1 or run = 2 and run = 3")
    assert parsed == AnyOf((ONE, AllOf((TWO, THREE))))


def test_not_binds_closest() -> None:
    assert parse("not run = 1 and run = 2") == AllOf((Not(ONE), TWO))


def test_parentheses_come_first() -> None:
    parsed = parse("not (run = 1 or run = 2) and run = 3")
    assert parsed == AllOf((Not(AnyOf((ONE, TWO))), THREE))


def test_keywords_may_be_in_upper_case() -> None:
    parsed = parse("NOT run IN [1] AND seed IS Missing OR run = 2")
    assert parsed == AnyOf((AllOf((Not(OneOf(RUN, (1,))), Missing(SEED))), TWO))


@pytest.mark.parametrize(
    "query", ["tag:paper", 'tag:"paper"', "tag = paper", "( tag:paper)", "tag=paper"]
)
def test_a_tag_has_a_short_form(query: str) -> None:
    assert parse(query) == Comparison(Field("", "tag"), "=", "paper")


def test_the_short_form_of_a_tag_stands_wherever_a_condition_does() -> None:
    paper = Comparison(Field("", "tag"), "=", "paper 2")
    assert parse('not tag:"paper 2" and run = 1') == AllOf((Not(paper), ONE))


def test_no_spaces_are_needed_around_symbols() -> None:
    assert parse("(run>=1)and(run!=2)") == parse("( run >= 1 ) and ( run != 2 )")


def test_a_quoted_keyword_is_a_value() -> None:
    assert parse('trial = "and"') == Comparison(TRIAL, "=", "and")


# Conditions.


@pytest.mark.parametrize("sign", ["=", "!=", "<", "<=", ">", ">="])
def test_numbers_are_compared(sign: str) -> None:
    assert parse(f"metrics.val_acc {sign} 1e-3") == Comparison(ACC, sign, 0.001)


@pytest.mark.parametrize(
    ("query", "node"),
    [
        ("trial ~ lar*", Comparison(TRIAL, "~", "lar*")),
        ("run in [1, 2]", OneOf(RUN, (1, 2))),
        ("run not in [1]", Not(OneOf(RUN, (1,)))),
        ("seed is missing", Missing(SEED)),
        ("seed is not missing", Not(Missing(SEED))),
    ],
)
def test_there_are_more_conditions_than_comparisons(query: str, node: Node) -> None:
    assert parse(query) == node


# Fields.


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_can_be_asked_for(name: str) -> None:
    assert parse(f"{name} is missing") == Missing(Field("", name))


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("params.lr", LR),
        ("params.optimizer.lr", Field("params", "optimizer.lr")),
        ("metrics.val_acc", ACC),
        ('params."a b"', Field("params", "a b")),
        ("metrics.'and'", Field("metrics", "and")),
        (r'params."a \"b\""', Field("params", 'a "b"')),
        ("params.train/lr-0", Field("params", "train/lr-0")),
    ],
)
def test_parameters_and_metrics_have_any_name(text: str, field: Field) -> None:
    assert parse_field(text) == field


def test_the_fields_of_a_query_come_in_its_order_and_once() -> None:
    fields = fields_of(parse("not (run = 1 or seed = 2) and run in [3] or params.lr is missing"))
    assert fields == [RUN, SEED, LR]


# Values.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1e-3", 0.001),
        ("true", True),
        ("False", False),
        ("adam", "adam"),
        ("nan", "nan"),
        ("1.2.3", "1.2.3"),
        ('"1"', "1"),
        ('"true"', "true"),
        ("'it is'", "it is"),
        (r'"a \\ b"', r"a \ b"),
    ],
)
def test_a_parameter_is_text_where_it_is_quoted(text: str, value: Any) -> None:
    parsed = parse(f"params.lr = {text}")
    assert parsed == Comparison(LR, "=", value)
    assert isinstance(parsed, Comparison)
    assert isinstance(parsed.value, bool) == isinstance(value, bool)


@pytest.mark.parametrize("text", ["failed", "FAILED", "Failed"])
def test_a_status_is_written_in_any_case(text: str) -> None:
    assert parse(f"status = {text}") == Comparison(STATUS, "=", RunStatus.FAILED)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1h30m", 5400), ("1.5h", 5400), ("2d", 172_800), ("3min", 180)],
)
def test_a_duration_has_units_or_is_in_seconds(text: str, seconds: float) -> None:
    assert parse(f"duration > {text}") == Comparison(Field("", "duration"), ">", seconds)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-30T18:00+02:00", datetime(2026, 11, 30, 16, tzinfo=timezone.utc)),
        ("2026-11-30T18:00Z", datetime(2026, 11, 30, 18, tzinfo=timezone.utc)),
        ("2026-11-30", datetime(2026, 11, 30).astimezone()),
        ("'2026-11-30 18:00'", datetime(2026, 11, 30, 18).astimezone()),
    ],
)
def test_a_time_is_local_unless_it_says_otherwise(text: str, time: datetime) -> None:
    assert parse(f"started < {text}") == Comparison(Field("", "started"), "<", time)


# What cannot be understood.


@pytest.mark.parametrize(
    ("query", "problem", "place"),
    [
        ("staus = failed", "There is no field 'staus'. Did you mean 'status'?", "staus"),
        ("metric.loss > 1", "There is no field 'metric.loss'. Did you mean 'metrics.", "metric"),
        (
            "val_acc > 1",
            "There is no field 'val_acc'. Did you mean 'params.val_acc' or",
            "val_acc",
        ),
        ("params. = 1", "Expected a name: params.NAME, or params.", "params"),
        ("metrics > 1", "Expected a name: metrics.NAME, or metrics.", "metrics"),
        ("tag: and run = 1", "Expected a tag: tag:NAME, or tag:", "tag:"),
        ("tag < b", "tag is compared by !=, =, in, ~, not by <.", "<"),
        ("tags = paper", "There is no field 'tags'. Did you mean 'tag'", "tags"),
        ("status = faild", "'faild' is no status of a run. Did you mean 'failed'?", "faild"),
        ("run = one", "Expected an integer, not 'one'.", "one"),
        ("metrics.val_acc = one", "Expected a number such as 0.9", "one"),
        ("duration > 3weeks", "Expected a duration such as 90s, 1h30m or 2d", "3weeks"),
        ("started > today", "Expected a time such as 2026-11-30", "today"),
        ("started = 2026-11-30", "started is compared by <, <=, >, >=, not by =.", "="),
        ("trial < b", "trial is compared by !=, =, in, ~, not by <.", "<"),
        ("params.lr < small", "< compares numbers; 'small' is none.", "small"),
        ("params.lr < true", "< compares numbers; 'true' is none.", "true"),
        ("run", "Expected =, !=, <, <=, >, >=, ~, in, is, not the end.", ""),
        ("run == 1", "Expected a value, not '='.", "= 1"),
        ("run = 1 seed = 2", "Expected 'and', 'or' or the end, not 'seed'.", "seed"),
        ("run = 1 and", "Expected a field such as status or metrics.val_acc, not the end.", ""),
        ("'run' = 1", "Expected a field such as status or metrics.val_acc, not 'run'.", "'run'"),
        ("(run = 1", "Expected ')', not the end.", ""),
        ("run in 1", "Expected '[', not '1'.", "1"),
        ("run in [1 2]", "Expected ']', not '2'.", "2]"),
        ("run not = 1", "Expected in, not '='.", "= 1"),
        ("seed is 1", "Expected 'missing' or 'not missing', not '1'.", "1"),
        ("seed is not 1", "Expected 'missing', not '1'.", "1"),
        ("trial = 'small", "The quote ' is not closed.", "'small"),
        ("run ! 1", "Expected '!='.", "!"),
        ("(" * 51 + "run = 1", "The query is nested too deeply.", "(run"),
    ],
)
def test_the_problem_is_told_with_its_place(query: str, problem: str, place: str) -> None:
    with pytest.raises(QuerySyntaxError) as raised:
        parse(query)
    told, line, caret = str(raised.value).splitlines()
    assert told.startswith(problem)
    assert line == f"  {query}"
    assert caret == " " * (2 + (query.index(place) if place else len(query))) + "^"


def test_the_caret_stands_right_in_a_query_of_several_lines() -> None:
    with pytest.raises(QuerySyntaxError) as raised:
        parse("run = 1\nand\tsed = 1")
    assert str(raised.value).splitlines()[1:] == ["  run = 1 and sed = 1", " " * 14 + "^"]


def test_more_than_a_field_is_no_field() -> None:
    with pytest.raises(QuerySyntaxError, match="Expected the end, not '='"):
        parse_field("run = 1")


def test_the_error_can_be_pickled() -> None:
    error = QuerySyntaxError("No.", "run", 1)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.position) == (str(error), 1)


# Of any query.


def written(node: Node) -> str:
    """The query that means the node."""
    if isinstance(node, (AllOf, AnyOf)):
        word = " and " if isinstance(node, AllOf) else " or "
        return word.join(f"({written(term)})" for term in node.terms)
    if isinstance(node, Not):
        return f"not ({written(node.term)})"
    name = f"{node.field.group}.{quote(node.field.name)}" if node.field.group else node.field.name
    if isinstance(node, Missing):
        return f"{name} is missing"
    if isinstance(node, OneOf):
        return f"{name} in [{', '.join(map(value_text, node.values))}]"
    return f"{name} {node.operator} {value_text(node.value)}"


def value_text(value: Any) -> str:
    return quote(value) if isinstance(value, str) else str(value)


any_text = st.text(min_size=1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
parameters = st.builds(Field, st.just("params"), any_text)
order = st.sampled_from(["<", "<=", ">", ">="])
equality = st.sampled_from(["=", "!="])
conditions = st.one_of(
    st.builds(Comparison, parameters, order, numbers),
    st.builds(Comparison, parameters, equality, st.booleans() | any_text),
    st.builds(Comparison, st.just(TRIAL), st.just("~"), any_text),
    st.builds(OneOf, st.just(RUN), st.lists(st.integers(), min_size=1).map(tuple)),
    st.builds(Missing, st.builds(Field, st.just("metrics"), any_text)),
)
nodes: st.SearchStrategy[Node] = st.recursive(
    conditions,
    lambda terms: st.one_of(
        st.builds(Not, terms),
        st.builds(AllOf, st.lists(terms, min_size=2).map(tuple)),
        st.builds(AnyOf, st.lists(terms, min_size=2).map(tuple)),
    ),
    max_leaves=8,
)
words = ["and", "or", "not", "in", "is", "missing", "run", "status", "1", "params.a"]
pieces = st.sampled_from([*"()[],=<>~!'\"", *words])


@given(nodes)
def test_what_is_written_means_what_was_meant(node: Node) -> None:
    assert parse(written(node)) == node


@given(st.text() | st.lists(pieces).map(" ".join))
def test_any_text_is_a_query_or_a_syntax_error(text: str) -> None:
    try:
        parse(text)
    except QuerySyntaxError as error:
        assert 0 <= error.position <= len(text)  # noqa: PT017 - most texts raise, not all
