"""Classes are found again under the name they were registered by, and under their own."""

from __future__ import annotations

import pytest

from experiment_manager.common.errors import UnknownTypeError
from experiment_manager.common.serializable import YAMLSerializable


class Stretcher(YAMLSerializable):
    """Registered for every test of this module."""


@pytest.fixture(autouse=True)
def _registered() -> None:
    YAMLSerializable.register("stretcher")(Stretcher)


@pytest.mark.parametrize("name", ["stretcher", "Stretcher"])
def test_a_class_is_found_by_its_registered_name_and_by_its_own(name: str) -> None:
    assert YAMLSerializable.get_class(name) is Stretcher


def test_a_registered_name_goes_before_the_name_of_another_class() -> None:
    @YAMLSerializable.register("Stretcher")
    class Other(YAMLSerializable):
        pass

    assert YAMLSerializable.get_class("Stretcher") is Other


def test_registering_a_name_again_replaces_the_class() -> None:
    @YAMLSerializable.register("stretcher")
    class Better(YAMLSerializable):
        pass

    assert YAMLSerializable.get_class("stretcher") is Better


def test_an_unknown_name_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(
        UnknownTypeError, match=r"'stretchr'\. Did you mean 'stretcher' or 'Stretcher'\?"
    ):
        YAMLSerializable.get_class("stretchr")


def test_an_unknown_name_can_be_asked_for_without_an_error() -> None:
    assert YAMLSerializable.find_class("stretchr") is None


def test_the_names_of_a_kind_are_listed_in_order() -> None:
    for name in ("wide_stretcher", "narrow_stretcher"):
        YAMLSerializable.register(name)(type(name, (Stretcher,), {}))
    YAMLSerializable.register("no_stretcher")(type("no_stretcher", (YAMLSerializable,), {}))
    assert YAMLSerializable.registered(Stretcher) == [
        "narrow_stretcher",
        "stretcher",
        "wide_stretcher",
    ]


def test_an_instance_keeps_its_configuration() -> None:
    config = {"factor": 2}
    assert Stretcher.from_config(config).config is config
