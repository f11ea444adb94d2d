"""The ways of use that the specification shows, each one as a user would write it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Dict  # noqa: UP035 - annotations as the specification's users write them

import pytest
import yaml
from omegaconf import DictConfig, OmegaConf

from experiment_manager.common.common import Level, Metric, RunStatus
from experiment_manager.common.factory import Factory
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.common.yaml_utils import insert_value, multiply
from experiment_manager.environment import Environment
from experiment_manager.experiment import Experiment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.checkpoint import CheckpointCallback
from experiment_manager.pipelines.callbacks.early_stopping import EarlyStopping
from experiment_manager.pipelines.callbacks.metric_tracker import MetricsTracker
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.trackers.tracker import Tracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

Query = Callable[[Path, str], list[tuple[Any, ...]]]

ENV_YAML = """
workspace: "{workspace}"
verbose: true
debug: false
trackers: []
"""
EXPERIMENT_YAML = """
name: letters
id: 1
desc: "How wide must a network be?"
settings:
  model_type: mlp
  batch_size: 16
  epochs: 4
"""
BASE_YAML = """
settings:
  model_type: mlp
  batch_size: 64
  optimizer: sgd
  log_level: INFO
"""
TRIALS_YAML = """
- name: narrow
  id: 1
  repeat: 3
  settings:
    hidden_layers: [8]
    learning_rate: 0.01

- name: wide
  id: 2
  repeat: 3
  settings:
    hidden_layers: [128, 64]
    learning_rate: 0.001
"""

PROLOGUE = """
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.common.common import RunStatus, Metric
from experiment_manager.environment import Environment
from omegaconf import DictConfig
"""
BARE_EPOCHS = """
class LetterPipeline(Pipeline):
    def __init__(self, env, config: DictConfig):
        super().__init__(env)
        self.config = config

    @Pipeline.run_wrapper
    def run(self, config):
        for epoch in range(config.epochs):
            if self.run_epoch(epoch) == RunStatus.FAILED:
                return RunStatus.FAILED
        self.run_metrics[Metric.TEST_LOSS] = 0.125
        self.run_metrics[Metric.TEST_ACC] = 0.75
        return RunStatus.COMPLETED

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx):
        self.epoch_metrics[Metric.TRAIN_LOSS] = 1 / (epoch_idx + 1)
        self.epoch_metrics[Metric.VAL_ACC] = 0.5
        return RunStatus.COMPLETED
"""
EPOCHS_WITH_A_MODEL = BARE_EPOCHS.replace(
    "run_epoch(self, epoch_idx)", "run_epoch(self, epoch_idx, model)"
).replace("self.run_epoch(epoch)", "self.run_epoch(epoch, object())")
FACTORY = """
class LetterFactory(PipelineFactory):
    @staticmethod
    def create(name: str, config: DictConfig, env: Environment, id: int = None) -> Pipeline:
        if name == "letters_pipeline":
            return LetterPipeline(env, config)
        return PipelineFactory.create(name, config, env, id)
"""
FACTORY_WITHOUT_A_NAME = """
class LetterFactory(PipelineFactory):
    @staticmethod
    def create(name: str, config: DictConfig, env: Environment, id: int = None) -> Pipeline:
        assert name == ""
        return LetterPipeline(env, config)
"""


def user_code(*parts: str) -> dict[str, Any]:
    """What a user's module of this source defines."""
    names: dict[str, Any] = {"__name__": "your_module"}
    exec("".join([PROLOGUE, *parts]), names)
    return names


