"""What is written as YAML reads as the same again."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from experiment_manager.common.yaml_utils import to_yaml
from experiment_manager.config.load import load_yaml

ALMOST_NUMBERS = st.text("0123456789eE+-._:xobnaif", max_size=6)
TEXTS = ALMOST_NUMBERS | st.text(
    st.characters(exclude_categories=["C"], exclude_characters="$\x85\u2028\u2029")
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner))


def read_again(text: str) -> Any:
    return OmegaConf.to_container(OmegaConf.create(text))


@given(ALMOST_NUMBERS)
def test_a_text_that_looks_like_a_number_stays_a_text(text: str) -> None:
    assert read_again(to_yaml({"value": text})) == {"value": text}


@given(st.dictionaries(st.text("abc_", min_size=1), DATA, min_size=1))
def test_values_of_all_kinds_stay_as_they_are(config: dict[str, Any]) -> None:
    assert read_again(to_yaml(config)) == config


def test_the_program_reads_its_own_files(tmp_path: Path) -> None:
    config = {"lr": 1e-05, "tag": "1e5", "layers": [64, 32], "note": "über\nzwei", "data": "${a}"}
    (tmp_path / "config.yaml").write_text(to_yaml(config), encoding="utf-8")
    assert load_yaml(tmp_path / "config.yaml", []) == config


def test_the_keys_stay_in_their_order() -> None:
    assert to_yaml({"b": 1, "a": {"d": 2, "c": 3}}) == "b: 1\na:\n  d: 2\n  c: 3\n"


def test_a_list_that_two_keys_share_is_written_twice() -> None:
    layers = [64]
    assert to_yaml({"a": layers, "b": layers}) == "a:\n- 64\nb:\n- 64\n"


@pytest.mark.parametrize("config", [OmegaConf.create({"a": "${b}", "b": [1]}), {"a": (1, 2)}])
def test_a_configuration_of_omegaconf_and_a_tuple_are_plain_in_it(config: Any) -> None:
    assert isinstance(read_again(to_yaml(config)), dict)
    assert "!!" not in to_yaml(config)


def test_what_yaml_does_not_know_is_written_as_a_text() -> None:
    colour = enum.Enum("colour", "RED")
    assert to_yaml({"p": Path("a/b"), "c": colour.RED}) == "p: a/b\nc: colour.RED\n"
