"""What can be said about one file or trial by itself: keys, values, what was never filled in."""

from __future__ import annotations

from typing import Any

import pytest

from experiment_manager.config import validate

KNOWN: dict[str, validate.Check] = {
    "repeat": validate.is_count,
    "settings": validate.is_mapping,
}


# Keys.


def test_in_a_closed_block_every_other_key_is_wrong() -> None:
    assert validate.check_keys("f", {"lr": 1, "repeat": 1}, KNOWN, closed=True) == [
        "f: unknown key 'lr'. Known: repeat, settings."
    ]


def test_in_an_open_block_only_a_slip_in_a_known_key_is_wrong() -> None:
    assert validate.check_keys("f", {"lr": 1, "repeats": 1}, KNOWN, closed=False) == [
        "f: unknown key 'repeats'. Did you mean 'repeat'?"
    ]


def test_every_known_key_has_its_value_checked() -> None:
    assert validate.check_keys("f", {"repeat": 0, "settings": 1}, KNOWN, closed=True) == [
        "f: 'repeat' must be 1 or more, not 0",
        "f: 'settings' must be a mapping, not 1",
    ]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("optimiser", "optimizer"),
        ("learing_rate", "learning_rate"),
        ("batchsize", "batch_size"),
        ("seeds", "seed"),
        ("momentum", None),
        ("lrs", None),
        ("beta2", None),
    ],
)
def test_a_slip_is_told_from_another_word(key: str, meant: str | None) -> None:
    known = ["optimizer", "learning_rate", "batch_size", "seed", "lr", "beta1"]
    assert validate.near_miss(key, known) == meant


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("learning_rate_min", "learning_rate_max"),
        ("num_encoder_layers", "num_decoder_layers"),
        ("encoder_dropout", "decoder_dropout"),
        ("hidden_size_a", "hidden_size_b"),
        ("optimizer_g", "optimizer_d"),
    ],
)
def test_a_name_with_another_word_in_it_is_no_slip(key: str, known: str) -> None:
    assert validate.near_miss(key, [known]) is None


def test_a_long_name_may_have_a_slip_in_each_word() -> None:
    assert validate.near_miss("learing_rte", ["learning_rate"]) == "learning_rate"
    assert validate.near_miss("numencoderlayer", ["num_encoder_layers"]) == "num_encoder_layers"


# Settings over settings.


def test_a_slip_in_a_setting_is_told_with_its_place() -> None:
    below = {"optimizer": {"name": "sgd", "momentum": 0.9}, "epochs": 3}
    above = {"optimizer": {"momentom": 0.8}, "epoch": 4}
    assert validate.check_settings_keys("f", above, below) == [
        "f: unknown key 'optimizer.momentom'. Did you mean 'momentum'?",
        "f: unknown key 'epoch'. Did you mean 'epochs'?",
    ]


@pytest.mark.parametrize(
    "above",
    [
        {"epochs": 4},
        {"width": 8},
        {"optimizer": "adam"},
        {"epochs": {"epohcs": 1}},
        {"optimizer": {"momentum": 0.1, "nesterov": True}},
        {1: "a"},
    ],
)
def test_settings_that_replace_or_add_are_fine(above: dict[Any, Any]) -> None:
    below = {"optimizer": {"momentum": 0.9}, "epochs": 3}
    assert validate.check_settings_keys("f", above, below) == []


def test_a_declared_setting_is_no_slip_of_another() -> None:
    below = {"lr_decay": 1, "net": {"layer": 1}}
    above = {"lr_delay": 2, "net": {"layers": 2}}
    declared = {"lr_decay", "lr_delay", "net", "net.layer", "net.layers"}
    assert validate.check_settings_keys("f", above, below, declared) == []
    assert validate.check_siblings({"a": {"batch": 1}, "b": {"patch": 1}}, {"patch"}) == []


# Placeholders.


def test_what_was_never_filled_in_is_told_with_its_place() -> None:
    settings = {"lr": "?", "net": {"layers": [64, "???"]}, "text": "why?", "none": None}
    assert validate.check_placeholders("f", settings) == [
        "f: 'lr' is still '?'; give it a value",
        "f: 'net.layers[1]' is still '???'; give it a value",
    ]


# Values.


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (validate.is_name, ["a", "a b"], ["", "..", "a/b", 1, None]),
        (validate.is_anything, [None, 1, "a"], []),
        (validate.is_mapping, [None, {}, {"a": 1}], ["", 0, [], False]),
        (validate.is_text, ["", "a"], [None, 1, ["a"]]),
        (validate.is_flag, [True, False], [None, 0, 1, "yes"]),
        (validate.is_integer, [0, -1, 2**70], [None, True, 1.0, "1"]),
        (validate.is_count, [1, 10**6], [0, -1, True, 1.0, "3", None]),
        (validate.is_typed, ["a", {"type": "a", "x": 1}], ["", None, {}, {"type": 1}, ["a"]]),
        (
            validate.is_typed_list,
            [None, [], [{"type": "a"}, {"type": "b", "x": 1}]],
            ["a", {"type": "a"}, ["a"], [{"type": "a"}, {}], [{"type": None}]],
        ),
        (validate.is_database, [{"url": "a"}], [None, "a", {}, {"url": 1}, {"url": "a", "b": 1}]),
    ],
)
def test_a_check_complains_about_bad_values_alone(
    check: validate.Check, good: list[Any], bad: list[Any]
) -> None:
    assert [value for value in good if check(value) is not None] == []
    assert [value for value in bad if check(value) is None] == []


@pytest.mark.parametrize(
    ("check", "value", "complaint"),
    [
        (validate.is_flag, "yes", "must be true or false, not 'yes'"),
        (validate.is_typed_list, [{"type": "a"}, 5], "entry 2 is 5"),
        (validate.is_name, "a/b", "would leave its folder"),
    ],
)
def test_a_complaint_says_what_is_wanted_and_what_is_there(
    check: validate.Check, value: Any, complaint: str
) -> None:
    assert complaint in (check(value) or "")
