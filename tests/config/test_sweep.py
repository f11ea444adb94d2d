"""One entry of trials.yaml that stands for many trials."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.config.paths import name_problem
from experiment_manager.config.sweep import expand, varied_keys


def trials_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
    trials, problems = expand(entry)
    assert problems == []
    return trials


def names_of(entry: dict[str, Any]) -> list[str]:
    return [trial["name"] for trial in trials_of(entry)]


def test_an_entry_without_a_sweep_is_one_trial() -> None:
    entry = {"name": "small", "settings": {"lr": 0.1}}
    assert trials_of(entry) == [entry]


def test_a_grid_combines_all_values_the_last_key_varying_fastest() -> None:
    trials = trials_of({"name": "mlp", "grid": {"lr": [0.1, 0.01], "net.width": [8, 16]}})
    assert [(t["lr"], t["net"]["width"]) for t in trials] == [
        (0.1, 8),
        (0.1, 16),
        (0.01, 8),
        (0.01, 16),
    ]


def test_zip_takes_the_values_of_one_place_together() -> None:
    trials = trials_of({"name": "mlp", "zip": {"lr": [0.1, 0.01], "width": [8, 16]}})
    assert [(t["lr"], t["width"]) for t in trials] == [(0.1, 8), (0.01, 16)]


def test_a_list_gives_the_settings_of_each_trial() -> None:
    trials = trials_of({"name": "mlp", "list": [{"net": {"width": 8}}, {"lr": 0.1}]})
    assert [t.get("net") for t in trials] == [{"width": 8}, None]
    assert [t["name"] for t in trials] == ["mlp-net.width=8", "mlp-lr=0.1"]


def test_multiply_combines_lists_of_settings() -> None:
    models, rates = [{"model": "mlp"}, {"model": "cnn"}], [{"lr": 0.1}, {"lr": 0.01}]
    assert names_of({"multiply": [models, rates]}) == [
        "model=mlp-lr=0.1",
        "model=mlp-lr=0.01",
        "model=cnn-lr=0.1",
        "model=cnn-lr=0.01",
    ]


def test_insert_fills_every_placeholder() -> None:
    entry = {"name": "mlp", "settings": {"lr": "?", "net": ["?", 1]}, "insert": [0.1, 0.2]}
    assert [t["settings"] for t in trials_of(entry)] == [
        {"lr": 0.1, "net": [0.1, 1]},
        {"lr": 0.2, "net": [0.2, 1]},
    ]


def test_forms_are_combined_with_each_other() -> None:
    entry = {"name": "m", "grid": {"a": [1, 2]}, "zip": {"b": [3, 4]}, "list": [{"c": 5}]}
    assert names_of(entry) == [
        "m-a=1-b=3-c=5",
        "m-a=1-b=4-c=5",
        "m-a=2-b=3-c=5",
        "m-a=2-b=4-c=5",
    ]


def test_excluded_combinations_are_left_out() -> None:
    entry = {
        "name": "m",
        "grid": {"a": [1, 2], "b.c": [3, 4]},
        "exclude": [{"a": 1, "b.c": 4}, {"a": 2, "b": {"c": 3}}],
    }
    assert names_of(entry) == ["m-a=1-b.c=3", "m-a=2-b.c=4"]


def test_everything_else_of_the_entry_belongs_to_each_trial() -> None:
    entry = {"name": "m", "repeat": 3, "settings": {"x": {"y": 1}}, "grid": {"x.z": [2]}}
    (trial,) = trials_of(entry)
    assert trial == {"name": "m-x.z=2", "repeat": 3, "settings": {"x": {"y": 1, "z": 2}}}


def test_trials_share_nothing() -> None:
    first, second = trials_of({"name": "m", "grid": {"net": [{"layers": [1]}], "lr": [1, 2]}})
    first["net"]["more"] = 1
    assert second["net"] == {"layers": [1]}


def test_a_list_may_name_its_trials() -> None:
    entry = {"name": "m", "settings": {}, "list": [{"name": "special", "a": 1}, {"a": 2}]}
    first, second = trials_of(entry)
    assert (first["name"], first["settings"]) == ("special", {"a": 1})
    assert second["name"] == "m-a=2"


# Names.


def test_trials_that_a_list_names_are_told_apart_by_what_else_varies() -> None:
    entry = {"list": [{"name": "special", "a": 1}, {"a": 2}], "grid": {"lr": [1, 2]}}
    assert names_of({"name": "m", **entry}) == [
        "special-lr=1",
        "m-lr=1-a=2",
        "special-lr=2",
        "m-lr=2-a=2",
    ]


def test_a_name_may_be_made_of_settings() -> None:
    entry = {"name": "w${width}_${net.act}", "net": {"act": "relu"}, "grid": {"width": [8, 16]}}
    assert names_of(entry) == ["w8_relu", "w16_relu"]


def test_a_reference_to_no_setting_is_told_with_the_nearest_one() -> None:
    _, problems = expand({"name": "w${widht}", "grid": {"width": [8, 16]}})
    assert problems == ["'name': there is no setting 'widht'. Did you mean 'width'?"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.001, "0.001"), (1e-7, "1e-07"), (True, "true"), (None, "None"), ([64, 32], "64x32")],
)
def test_a_generated_name_says_the_values(value: Any, text: str) -> None:
    assert names_of({"name": "m", "grid": {"a": [value]}}) == [f"m-a={text}"]


@given(
    st.lists(st.text() | st.lists(st.integers(), max_size=90) | st.floats(), min_size=1),
    st.text(st.characters(categories=["L"]), min_size=1, max_size=20),
)
def test_a_generated_name_is_always_that_of_a_folder(values: list[Any], key: str) -> None:
    trials, problems = expand({"name": "m", "grid": {key: values}})
    assert problems == []
    assert [name_problem(trial["name"]) for trial in trials] == [None] * len(values)


@given(st.lists(st.integers(), min_size=1, unique=True), st.integers())
def test_a_value_that_is_added_leaves_the_other_names_as_they_are(
    values: list[int], more: int
) -> None:
    before = names_of({"name": "m", "grid": {"a": values, "b": [1, 2]}})
    after = names_of({"name": "m", "grid": {"a": [*values, more], "b": [1, 2]}})
    assert after[: len(before)] == before


def test_long_names_that_differ_at_their_ends_are_told_apart() -> None:
    names = names_of({"name": "m", "grid": {"a": ["x" * 300 + "1", "x" * 300 + "2"]}})
    assert len(set(names)) == 2


# What is wrong.


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"grid": {"lr": 0.1}}, "'grid' must be a mapping of keys to lists of values"),
        ({"grid": {"lr": []}}, "'grid' must be a mapping of keys to lists of values, none"),
        ({"zip": [1]}, "'zip' must be a mapping of keys to lists of values"),
        ({"list": {"a": 1}}, "'list' must be a list of settings"),
        ({"list": [{}]}, "'list' must be a list of settings, each a mapping, none of them empty"),
        ({"multiply": [{"a": 1}]}, "'multiply' must be a list of lists of settings"),
        ({"insert": "x"}, "'insert' must be a list of values"),
        (
            {"zip": {"a": [1, 2], "b": [1]}},
            "'zip' needs lists of one length: 'a' has 2, 'b' has 1",
        ),
        ({"grid": {"a": [1]}, "zip": {"a": [2]}}, "'a' is varied twice"),
        (
            {"grid": {"width": [1, 2]}, "exclude": [{"widht": 1}]},
            "'exclude' names 'widht', which is not varied. Did you mean 'width'?",
        ),
        ({"grid": {"a": [1]}, "exclude": [{"a": 2}]}, "'exclude[0]' leaves nothing out"),
        ({"exclude": [{"a": 2}]}, "'exclude' names 'a', which is not varied"),
        ({"lr": 1, "insert": [1, 2]}, "'insert' has no '?' in the settings"),
    ],
)
def test_a_mistake_is_told(entry: dict[str, Any], problem: str) -> None:
    _, problems = expand({"name": "m", **entry})
    assert problems
    assert problems[0].startswith(problem)


def test_the_settings_in_which_trials_differ_are_known() -> None:
    entry = {"grid": {"a": [1]}, "list": [{"b": {"c": 1}}, {"d": 2}]}
    assert varied_keys(entry) == {"a", "b.c", "d"}
    assert varied_keys({"name": "small"}) == frozenset()
