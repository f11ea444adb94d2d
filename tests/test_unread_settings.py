"""Settings that no code read are told when the run ends."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from omegaconf import DictConfig, OmegaConf

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import EarlyStop
from experiment_manager.config.plan import RunSpec
from experiment_manager.environment import Environment
from experiment_manager.experiment import Experiment
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.testing.configs import create_spec, write_configs
from experiment_manager.testing.factories import factory_of
from experiment_manager.trial import RunResult, execute_run

SETTINGS = {"lr": 0.1, "optimizer": {"name": "sgd", "momentum": 0.9}}


def training(body: Callable[[Any], Any]) -> type[PipelineFactory]:
    """A factory whose pipelines do this with the configuration."""

    class Training(Pipeline):
        def run(self, config: Any) -> Any:
            return body(config)

    return factory_of(lambda env, _config: Training(env))


def execute(folder: Path, body: Callable[[Any], Any], **settings: Any) -> RunResult:
    return execute_run(create_spec(folder, settings=settings or SETTINGS), training(body))


def log_of(spec: RunSpec) -> str:
    return "".join(p.read_text(encoding="utf-8") for p in spec.directory.logs.glob("*.log"))


def read_all_but_droput(config: Any) -> None:
    assert config.get("dropout", 0.5) == 0.5
    assert config.lr == 0.1


def test_the_result_names_them_with_dots(tmp_path: Path) -> None:
    result = execute(tmp_path, lambda config: config.optimizer.name)
    assert result.unread_settings == ("lr", "optimizer.momentum")
    assert pickle.loads(pickle.dumps(result)) == result


def test_the_log_of_the_run_tells_once_with_the_nearest_key_that_was_read(tmp_path: Path) -> None:
    spec = create_spec(tmp_path, "small", settings={"lr": 0.1, "droput": 0.2, "widht": 3})
    execute_run(spec, training(read_all_but_droput))
    (line,) = [one for one in log_of(spec).splitlines() if "never read" in one]
    assert "'droput' was never read; did you mean 'dropout'?" in line
    assert "'widht' was never read." in line


def test_where_all_is_read_nothing_is_told(tmp_path: Path) -> None:
    spec = create_spec(tmp_path, settings=SETTINGS)
    assert execute_run(spec, training(OmegaConf.to_container)).unread_settings == ()
    assert "never read" not in log_of(spec)


def test_what_is_read_under_settings_is_read(tmp_path: Path) -> None:
    result = execute(tmp_path, lambda c: (c.settings.lr, OmegaConf.to_container(c.settings)))
    assert result.unread_settings == ()


def test_settings_with_a_meaning_for_the_framework_are_not_told(tmp_path: Path) -> None:
    settings = {"epochs": 3, "pipeline": {"type": "training:Training"}, "callbacks": []}
    assert execute(tmp_path, lambda _: None, **settings).unread_settings == ()


def test_what_a_factory_reads_is_read(tmp_path: Path) -> None:
    class Training(Pipeline):
        def run(self, config: Any) -> None: ...

    def build(env: Environment, config: DictConfig) -> Pipeline:
        assert config.lr == 0.1
        return Training(env)

    result = execute_run(create_spec(tmp_path, settings=SETTINGS), factory_of(build))
    assert result.unread_settings == ("optimizer.name", "optimizer.momentum")


def test_a_factory_may_replace_the_configuration(tmp_path: Path) -> None:
    class Training(Pipeline):
        def __init__(self, env: Environment, own: Any) -> None:
            super().__init__(env)
            self.own = own

        def run(self, config: Any) -> None:
            assert self.own.optimizer.nesterov

    def build(env: Environment, config: DictConfig) -> Pipeline:
        return Training(env, OmegaConf.merge(config, {"optimizer": {"nesterov": True}}))

    result = execute_run(create_spec(tmp_path, settings=SETTINGS), factory_of(build))
    assert (result.status, result.unread_settings) == (RunStatus.COMPLETED, ())


def test_a_pipeline_that_declares_its_settings_is_not_told(tmp_path: Path) -> None:
    @dataclass
    class Settings:
        lr: float = 0.1

    class Training(Pipeline):
        settings_type: ClassVar[type | None] = Settings

        def run(self, config: Any) -> None: ...

    spec = create_spec(tmp_path, settings={"lr": 0.1})
    assert execute_run(spec, factory_of(lambda env, _: Training(env))).unread_settings == ()


# A run that did not get to read all.


def raising(error: Exception) -> Callable[[Any], None]:
    def body(_: Any) -> None:
        raise error

    return body


@pytest.mark.parametrize(
    ("body", "unread"),
    [
        (lambda _: RunStatus.FAILED, ()),
        (lambda _: RunStatus.SKIPPED, ()),
        (raising(ValueError("x")), ()),
        (raising(EarlyStop("enough")), ("lr",)),
    ],
)
def test_only_a_run_that_came_to_its_end_is_told(
    tmp_path: Path, body: Callable[[Any], Any], unread: tuple[str, ...]
) -> None:
    assert execute(tmp_path, body, lr=0.1).unread_settings == unread


# An experiment.


def create(folder: Path, body: Callable[[Any], Any], **settings: Any) -> Experiment:
    configs = write_configs(
        folder, base={"settings": settings}, trials=[{"name": "small"}, {"name": "large"}]
    )
    return Experiment.create(configs, training(body))


def test_the_results_of_the_runs_that_were_executed_name_them(tmp_path: Path) -> None:
    experiment = create(tmp_path, lambda config: config.lr, lr=0.1, width=8)
    experiment.run()
    assert [(r.trial, r.unread_settings) for r in experiment.results] == [
        ("small", ("width",)),
        ("large", ("width",)),
    ]
    experiment.run()
    assert experiment.results == ()


def test_what_a_setting_refers_to_is_read_with_it(tmp_path: Path) -> None:
    settings = {"lr": 0.1, "max_lr": "${lr}", "width": "${depth}", "depth": 2}
    experiment = create(tmp_path, lambda config: config.max_lr, **settings)
    experiment.run()
    assert experiment.results[0].unread_settings == ("width", "depth")
