"""Pipelines by registered name or import path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from experiment_manager.common.errors import UnknownTypeError
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.pipelines.pipeline_factory import PipelineFactory

CONFIG = OmegaConf.create({"epochs": 2})

MODULE = """
from experiment_manager import Pipeline


class Training(Pipeline):
    def __init__(self, env, config):
        super().__init__(env)
        self.epochs = config.epochs


class NoPipeline:
    pass
"""


@pytest.fixture
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_training.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


def test_a_registered_name_is_built(env: Environment) -> None:
    @YAMLSerializable.register("mlp")
    class MLP(Pipeline):
        pass

    assert type(PipelineFactory.create("mlp", CONFIG, env)) is MLP


@pytest.mark.usefixtures("_module")
def test_an_import_path_is_built(env: Environment) -> None:
    made: Any = PipelineFactory.create("my_training:Training", CONFIG, env)
    assert (type(made).__name__, made.epochs) == ("Training", 2)


def test_the_constructor_gets_what_it_takes(env: Environment) -> None:
    class Takes(Pipeline):
        def __init__(self, config: DictConfig, env: Environment, id: int) -> None:  # noqa: A002 - the contract's name
            super().__init__(env, id)
            self.given = config

    YAMLSerializable.register("takes")(Takes)
    made = PipelineFactory.create("takes", CONFIG, env, 5)
    assert isinstance(made, Takes)
    assert (made.given, made.id) == (CONFIG, 5)


@pytest.mark.usefixtures("_module")
@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", "no pipeline is named"),
        ("mpl", "Did you mean 'mlp'"),
        ("early_stopping", "early_stopping"),
        ("my_training:Trainng", "Did you mean 'Training'"),
        ("my_trainin:Training", "no module 'my_trainin'"),
        ("my_training:NoPipeline", "not a subclass of Pipeline"),
        ("my_training:Training.missing", "missing"),
    ],
)
def test_a_name_that_leads_nowhere_is_described(name: str, complaint: str) -> None:
    YAMLSerializable.register("mlp")(type("MLP", (Pipeline,), {}))
    with pytest.raises(UnknownTypeError, match=complaint):
        PipelineFactory.find(name)


def test_an_unknown_name_is_a_value_error_as_the_specification_has_it(env: Environment) -> None:
    with pytest.raises(ValueError, match="no_such_thing"):
        PipelineFactory.create("no_such_thing", CONFIG, env)