@pytest.fixture
def config_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "configs"
    folder.mkdir()
    files = {
        "env.yaml": ENV_YAML.format(workspace=tmp_path / "outputs" / "letters"),
        "experiment.yaml": EXPERIMENT_YAML,
        "base.yaml": BASE_YAML,
        "trials.yaml": TRIALS_YAML,
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def tracker(env: Environment) -> TrackerManager:
    return env.tracker_manager


# Quick Start.


@pytest.mark.parametrize("pipeline", [BARE_EPOCHS, EPOCHS_WITH_A_MODEL], ids=["bare", "model"])
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_the_quick_start_runs_all_trials(
    config_dir: Path, tmp_path: Path, query: Query, pipeline: str, named: bool
) -> None:
    if named:
        with (config_dir / "base.yaml").open("a", encoding="utf-8") as file:
            file.write("pipeline:\n  type: letters_pipeline\n")
    factory = user_code(pipeline, FACTORY if named else FACTORY_WITHOUT_A_NAME)["LetterFactory"]
    experiment = Experiment.create(str(config_dir), factory)
    experiment.run()
    workspace = tmp_path / "outputs" / "letters"
    runs = query(
        workspace,
        "SELECT t.name, r.number, r.status, r.seed "
        "FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id",
    )
    assert runs == [
        (trial, number, "completed", number - 1)
        for trial in ("narrow", "wide")
        for number in (1, 2, 3)
    ]
    assert query(workspace, "SELECT title, description FROM EXPERIMENT") == [
        ("letters", "How wide must a network be?")
    ]
    assert query(workspace, "SELECT count(*) FROM EPOCH") == [(24,)]
    assert query(workspace, "SELECT count(*) FROM EPOCH_METRIC") == [(48,)]
    assert query(workspace, "SELECT count(*) FROM RESULTS_METRIC") == [(12,)]


def test_settings_are_merged_base_then_experiment_then_trial(config_dir: Path) -> None:
    factory = user_code(BARE_EPOCHS, FACTORY_WITHOUT_A_NAME)["LetterFactory"]
    config = Experiment.create(config_dir, factory).plan.runs[0].config
    expected = {
        "model_type": "mlp",
        "batch_size": 16,
        "optimizer": "sgd",
        "log_level": "INFO",
        "epochs": 4,
        "hidden_layers": [8],
        "learning_rate": 0.01,
        "seed": 0,
    }
    assert config["settings"] == expected
    assert {key: config[key] for key in expected} == expected


def test_the_factory_falls_back_to_registered_pipelines(config_dir: Path) -> None:
    @YAMLSerializable.register("RegisteredPipeline")
    class RegisteredPipeline(Pipeline):
        def run(self, config: Any) -> RunStatus:
            return RunStatus.COMPLETED

    with (config_dir / "base.yaml").open("a", encoding="utf-8") as file:
        file.write("pipeline: RegisteredPipeline\n")
    factory = user_code(BARE_EPOCHS, FACTORY)["LetterFactory"]
    assert Experiment.create(config_dir, factory).run().is_success
    assert Experiment.create(config_dir).run().is_success


def test_the_specifications_directory_tree(config_dir: Path, tmp_path: Path) -> None:
    factory = user_code(BARE_EPOCHS, FACTORY_WITHOUT_A_NAME)["LetterFactory"]
    Experiment.create(config_dir, factory).run()
    root = tmp_path / "outputs" / "letters" / "letters"
    for name in ("experiment.yaml", "base.yaml", "trials.yaml"):
        assert (root / "configs" / name).is_file()
    assert (root / "logs" / "metrics.log").is_file()
    for inner in ("configs", "logs", "artifacts", "run_1/logs", "run_1/artifacts"):
        assert (root / "trials" / "narrow" / inner).is_dir()


# Environment.


def test_an_environment_from_a_configuration_and_its_child(tmp_path: Path) -> None:
    config = OmegaConf.create(
        {"workspace": str(tmp_path / "ws"), "verbose": True, "debug": False, "trackers": []}
    )
    env = Environment.from_config(config)
    trial_env = env.create_child("trial_1")
    assert (tmp_path / "ws" / "trial_1" / "artifacts").is_dir()
    trial_env.close()
    env.close()


# The tracker system, call by call, without any on_create before.


def test_every_call_of_the_tracker_system_in_one_go(
    tracker: TrackerManager, env: Environment, query: Query
) -> None:
    tracker.track(Metric.TRAIN_LOSS, 0.4, step=1)
    tracker.track(Metric.VAL_ACC, 0.9, step=1)
    tracker.track_dict({Metric.TRAIN_LOSS: 0.3, Metric.VAL_LOSS: 0.2, Metric.VAL_ACC: 0.8}, step=2)
    tracker.on_create(Level.TRIAL_RUN)
    tracker.on_start(Level.TRIAL_RUN)
    tracker.on_end(Level.TRIAL_RUN)
    with TrackScope(tracker, Level.TRIAL_RUN):
        tracker.track(Metric.TRAIN_LOSS, 0.1, step=2)
    tracker.on_add_artifact(
        Level.TRIAL_RUN, artifact_path="/elsewhere/model.pth", artifact_type="checkpoint"
    )
    tracker.log_params({"learning_rate": 0.01, "batch_size": 16, "optimizer": "sgd"})
    tracker.on_checkpoint(
        network=object(), checkpoint_path="/elsewhere/last.pth", metrics={Metric.VAL_ACC: 0.95}
    )
    tracker.close()
    by_run = query(
        env.workspace,
        "SELECT r.number, l.epoch_idx, m.type, m.total_val FROM EPOCH_METRIC l "
        "JOIN METRIC m ON m.id = l.metric_id "
        "JOIN TRIAL_RUN r ON r.id = l.trial_run_id ORDER BY m.id",
    )
    assert by_run == [
        (1, 1, "train_loss", 0.4),
        (1, 1, "val_acc", 0.9),
        (1, 2, "train_loss", 0.3),
        (1, 2, "val_loss", 0.2),
        (1, 2, "val_acc", 0.8),
        (3, 2, "train_loss", 0.1),
    ]
    files = query(
        env.workspace,
        "SELECT r.number, a.type, a.location FROM TRIAL_RUN_ARTIFACT l JOIN ARTIFACT a "
        "ON a.id = l.artifact_id JOIN TRIAL_RUN r ON r.id = l.trial_run_id ORDER BY a.id",
    )
    assert files == [
        (4, "checkpoint", "/elsewhere/model.pth"),
        (4, "checkpoint", "/elsewhere/last.pth"),
    ]
    parameters = query(env.workspace, "SELECT name FROM TRIAL_RUN_PARAMETER ORDER BY name")
    assert parameters == [("batch_size",), ("learning_rate",), ("optimizer",)]


def test_contexts_managed_by_hand(tracker: TrackerManager, env: Environment, query: Query) -> None:
    tracker.on_create(Level.EXPERIMENT)
    tracker.on_start(Level.EXPERIMENT)
    tracker.on_create(Level.TRIAL)
    tracker.on_start(Level.TRIAL)
    tracker.track(Metric.TRAIN_LOSS, 0.3, step=7)
    tracker.on_end(Level.TRIAL)
    tracker.on_end(Level.EXPERIMENT)
    assert query(env.workspace, "SELECT count(*) FROM TRIAL_METRIC") == [(1,)]
    assert query(env.workspace, "SELECT count(*) FROM TRIAL_RUN") == [(0,)]


def test_nested_scopes_with_a_trial_name(
    tracker: TrackerManager, env: Environment, query: Query
) -> None:
    with TrackScope(tracker, level=Level.EXPERIMENT):
        for name in ("narrow", "wide"):
            with TrackScope(tracker, level=Level.TRIAL, trial_name=name):
                tracker.track("score", 1)
    assert query(env.workspace, "SELECT name FROM TRIAL") == [("narrow",), ("wide",)]


def test_artifacts_of_three_levels(
    tracker: TrackerManager, env: Environment, query: Query
) -> None:
    tracker.on_add_artifact(Level.EXPERIMENT, "final.pth", artifact_type="model")
    tracker.on_add_artifact(Level.TRIAL, "trial.yaml", artifact_type="config")
    tracker.on_add_artifact(Level.EPOCH, "epoch_5.pth", artifact_type="checkpoint")
    for table in ("EXPERIMENT_ARTIFACT", "TRIAL_ARTIFACT", "EPOCH_ARTIFACT"):
        assert query(env.workspace, f"SELECT count(*) FROM {table}") == [(1,)]


def test_the_six_levels_and_their_depth() -> None:
    names = ["EXPERIMENT", "TRIAL", "TRIAL_RUN", "PIPELINE", "EPOCH", "BATCH"]
    assert [(level.name, level.value) for level in Level] == list(
        zip(names, range(6), strict=True)
    )


def test_the_metrics_and_which_are_tracked() -> None:
    tracked = (
        "TRAIN_LOSS TRAIN_ACC VAL_LOSS VAL_ACC TEST_LOSS TEST_ACC LEARNING_RATE CONFUSION CUSTOM"
    )
    untracked = "NETWORK DATA LABELS STATUS"
    assert [metric.name for metric in Metric if metric.is_tracked] == tracked.split()
    assert [metric.name for metric in Metric if not metric.is_tracked] == untracked.split()


def test_the_statuses() -> None:
    for name in ("RUNNING", "COMPLETED", "STOPPED", "FAILED", "ABORTED", "SKIPPED"):
        assert RunStatus[name].value == name.lower()


def test_the_hooks_of_a_tracker() -> None:
    for name in ("on_create", "on_start", "on_end"):
        assert name in Tracker.__abstractmethods__


# Pipelines and callbacks.


class WithCallbacks(Pipeline):
    """Registers in its constructor, and hands a model to its epochs."""

    def __init__(self, env: Environment, config: Any) -> None:
        super().__init__(env)
        self.config = config
        self.model = {"weights": 0}
        self.register_callback(
            EarlyStopping(
                env=env, metric=Metric.VAL_LOSS, patience=2, min_delta_percent=1.0, mode="min"
            )
        )
        self.register_callback(MetricsTracker(env=env))
        self.register_callback(CheckpointCallback(interval=2, env=env))

    @Pipeline.run_wrapper
    def run(self, config: Any) -> RunStatus:
        for epoch in range(config.epochs):
            status = self.run_epoch(epoch, self.model)
            if status == RunStatus.FAILED:
                return RunStatus.FAILED
        return RunStatus.COMPLETED

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int, model: dict[str, int]) -> RunStatus:
        self.epoch_metrics[Metric.VAL_LOSS] = max(1.0 - 0.2 * epoch_idx, 0.8)
        self.epoch_metrics[Metric.NETWORK] = model
        return RunStatus.COMPLETED


