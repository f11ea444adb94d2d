"""Configurations laid over each other, filled in and multiplied: examples and properties."""

from __future__ import annotations

import copy
import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_manager.common.yaml_utils import (
    PLACEHOLDERS,
    deep_merge,
    flatten,
    insert_value,
    multiply,
    resolve,
    walk,
)

Config = dict[str, Any]

# Few keys, so that two configurations often share one; placeholders and what nearly is one.
TEXTS = st.text("a?", max_size=4)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
KEYS = st.sampled_from("abc")
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner), max_leaves=8
)
CONFIGS = st.dictionaries(KEYS, DATA)
OPTIONS = st.lists(st.lists(CONFIGS, max_size=3), max_size=3)
# Configurations that agree on which keys are sections and which are values.
VALUES_OF_SECTIONS = {"value": SCALARS, "list": st.lists(SCALARS, max_size=2)}
SECTIONS = st.fixed_dictionaries({}, optional=VALUES_OF_SECTIONS)
AGREEING = st.fixed_dictionaries(
    {}, optional={**VALUES_OF_SECTIONS, "section": SECTIONS, "other": SECTIONS}
)
VALUES = st.integers() | st.lists(st.integers()) | st.dictionaries(KEYS, st.integers())


def containers(data: Any) -> Iterator[Any]:
    """Every dict and list in the data, itself first."""
    if isinstance(data, (dict, list)):
        yield data
        for inner in data.values() if isinstance(data, dict) else data:
            yield from containers(inner)


def is_plain(data: Any) -> bool:
    """True where nothing is of another kind than the ones that YAML has by itself."""
    if type(data) is dict:
        return all(type(key) is str and is_plain(value) for key, value in data.items())
    if type(data) is list:
        return all(map(is_plain, data))
    return data is None or type(data) in {bool, int, float, str}


# Laying one over the other.


@given(CONFIGS)
def test_nothing_laid_over_or_under_changes_nothing(config: Config) -> None:
    assert deep_merge(config, {}) == config == deep_merge({}, config)


@given(AGREEING, AGREEING, AGREEING)
def test_where_layers_agree_on_their_sections_the_grouping_does_not_matter(
    one: Config, two: Config, three: Config
) -> None:
    assert deep_merge(deep_merge(one, two), three) == deep_merge(one, deep_merge(two, three))


def test_a_value_laid_over_a_section_leaves_nothing_of_it_to_later_layers() -> None:
    layers: list[Config] = [{"a": {"x": 1}}, {"a": None}, {"a": {"y": 2}}]
    assert functools.reduce(deep_merge, layers) == {"a": {"y": 2}}


@given(CONFIGS, CONFIGS)
def test_every_value_and_whole_list_laid_over_wins(base: Config, over: Config) -> None:
    merged = flatten(deep_merge(base, over))
    assert {key: merged[key] for key, value in flatten(over).items() if value != {}} == {
        key: value for key, value in flatten(over).items() if value != {}
    }


@given(CONFIGS, CONFIGS)
def test_what_is_not_laid_over_stays(base: Config, over: Config) -> None:
    merged = deep_merge(base, over)
    assert set(merged) == set(base) | set(over)
    assert all(merged[key] == base[key] for key in set(base) - set(over))


@given(CONFIGS, CONFIGS)
def test_laying_over_changes_neither(base: Config, over: Config) -> None:
    before = copy.deepcopy((base, over))
    deep_merge(base, over)
    assert (base, over) == before


def test_sections_merge_to_any_depth_and_lists_are_replaced() -> None:
    base: Config = {"a": {"b": {"x": 1, "y": [1, 2, 3]}}, "c": 1}
    over: Config = {"a": {"b": {"y": [4], "z": 5}}}
    assert deep_merge(base, over) == {"a": {"b": {"x": 1, "y": [4], "z": 5}}, "c": 1}


# Filling in.


@given(DATA, st.integers())
def test_every_placeholder_is_replaced_and_nothing_else(config: Any, value: int) -> None:
    expected = [(key, value if leaf in PLACEHOLDERS else leaf) for key, leaf in walk(config)]
    assert list(walk(insert_value(config, value))) == expected


@given(DATA, VALUES)
def test_filling_in_leaves_the_configuration_as_it_was(config: Any, value: Any) -> None:
    before = copy.deepcopy(config)
    insert_value(config, value)
    assert config == before


@given(DATA, VALUES)
def test_plain_data_filled_in_is_plain_data(config: Any, value: Any) -> None:
    assert is_plain(insert_value(config, value))


