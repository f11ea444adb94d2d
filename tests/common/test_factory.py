"""Configurations become constructor arguments, and are checked before anything is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from experiment_manager.common.errors import UnknownTypeError
from experiment_manager.common.factory import (
    Factory,
    check_arguments,
    check_typed,
    create_with_arguments,
)
from experiment_manager.common.serializable import YAMLSerializable

PROVIDED = frozenset({"env"})


class Stopper:
    """Takes its settings one by one."""

    def __init__(self, patience: int, mode: str = "min", env: object = None) -> None:
        self.given = (patience, mode, env)


class Greedy:
    """Takes whatever there is."""

    def __init__(self, **settings: Any) -> None:
        self.given = settings


class Whole:
    """Takes its configuration in one piece."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.given = config


class Sized(YAMLSerializable):
    def __init__(self, config: Mapping[str, Any], *given: Any, **named: Any) -> None:
        super().__init__(config)
        self.given = (given, named)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *given: Any, **named: Any) -> Sized:
        return cls(config, *given, **named)


@pytest.fixture(autouse=True)
def _registered() -> None:
    YAMLSerializable.register("sized")(Sized)
    YAMLSerializable.register("stopper")(Stopper)
    YAMLSerializable.register("stapler")(Greedy)


# Making.


def test_a_factory_hands_on_configuration_and_arguments() -> None:
    made = Factory.create("sized", {"width": 2}, 1, extra=3)
    assert (made.config, made.given) == ({"width": 2}, ((1,), {"extra": 3}))


def test_a_factory_that_knows_no_such_type_says_so() -> None:
    with pytest.raises(UnknownTypeError, match="Did you mean 'sized'"):
        Factory.create("szied", {})


def test_keys_become_keyword_arguments_and_the_type_is_left_out() -> None:
    made = create_with_arguments(Stopper, {"type": "stopper", "patience": 3, "mode": "max"})
    assert made.given == (3, "max", None)


def test_what_the_caller_provides_is_passed_where_there_is_a_parameter_for_it() -> None:
    made = create_with_arguments(Stopper, {"patience": 3}, env="here", logger="nobody's")
    assert made.given == (3, "min", "here")


def test_a_constructor_with_a_config_gets_the_whole_mapping() -> None:
    config = {"type": "whole", "anything": 1}
    assert create_with_arguments(Whole, config, env="here").given is config


# Checking.


@pytest.mark.parametrize(
    ("cls", "config"),
    [
        (Stopper, {"type": "stopper", "patience": 3}),
        (Stopper, {"patience": 3, "mode": "max"}),
        (Greedy, {"anything": 1}),
        (Whole, {"anything": 1}),
    ],
)
def test_nothing_is_wrong_with_keys_that_the_constructor_takes(
    cls: type, config: dict[str, Any]
) -> None:
    assert check_arguments(cls, config, PROVIDED) == []


@pytest.mark.parametrize(
    ("config", "problems"),
    [
        ({"patience": 3, "mod": "max"}, ["unknown key 'mod'. Did you mean 'mode'?"]),
        ({}, ["'patience' is missing; Stopper needs it"]),
        ({"patience": 3, "env": 1}, ["unknown key 'env'. Known: mode, patience."]),
        (
            {"b_": 1, "a_": 1},
            [
                "unknown key 'a_'. Known: mode, patience.",
                "unknown key 'b_'. Known: mode, patience.",
                "'patience' is missing; Stopper needs it",
            ],
        ),
    ],
)
def test_keys_that_the_constructor_does_not_take_or_lacks_are_told(
    config: dict[str, Any], problems: list[str]
) -> None:
    assert check_arguments(Stopper, config, PROVIDED) == problems


@pytest.mark.parametrize(
    ("config", "problems"),
    [
        ({"type": "stopper", "patience": 3}, []),
        ({"type": "Stopper", "patience": 3}, []),
        ({"type": "stopper"}, ["stopper: 'patience' is missing; Stopper needs it"]),
        ({"type": "stoper"}, ["unknown stopper type 'stoper'. Did you mean 'stopper'?"]),
        ({"type": "stapler"}, ["unknown stopper type 'stapler'. Did you mean 'stopper'?"]),
    ],
)
def test_an_entry_must_name_a_class_of_the_right_kind_and_its_arguments(
    config: dict[str, Any], problems: list[str]
) -> None:
    assert check_typed(config, Stopper, PROVIDED) == problems
