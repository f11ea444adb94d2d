"""What a pipeline declares of its settings is checked, filled in and converted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pydantic
import pytest

from experiment_manager.common.errors import ConfigError
from experiment_manager.experiment import Experiment
from experiment_manager.pipelines.declared import complete_settings, declared_names
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


@BOTH
def test_the_names_of_a_declaration_are_those_of_its_sections_too(declared: type) -> None:
    names = declared_names(declared)
    assert {"epochs", "lr", "network", "network.width"} <= set(names)


def test_an_open_model_declares_its_fields() -> None:
    class Open(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")
        epochs: int

    assert declared_names(Open) == ["epochs"]


MODULE = """
from dataclasses import dataclass

from experiment_manager import Pipeline


@dataclass
class Settings:
    epochs: int
    lr: float = 0.1


class Training(Pipeline):
    settings_type = Settings


class Undeclared(Pipeline): ...
"""


def create(
    folder: Path, overrides: Sequence[str] = (), *, sweeps: bool = False, **settings: Any
) -> Experiment:
    write_configs(folder, base={"pipeline": "declaring_training:Training", "settings": settings})
    (folder / "declaring_training.py").write_text(MODULE, encoding="utf-8")
    return Experiment.create(folder, overrides=overrides, sweeps=sweeps)


def test_declared_defaults_are_settings_of_the_plan(tmp_path: Path) -> None:
    (run,) = create(tmp_path, epochs="3").plan.runs
    assert (run.settings["epochs"], run.settings["lr"], run.config["lr"]) == (3, 0.1, 0.1)


def test_what_is_not_as_declared_is_refused_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        create(tmp_path, epochs=3, lrr=0.1)
    assert "base.yaml: unknown setting 'lrr'. Did you mean 'lr'? (line 4)" in str(raised.value)


def test_a_declared_setting_that_no_file_has_may_be_changed_by_a_command(tmp_path: Path) -> None:
    (run,) = create(tmp_path, ["lr=0.5"], epochs=3).plan.runs
    assert (run.settings["lr"], run.overrides) == (0.5, ("lr=0.5",))


def test_one_that_must_be_given_may_be_given_by_a_command(tmp_path: Path) -> None:
    (run,) = create(tmp_path, ["trials.first.epochs=3"]).plan.runs
    assert run.settings["epochs"] == 3


def test_a_declared_setting_that_no_file_has_may_be_swept(tmp_path: Path) -> None:
    runs = create(tmp_path, ["lr=0.5,0.25"], sweeps=True, epochs=3).plan.runs
    assert [run.settings["lr"] for run in runs] == [0.5, 0.25]


def test_a_slip_in_a_change_of_one_is_told_with_the_declared_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no 'epoch'\. Did you mean 'epochs'\?"):
        create(tmp_path, ["epoch=3"])


def test_a_change_of_one_is_checked_like_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="command line: 'lr': "):
        create(tmp_path, ["lr=high"], epochs=3)


def test_what_another_pipeline_declares_is_not_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no 'lr'"):
        create(tmp_path, ["lr=0.5", "pipeline=declaring_training:Undeclared"], epochs=3)