def test_built_in_callbacks_registered_in_the_constructor(env: Environment) -> None:
    config = OmegaConf.create({"epochs": 10})
    assert WithCallbacks(env, config).run(config) is RunStatus.STOPPED
    lines = (env.artifact_dir / "metrics.log").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["type", *["EPOCH"] * 4, "FINAL"]
    saved = sorted(path.stem for path in (env.artifact_dir / "checkpoints").iterdir())
    assert saved == ["epoch_1", "epoch_3"]


class Milestones(Callback):
    """As the specification writes one: no super().__init__, annotations with Dict."""

    def __init__(self, env: Environment) -> None:
        self.env = env

    def on_start(self) -> None:
        self.env.logger.info("started")

    def on_epoch_end(self, epoch_idx: int, metrics: Dict[Any, Any]) -> bool:  # type: ignore[override]  # noqa: UP006
        self.env.logger.info("epoch %d is over", epoch_idx)
        return epoch_idx < 1

    def on_end(self, metrics: Dict[Any, Any]) -> None:  # type: ignore[override]  # noqa: UP006
        self.env.logger.info("ended")


def log_of(log_dir: Path) -> list[str]:
    file = log_dir / f"{log_dir.parent.name}.log"
    return [line.partition("INFO    ")[2] for line in file.read_text("utf-8").splitlines()]