@given(CONFIGS, VALUES)
def test_an_omegaconf_configuration_filled_in_is_one_of_the_same_content(
    config: Config, value: Any
) -> None:
    filled = insert_value(OmegaConf.create(config), value)
    assert OmegaConf.is_config(filled)
    assert OmegaConf.to_container(filled) == insert_value(config, value)


def test_each_place_gets_a_copy_of_its_own() -> None:
    value = [1]
    filled = insert_value({"a": "?", "b": "?"}, value)
    filled["a"].append(2)
    assert (filled["b"], value) == ([1], [1])


# Multiplying.


@given(OPTIONS)
def test_there_are_as_many_combinations_as_the_product_of_the_lists(
    options: list[list[Config]],
) -> None:
    assert len(multiply(*options)) == math.prod(map(len, options))


@given(st.lists(st.integers(0, 4), max_size=3))
def test_combinations_come_in_the_order_of_the_lists_the_last_varying_fastest(
    sizes: list[int],
) -> None:
    options = [[{str(place): n} for n in range(size)] for place, size in enumerate(sizes)]
    expected = list(itertools.product(*map(range, sizes)))
    assert [tuple(combination.values()) for combination in multiply(*options)] == expected


@given(OPTIONS)
def test_a_combination_is_its_parts_laid_over_each_other(options: list[list[Config]]) -> None:
    nothing: Config = {}
    expected = [
        functools.reduce(deep_merge, parts, nothing) for parts in itertools.product(*options)
    ]
    assert multiply(*options) == expected


@given(OPTIONS)
def test_multiplying_leaves_the_lists_as_they_were(options: list[list[Config]]) -> None:
    before = copy.deepcopy(options)
    multiply(*options)
    assert options == before


@given(OPTIONS)
def test_combinations_share_nothing_with_each_other_or_the_lists(
    options: list[list[Config]],
) -> None:
    combinations = multiply(*options)
    made = [id(part) for combination in combinations for part in containers(combination)]
    assert len(set(made)) == len(made)
    assert set(made).isdisjoint(id(part) for part in containers(options))


@given(OPTIONS)
def test_combinations_are_plain_data_that_yaml_takes_and_gives_back(
    options: list[list[Config]],
) -> None:
    combinations = multiply(*options)
    assert all(map(is_plain, combinations))
    assert yaml.safe_load(yaml.safe_dump(combinations)) == combinations


@given(OPTIONS)
def test_omegaconf_configurations_multiply_to_the_same_plain_data(
    options: list[list[Config]],
) -> None:
    combinations = multiply(*(map(OmegaConf.create, listed) for listed in options))
    assert combinations == multiply(*options)
    assert all(map(is_plain, combinations))


def test_two_lists_may_each_set_a_part_of_the_same_settings() -> None:
    rates = [{"settings": {"lr": lr}} for lr in (0.1, 0.01)]
    widths = [{"settings": {"layers": layers}} for layers in ([64], [128, 64])]
    assert multiply(rates, widths) == [
        {"settings": {"lr": 0.1, "layers": [64]}},
        {"settings": {"lr": 0.1, "layers": [128, 64]}},
        {"settings": {"lr": 0.01, "layers": [64]}},
        {"settings": {"lr": 0.01, "layers": [128, 64]}},
    ]


# Leaves.


def test_empty_sections_and_lists_are_leaves() -> None:
    data: Config = {"a": {}, "b": [], "c": {"d": [{}]}}
    assert list(walk(data)) == [("a", {}), ("b", []), ("c.d[0]", {})]


def test_flat_settings_keep_lists_and_empty_sections() -> None:
    settings: Config = {"a": {"b": {}, "c": [{"d": 1}]}, 1: None}  # type: ignore[dict-item]
    assert flatten(settings) == {"a.b": {}, "a.c": [{"d": 1}], "1": None}


# Interpolations.


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"a": "${b}", "b": 2}, {"a": 2, "b": 2}),
        ({"a": {"x": "${.y}", "y": 3}}, {"a": {"x": 3, "y": 3}}),
        ({"a": ["${b.c}"], "b": {"c": [1]}}, {"a": [[1]], "b": {"c": [1]}}),
        ({"a": "run-${b}", "b": "${c}", "c": 4}, {"a": "run-4", "b": 4, "c": 4}),
    ],
)
def test_interpolations_are_filled_in(data: Config, expected: Config) -> None:
    assert resolve(data) == expected


@pytest.mark.parametrize("text", ["${nowhere}", "${a}", "${oc.env:NO_SUCH_VARIABLE_HERE}"])
def test_an_interpolation_that_leads_nowhere_is_an_error(text: str) -> None:
    with pytest.raises(OmegaConfBaseException):
        resolve({"a": text})
