"""The settings in which trials differ."""

from __future__ import annotations

from collections.abc import Callable

from experiment_manager.results.plots.settings import (
    Setting,
    differing_settings,
    shared_settings,
)
from experiment_manager.results.samples import Sample

MakeSample = Callable[..., Sample]


def test_settings_that_differ_and_those_that_are_shared(sample: MakeSample) -> None:
    samples = [sample("a", [0.5], lr=0.1, layers=[64]), sample("b", [0.5], lr=0.2, layers=[64])]
    assert differing_settings(samples) == [Setting("lr", (0.1, 0.2))]
    assert shared_settings(samples) == {"layers": [64], "seed": 0}


def test_one_that_varies_within_a_trial_is_neither(sample: MakeSample) -> None:
    samples = [sample("a", [0.5, 0.6]), sample("b", [0.5, 0.6])]
    assert differing_settings(samples) == []
    assert shared_settings(samples) == {}


def test_a_setting_that_a_trial_does_not_have_differs(sample: MakeSample) -> None:
    samples = [sample("a", [0.5], decay=0.1), sample("b", [0.5])]
    (setting,) = differing_settings(samples)
    assert setting.values == (0.1, None)
    assert not setting.is_numeric


def test_one_and_one_point_zero_are_equal_and_true_is_none_of_them(sample: MakeSample) -> None:
    assert differing_settings([sample("a", [0.5], x=1), sample("b", [0.5], x=1.0)]) == []
    (setting,) = differing_settings([sample("a", [0.5], x=1), sample("b", [0.5], x=True)])
    assert not setting.is_numeric


def test_levels_are_in_order_of_their_size() -> None:
    assert list(Setting("lr", (10, 9, 0.5, 10.0)).levels.values()) == ["0.5", "9", "10"]
    assert list(Setting("name", ("sgd", "adam")).levels.values()) == ["adam", "sgd"]


def test_a_number_that_no_float_holds_is_a_name() -> None:
    setting = Setting("id", (10**400, float("inf"), 1))
    assert not setting.is_numeric
    assert len(setting.levels) == 3