def test_a_custom_callback_from_code(env: Environment) -> None:
    config = OmegaConf.create({"epochs": 10})
    pipeline = WithCallbacks(env, config)
    pipeline.register_callback(Milestones(env))
    assert pipeline.run(config) is RunStatus.STOPPED
    assert log_of(env.log_dir) == ["started", "epoch 0 is over", "epoch 1 is over", "ended"]


def test_a_custom_callback_registered_by_name_and_named_in_yaml(
    config_dir: Path, tmp_path: Path
) -> None:
    YAMLSerializable.register("milestones")(Milestones)
    with (config_dir / "base.yaml").open("a", encoding="utf-8") as file:
        file.write("callbacks:\n  - type: milestones\n")
    factory = user_code(BARE_EPOCHS, FACTORY_WITHOUT_A_NAME)["LetterFactory"]
    summary = Experiment.create(config_dir, factory).run()
    assert {run.status for run in summary.runs} == {RunStatus.STOPPED}
    trials = tmp_path / "outputs" / "letters" / "letters" / "trials"
    assert "epoch 1 is over" in log_of(trials / "wide" / "run_3" / "logs")


def test_the_hooks_that_the_decorators_call_exist(env: Environment) -> None:
    calls: list[str] = []

    class Hooked(WithCallbacks):
        def _on_run_start(self) -> None:
            calls.append("start")
            super()._on_run_start()

        def _on_run_end(self) -> None:
            calls.append("end")
            super()._on_run_end()

    config = OmegaConf.create({"epochs": 1})
    Hooked(env, config).run(config)
    assert calls == ["start", "end"]


