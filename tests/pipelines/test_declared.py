"""What a pipeline declares of its settings is checked, filled in and converted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pydantic
import pytest

from experiment_manager.common.errors import ConfigError
from experiment_manager.experiment import Experiment
from experiment_manager.pipelines.declared import complete_settings
from experiment_manager.testing.configs import write_configs


class Activation(Enum):
    RELU = "relu"
    TANH = "tanh"


@dataclass
class Network:
    width: int = 8
    activation: Activation = Activation.RELU


@dataclass
class AsDataclass:
    epochs: int
    lr: float = 0.1
    layers: list[int] = field(default_factory=lambda: [64])
    network: Network = field(default_factory=Network)


class NetworkModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    width: int = 8


class AsModel(pydantic.BaseModel):
    epochs: int = pydantic.Field(ge=1)
    lr: float = 0.1
    network: NetworkModel = NetworkModel()


BOTH = pytest.mark.parametrize("declared", [AsDataclass, AsModel])


def problems_of(declared: type, **settings: Any) -> list[str]:
    return complete_settings(declared, settings)[1]


@BOTH
def test_defaults_are_filled_in(declared: type) -> None:
    settings, problems = complete_settings(declared, {"epochs": 3, "network": {"width": 4}})
    assert problems == []
    assert (settings["lr"], settings["network"]["width"]) == (0.1, 4)


@BOTH
def test_values_are_converted(declared: type) -> None:
    settings, problems = complete_settings(declared, {"epochs": "3", "lr": 1})
    assert problems == []
    assert repr((settings["epochs"], settings["lr"])) == "(3, 1.0)"


@BOTH
def test_settings_with_a_meaning_of_their_own_are_left_alone(declared: type) -> None:
    own = {"seed": 7, "pipeline": {"type": "x"}, "callbacks": []}
    settings, problems = complete_settings(declared, {"epochs": 3, **own})
    assert problems == []
    assert {key: settings[key] for key in own} == own


@BOTH
def test_an_unknown_setting_is_told_with_the_nearest_one(declared: type) -> None:
    assert problems_of(declared, epochs=3, lrr=1) == ["unknown setting 'lrr'. Did you mean 'lr'?"]


@BOTH
def test_a_missing_one_is_told(declared: type) -> None:
    (problem,) = problems_of(declared)
    assert problem.startswith("'epochs'")


@BOTH
def test_a_wrong_type_is_told(declared: type) -> None:
    (problem,) = problems_of(declared, epochs="many")
    assert problem.startswith("'epochs': ")


@BOTH
def test_sections_are_checked_too(declared: type) -> None:
    assert problems_of(declared, epochs=1, network={"widht": 1}) == [
        "unknown setting 'network.widht'. Did you mean 'width'?"
    ]


def test_enums_go_by_their_names() -> None:
    assert problems_of(AsDataclass, epochs=1, network={"activation": "TANH"}) == []
    (wrong,) = problems_of(AsDataclass, epochs=1, network={"activation": "sigmoid"})
    assert wrong.startswith("'network.activation': ")


def test_a_field_of_a_model_stands_in_files_under_its_alias() -> None:
    class Aliased(pydantic.BaseModel):
        learning_rate: float = pydantic.Field(alias="lr")

    assert complete_settings(Aliased, {"lr": "3"}) == ({"lr": 3.0}, [])
    assert problems_of(Aliased, lr=1, learning_rate=2)[0].startswith("unknown setting 'learning")


def test_an_open_model_takes_any_setting() -> None:
    class Open(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")
        epochs: int

    assert problems_of(Open, epochs=1, more=2) == []


def test_a_declared_seed_is_the_runs() -> None:
    @dataclass
    class Seeded:
        seed: int

    assert complete_settings(Seeded, {"seed": 7}) == ({"seed": 7}, [])


def test_ranges_of_a_model_are_checked() -> None:
    (problem,) = problems_of(AsModel, epochs=0)
    assert "greater than or equal to 1" in problem


def test_everything_is_told_at_once() -> None:
    assert len(problems_of(AsDataclass, epochs="many", lr="high", lrr=1)) == 3


MODULE = """
from dataclasses import dataclass

from experiment_manager import Pipeline


@dataclass
class Settings:
    epochs: int
    lr: float = 0.1


class Training(Pipeline):
    settings_type = Settings
"""


def create(folder: Path, **settings: Any) -> Experiment:
    write_configs(folder, base={"pipeline": "declaring_training:Training", "settings": settings})
    (folder / "declaring_training.py").write_text(MODULE, encoding="utf-8")
    return Experiment.create(folder)


def test_declared_defaults_are_settings_of_the_plan(tmp_path: Path) -> None:
    (run,) = create(tmp_path, epochs="3").plan.runs
    assert (run.settings["epochs"], run.settings["lr"], run.config["lr"]) == (3, 0.1, 0.1)


def test_what_is_not_as_declared_is_refused_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        create(tmp_path, epochs=3, lrr=0.1)
    assert "base.yaml: unknown setting 'lrr'. Did you mean 'lr'? (line 4)" in str(raised.value)
