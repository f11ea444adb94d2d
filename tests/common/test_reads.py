"""What code reads of a configuration is noticed, and the configuration stays what it was."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from experiment_manager.common.reads import (
    notice_reads,
    read_by_reference,
    tell_unread,
    unread_settings,
)

SETTINGS = {
    "lr": 0.1,
    "optimizer": {"name": "sgd", "momentum": 0.9},
    "layers": [64, 32],
    "extra": {},
    "nothing": None,
    "max_lr": "${lr}",
}
ALL = ("lr", "optimizer.name", "optimizer.momentum", "layers", "extra", "nothing", "max_lr")

Use = Callable[[Any], Any]


def noticed() -> tuple[DictConfig, set[str]]:
    config, read = OmegaConf.create(SETTINGS), set[str]()
    notice_reads(config, read)
    return config, read


def unread_after(use: Use) -> tuple[str, ...]:
    config, read = noticed()
    use(config)
    return unread_settings(SETTINGS, read)


def left_after_reading(*names: str) -> tuple[str, ...]:
    return tuple(name for name in ALL if name not in names)


@pytest.mark.parametrize(
    "use",
    [
        lambda config: config.lr,
        lambda config: config["lr"],
        lambda config: config.get("lr"),
        lambda config: config.pop("lr"),
        lambda config: config.setdefault("lr", 1),
        lambda config: "lr" in config,
        lambda config: OmegaConf.select(config, "lr"),
    ],
)
def test_a_setting_is_read_however_it_is_asked_for(use: Use) -> None:
    assert unread_after(use) == left_after_reading("lr")


@pytest.mark.parametrize(
    "use",
    [
        lambda config: config.optimizer.name,
        lambda config: config["optimizer"].get("name"),
        lambda config: OmegaConf.select(config, "optimizer.name"),
    ],
)
def test_in_a_section_only_the_setting_that_is_asked_for_is_read(use: Use) -> None:
    assert unread_after(use) == left_after_reading("optimizer.name")


def test_a_section_that_is_only_fetched_is_not_read() -> None:
    assert unread_after(lambda config: config.optimizer) == ALL


@pytest.mark.parametrize("name", ["layers", "extra", "nothing"])
def test_a_list_and_what_is_empty_are_read_when_they_are_fetched(name: str) -> None:
    assert unread_after(lambda config: config[name]) == left_after_reading(name)


def test_what_an_interpolation_leads_to_is_read() -> None:
    assert unread_after(lambda config: config.max_lr) == left_after_reading("max_lr", "lr")


@pytest.mark.parametrize(
    "use",
    [
        dict,
        lambda section: dict(**section),
        lambda section: list(section.items()),
        lambda section: list(section.values()),
        lambda section: [section[key] for key in section],
        OmegaConf.to_container,
        OmegaConf.to_yaml,
        OmegaConf.create,
        DictConfig,
        copy.copy,
        copy.deepcopy,
        lambda section: OmegaConf.merge(section, {"nesterov": True}),
        lambda section: OmegaConf.merge({"nesterov": True}, section),
    ],
)
def test_whatever_takes_a_section_whole_reads_all_of_it(use: Use) -> None:
    unread = unread_after(lambda config: use(config.optimizer))
    assert unread == left_after_reading("optimizer.name", "optimizer.momentum")


@pytest.mark.parametrize(
    "use", [OmegaConf.to_container, OmegaConf.create, copy.deepcopy, pickle.dumps]
)
def test_a_conversion_or_copy_reads_the_sections_too(use: Use) -> None:
    assert unread_after(use) == ()


def test_a_section_in_a_dict_goes_on_noticing() -> None:
    read = ["lr", "layers", "extra", "nothing", "max_lr"]
    assert unread_after(dict) == left_after_reading(*read)
    use = unread_after(lambda config: dict(config)["optimizer"].name)
    assert use == left_after_reading(*read, "optimizer.name")


@pytest.mark.parametrize(
    "use",
    [
        str,
        repr,
        len,
        bool,
        list,
        lambda config: config.get("unheard_of", 3),
        lambda config: OmegaConf.set_struct(config, True),
        lambda config: OmegaConf.set_readonly(config, True),
    ],
)
def test_what_looks_at_no_single_value_reads_nothing(use: Use) -> None:
    assert unread_after(use) == ALL


# The configuration is what it was.


def test_it_is_a_configuration_like_any_other() -> None:
    config, _ = noticed()
    assert type(config) is DictConfig
    assert OmegaConf.is_config(config)
    assert config == OmegaConf.create(SETTINGS)
    assert str(config) == str(OmegaConf.create(SETTINGS))
    config.optimizer.name = "adam"
    assert OmegaConf.merge(config, {"lr": 2}).optimizer == {"name": "adam", "momentum": 0.9}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_copy_is_an_ordinary_configuration(copied: Callable[[DictConfig], DictConfig]) -> None:
    config, read = noticed()
    other = copied(config)
    read.clear()
    assert (other.optimizer.name, other.max_lr) == ("sgd", 0.1)
    assert other == OmegaConf.create(SETTINGS)
    assert read == set()


def test_a_pickle_needs_nothing_of_this_package() -> None:
    config, _ = noticed()
    assert b"experiment_manager" not in pickle.dumps(config)


# What is read along.


@pytest.mark.parametrize(
    ("value", "along"),
    [
        ("${lr}", ["lr"]),
        ("runs at ${lr}", ["lr"]),
        ("${settings.lr}", ["lr", "settings"]),
        ("${section.name}", ["section", "section.name"]),
        ("${section}", ["section", "section.name", "section.twice"]),
        ("${section.${kind}}", ["kind", "section", "section.name"]),
        ("${section.twice}", ["section", "section.twice", "section.name"]),
        (["${lr}", {"inner": "${kind}"}], ["lr", "kind"]),
        ("${oc.select:lr,3}", ["lr"]),
        ("${oc.env:NO_SUCH_VARIABLE}", []),
    ],
)
def test_what_a_setting_referred_to_is_read_along_with_it(value: Any, along: list[str]) -> None:
    settings = {"lr": 0.1, "kind": "name", "section": {"name": 1, "twice": 1}, "it": "resolved"}
    interpolations = {"it": value, "section.twice": "${.name}"}
    assert read_by_reference(settings, interpolations, {"it"}) == {"it", *along}


def test_nothing_is_read_along_with_what_was_not_read() -> None:
    assert read_by_reference({"a": 1, "b": 1}, {"b": "${a}"}, {"c"}) == set()


# What was meant.


@pytest.mark.parametrize(
    ("unread", "read", "told"),
    [
        ("droput", {"dropout"}, "'droput' was never read; did you mean 'dropout'?"),
        ("width", {"lr"}, "'width' was never read."),
        (
            "optimizer.nmae",
            {"optimizer", "optimizer.name"},
            "'optimizer.nmae' was never read; did you mean 'optimizer.name'?",
        ),
        (
            "optimzer.name",
            {"optimizer", "optimizer.name"},
            "'optimzer.name' was never read; did you mean 'optimizer.name'?",
        ),
        ("optimizer.momentum", {"optimizer", "optimizer.name"}, "'optimizer.momentum' was never"),
    ],
)
def test_the_nearest_key_that_was_read_is_told(unread: str, read: set[str], told: str) -> None:
    assert tell_unread([unread], read).startswith(told)