# Serializable and factory.


@YAMLSerializable.register("Scaler")
class Scaler(YAMLSerializable):
    def __init__(self, config: DictConfig | None = None) -> None:
        super().__init__(config)
        self.factor = self.config.get("factor", 1)
        self.label = self.config.get("label", "plain")

    @classmethod
    def from_config(cls, config: Any) -> Scaler:
        return cls(config)


class ComponentFactory(Factory):
    @staticmethod
    def create(type_name: str, config: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return Factory.create(type_name, config, *args, **kwargs)
        except ValueError as error:
            raise ValueError(f"no component {type_name}: {error}") from error


@pytest.mark.parametrize("wrap", [dict, OmegaConf.create])
def test_a_component_is_made_from_its_configuration(wrap: Callable[[Any], Any]) -> None:
    config = wrap({"type": "Scaler", "factor": 3})
    made = ComponentFactory.create(config["type"], config)
    assert isinstance(made, Scaler)
    assert (made.factor, made.label, made.config) == (3, "plain", config)


def test_an_unknown_component_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="no component Scalr"):
        ComponentFactory.create("Scalr", {})
    with pytest.raises(ValueError, match="Unknown type"):
        YAMLSerializable.get_class("Scalr")
    assert YAMLSerializable.get_class("Scaler") is Scaler


def test_a_serializable_without_configuration_has_an_empty_one() -> None:
    assert YAMLSerializable().config == {}
    assert Scaler().factor == 1


# Model comparison.


def test_a_factory_that_chooses_by_the_settings(tmp_path: Path) -> None:
    class Mlp(Pipeline):
        score = 1

        @Pipeline.run_wrapper
        def run(self, config: Any) -> None:
            self.run_metrics[Metric.TEST_ACC] = self.score

    class Cnn(Mlp):
        score = 2

    class Comparison(PipelineFactory):
        @staticmethod
        def create(name: str, config: Any, env: Any, id: Any = None) -> Pipeline:  # noqa: A002, ARG004 - the contract's names
            model_type = config.get("settings", {}).get("model_type", "mlp")
            if model_type in {"mlp", "cnn"}:
                return {"mlp": Mlp, "cnn": Cnn}[model_type](env)
            raise ValueError(f"Unknown model type: {model_type}")

    trials = [
        {"id": i + 1, "name": f"{kind}_model", "repeat": 2, "settings": {"model_type": kind}}
        for i, kind in enumerate(["mlp", "cnn", "transformer"])
    ]
    env = {"workspace": str(tmp_path / "ws")}
    for name, content in {"trials": trials, "experiment": {"name": "models"}, "env": env}.items():
        text = yaml.safe_dump(content)
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    summary = Experiment.create(tmp_path, Comparison).run()
    means = {trial.name: trial.statistic("test_acc").mean for trial in summary.trials[:2]}
    assert means == {"mlp_model": 1.0, "cnn_model": 2.0}
    failed = summary.trials[2].runs
    assert {run.status for run in failed} == {RunStatus.FAILED}
    assert "Unknown model type: transformer" in str(failed[0].error)


# Configurations made in code.


def test_a_placeholder_is_replaced() -> None:
    config = insert_value(OmegaConf.create({"learning_rate": "?", "batch_size": 16}), 0.01)
    assert config.learning_rate == 0.01
    assert config.batch_size == 16


def test_lists_of_configurations_are_multiplied_into_trials(config_dir: Path) -> None:
    rates = [{"settings": {"learning_rate": rate}} for rate in (0.1, 0.01)]
    layers = [{"settings": {"hidden_layers": width}} for width in ([8], [16, 8])]
    trials = multiply(rates, layers)
    for number, trial in enumerate(trials, start=1):
        trial["id"] = number
        trial["name"] = f"trial_{number}"
    (config_dir / "trials.yaml").write_text(yaml.dump(trials), encoding="utf-8")
    factory = user_code(BARE_EPOCHS, FACTORY_WITHOUT_A_NAME)["LetterFactory"]
    experiment = Experiment.create(config_dir, factory)
    assert [
        (spec.config["learning_rate"], spec.config["hidden_layers"])
        for spec in experiment.plan.runs
    ] == [(0.1, [8]), (0.1, [16, 8]), (0.01, [8]), (0.01, [16, 8])]
    assert len(experiment.run().trials) == 4
