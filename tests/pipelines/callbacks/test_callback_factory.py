"""Callbacks from the configuration."""

from __future__ import annotations

from typing import Any

import pytest

from experiment_manager.common.errors import UnknownTypeError
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.callback_factory import CallbackFactory
from experiment_manager.pipelines.callbacks.checkpoint import CheckpointCallback
from experiment_manager.pipelines.callbacks.early_stopping import EarlyStopping
from experiment_manager.pipelines.callbacks.metric_tracker import MetricsTracker


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ({"type": "early_stopping", "patience": 3}, EarlyStopping),
        ({"type": "EarlyStopping", "metric": "val_acc", "mode": "max"}, EarlyStopping),
        ({"type": "checkpoint", "interval": 5}, CheckpointCallback),
        ({"type": "CheckpointCallback", "interval": 5}, CheckpointCallback),
        ({"type": "metrics_tracker"}, MetricsTracker),
        ({"type": "MetricsTracker"}, MetricsTracker),
    ],
)
def test_the_built_in_ones_are_found_by_both_names(
    env: Environment, entry: dict[str, Any], kind: type
) -> None:
    assert CallbackFactory.check(entry) == []
    assert [type(c) for c in CallbackFactory.create_all({"callbacks": [entry]}, env)] == [kind]


def test_a_custom_one_is_found_by_its_registered_name(env: Environment) -> None:
    @YAMLSerializable.register("shout")
    class Shout(Callback):
        def __init__(self, word: str, env: Environment) -> None:
            super().__init__()
            self.word = word
            self.env = env

    made = CallbackFactory.create("shout", {"type": "shout", "word": "hey"}, env=env)
    assert isinstance(made, Shout)
    assert (made.word, made.env) == ("hey", env)


def test_a_constructor_that_takes_config_gets_the_entry(env: Environment) -> None:
    @YAMLSerializable.register("whole")
    class Whole(Callback):
        def __init__(self, config: Any) -> None:
            super().__init__(config)

    entry = {"type": "whole", "anything": 1}
    assert CallbackFactory.check(entry) == []
    assert CallbackFactory.create("whole", entry, env=env).config == entry


@pytest.mark.parametrize("settings", [{}, {"callbacks": None}, {"callbacks": []}])
def test_no_callbacks_are_none(env: Environment, settings: dict[str, Any]) -> None:
    assert CallbackFactory.create_all(settings, env) == []


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"type": "erly_stopping"}, "Did you mean 'early_stopping'?"),
        ({"type": "early_stopping", "patince": 3}, "Did you mean 'patience'?"),
        ({"type": "early_stopping", "patience": 0}, "'patience' must be"),
        ({"type": "early_stopping", "mode": "up"}, "'mode' must be"),
        ({"type": "early_stopping", "metric": ""}, "name"),
        ({"type": "checkpoint"}, "'interval' is missing"),
        ({"type": "checkpoint", "interval": 0}, "'interval' must be"),
        ({"type": "checkpoint", "interval": 5, "env": "x"}, "unknown key 'env'"),
        ({"type": "log"}, "unknown callback type 'log'"),
    ],
)
def test_a_wrong_entry_is_described(entry: dict[str, Any], complaint: str) -> None:
    problems = CallbackFactory.check(entry)
    assert len(problems) == 1
    assert complaint in problems[0]


def test_an_unknown_name_is_refused(env: Environment) -> None:
    with pytest.raises(UnknownTypeError):
        CallbackFactory.create("nothing", {}, env=env)
