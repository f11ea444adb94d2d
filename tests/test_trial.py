"""One run, executed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import EarlyStop
from experiment_manager.common.signals import Terminated
from experiment_manager.config.plan import RunSpec, TrialPlan
from experiment_manager.environment import Environment
from experiment_manager.experiment import Experiment
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.testing.configs import create_spec, write_configs
from experiment_manager.testing.factories import factory_of
from experiment_manager.testing.recording import RecordingTracker
from experiment_manager.trial import RunResult, Trial, execute_run

Query = Callable[[Path, str], list[tuple[Any, ...]]]


class Training(Pipeline):
    """Random numbers at its making, in its epochs and as its result."""

    def __init__(self, env: Environment, config: DictConfig) -> None:
        super().__init__(env)
        self.config = config
        self.made_with = random.random()

    @Pipeline.run_wrapper
    def run(self, config: Any) -> None:
        for index in range(config.get("epochs", 2)):
            self.run_epoch(index)
        self.run_metrics["made_with"] = self.made_with

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> None:
        self.epoch_metrics["loss"] = random.random()


TRAINING = factory_of(Training)


def run_body(body: Callable[[Pipeline], Any]) -> type[PipelineFactory]:
    """A factory whose pipelines run this, undecorated."""

    class Undecorated(Pipeline):
        def run(self, config: Any) -> Any:
            return body(self)

    return factory_of(lambda env, _config: Undecorated(env))


def raising(error: BaseException) -> Callable[[Any], None]:
    def body(_: Any) -> None:
        raise error

    return body


def log_of(spec: RunSpec) -> str:
    return "".join(p.read_text(encoding="utf-8") for p in spec.directory.logs.glob("*.log"))


def metrics(query: Query, workspace: Path) -> list[tuple[Any, ...]]:
    return query(workspace, "SELECT type, total_val FROM METRIC ORDER BY id")


def run_row(query: Query, workspace: Path) -> tuple[Any, ...]:
    (row,) = query(workspace, "SELECT status, seed, number, attempt, error FROM TRIAL_RUN")
    return row


# A run that succeeds.


def test_the_result_says_how_it_came_out(tmp_path: Path) -> None:
    result = execute_run(create_spec(tmp_path, "small", 2), TRAINING)
    assert result == RunResult("small", 2, RunStatus.COMPLETED, None, result.duration_s)
    assert result.duration_s > 0


def test_a_pipeline_that_keeps_no_configuration_is_given_it(tmp_path: Path) -> None:
    seen: list[Any] = []
    factory = run_body(lambda pipeline: seen.append(pipeline.config))
    execute_run(create_spec(tmp_path, settings={"epochs": 7}), factory)
    assert seen[0].epochs == 7


def test_the_row_has_status_seed_number_and_attempt(tmp_path: Path, query: Query) -> None:
    execute_run(create_spec(tmp_path, run=3, seed=11), TRAINING)
    assert run_row(query, tmp_path) == ("completed", 11, 3, 1, None)


def test_settings_are_recorded_as_parameters(tmp_path: Path, query: Query) -> None:
    settings = {"optimizer": {"name": "sgd"}, "layers": [64, 32]}
    execute_run(create_spec(tmp_path, settings=settings), TRAINING)
    names = [name for (name,) in query(tmp_path, "SELECT name FROM TRIAL_RUN_PARAMETER")]
    assert sorted(names) == ["layers", "optimizer.name", "seed"]


def test_the_settings_lie_in_the_runs_folder(tmp_path: Path) -> None:
    spec = create_spec(tmp_path, settings={"lr": 0.1})
    execute_run(spec, TRAINING)
    assert OmegaConf.load(spec.directory.configs / "config.yaml") == {"lr": 0.1, "seed": 0}


def test_factory_and_pipeline_get_the_settings_at_the_top_and_under_settings(
    tmp_path: Path,
) -> None:
    given: list[DictConfig] = []

    class Looks(Pipeline):
        def run(self, config: DictConfig) -> None:
            given.append(config)

    def build(env: Environment, config: DictConfig) -> Pipeline:
        given.append(config)
        return Looks(env)

    execute_run(create_spec(tmp_path, settings={"lr": 0.1}), factory_of(build))
    for config in given:
        assert isinstance(config, DictConfig)
        assert config.lr == config.settings.lr == config.get("settings", {}).get("lr") == 0.1
        assert config.seed == 0
    assert len(given) == 2


def test_callbacks_of_the_settings_are_registered(tmp_path: Path) -> None:
    callbacks = [{"type": "metrics_tracker"}, {"type": "early_stopping", "metric": "x"}]
    spec = create_spec(tmp_path, settings={"callbacks": callbacks})
    execute_run(spec, TRAINING)
    assert (spec.directory.artifacts / "metrics.log").exists()


def test_the_spec_is_left_as_it_was(tmp_path: Path) -> None:
    def build(env: Environment, config: DictConfig) -> Pipeline:
        config.lr = 99
        return Training(env, config)

    spec = create_spec(tmp_path, settings={"lr": 0.1})
    before = spec.config_hash
    execute_run(spec, factory_of(build))
    assert spec.config_hash == before


# Seeds.


def test_the_same_spec_twice_gives_the_same_metrics(tmp_path: Path, query: Query) -> None:
    for place in ("first", "second"):
        execute_run(create_spec(tmp_path / place, seed=5), TRAINING)
        random.random()
    first, second = (metrics(query, tmp_path / place) for place in ("first", "second"))
    assert first == second
    assert len(first) == 3


def test_another_seed_gives_others(tmp_path: Path, query: Query) -> None:
    execute_run(create_spec(tmp_path / "first", seed=5), TRAINING)
    execute_run(create_spec(tmp_path / "second", seed=6), TRAINING)
    assert metrics(query, tmp_path / "first") != metrics(query, tmp_path / "second")


@pytest.mark.parametrize("library", ["random", "numpy", "torch"])
def test_generators_are_seeded_before_the_pipeline_is_built(tmp_path: Path, library: str) -> None:
    module = pytest.importorskip(library)
    drawn: list[float] = []

    def build(env: Environment, config: DictConfig) -> Pipeline:
        if library == "torch":
            drawn.append(float(module.rand(1)))
        else:
            drawn.append((module.random if library == "numpy" else module).random())
        return Training(env, config)

    for place, seed in {"first": 3, "again": 3, "other": 4}.items():
        execute_run(create_spec(tmp_path / place, seed=seed), factory_of(build))
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_seed_beyond_32_bits_is_taken(tmp_path: Path, query: Query) -> None:
    execute_run(create_spec(tmp_path, seed=2**40), TRAINING)
    assert run_row(query, tmp_path)[1] == 2**40


def test_the_seed_is_in_the_log(tmp_path: Path) -> None:
    spec = create_spec(tmp_path, "small", seed=41)
    execute_run(spec, TRAINING)
    assert "small run 1 starts with seed 41" in log_of(spec)


# A run that fails.


def test_a_factory_that_raises_is_a_failed_run(tmp_path: Path, query: Query) -> None:
    spec = create_spec(tmp_path)

    def build(_env: Environment, _config: DictConfig) -> Pipeline:
        raise ZeroDivisionError("in the factory")

    result = execute_run(spec, factory_of(build))
    assert result.status is RunStatus.FAILED
    assert "in build" in str(result.error)
    assert run_row(query, tmp_path)[0] == "failed"
    assert run_row(query, tmp_path)[4] == result.error
    assert "ZeroDivisionError: in the factory" in log_of(spec)


def test_a_pipeline_that_raises_is_failed_with_its_traceback(tmp_path: Path, query: Query) -> None:
    class Breaks(Training):
        @Pipeline.epoch_wrapper
        def run_epoch(self, epoch_idx: int) -> None:
            raise ZeroDivisionError("in the epoch")

    spec = create_spec(tmp_path)
    result = execute_run(spec, factory_of(Breaks))
    assert result.status is RunStatus.FAILED
    assert "in run_epoch" in run_row(query, tmp_path)[4]
    assert log_of(spec).count("Traceback") == 1


def test_a_callback_that_cannot_be_made_is_a_failed_run(tmp_path: Path) -> None:
    settings = {"callbacks": [{"type": "checkpoint", "interval": 0}]}
    result = execute_run(create_spec(tmp_path, settings=settings), TRAINING)
    assert result.status is RunStatus.FAILED


def test_an_unknown_pipeline_is_a_failed_run(tmp_path: Path) -> None:
    result = execute_run(create_spec(tmp_path, pipeline="nowhere:Training"))
    assert result.status is RunStatus.FAILED
    assert "nowhere" in str(result.error)


def test_a_failed_run_can_be_executed_again(tmp_path: Path, query: Query) -> None:
    spec = create_spec(tmp_path)
    execute_run(spec, run_body(raising(ValueError("x"))))
    assert execute_run(spec, TRAINING).status is RunStatus.COMPLETED
    assert run_row(query, tmp_path) == ("completed", 0, 1, 2, None)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Terminated()])
@pytest.mark.parametrize("where", ["factory", "run"])
def test_an_interrupt_is_aborted_and_raised_again(
    tmp_path: Path, query: Query, error: BaseException, where: str
) -> None:
    def build(_env: Environment, _config: DictConfig) -> Pipeline:
        raise error

    factory = factory_of(build) if where == "factory" else run_body(raising(error))
    with pytest.raises(type(error)) as raised:
        execute_run(create_spec(tmp_path), factory)
    assert raised.value is error
    assert run_row(query, tmp_path)[0] == "aborted"


@pytest.mark.parametrize("code", [0, 3, None])
def test_a_training_that_leaves_by_exit_has_failed_and_the_others_go_on(
    tmp_path: Path, query: Query, code: int | None
) -> None:
    result = execute_run(create_spec(tmp_path), run_body(raising(SystemExit(code))))
    assert (result.status, result.causes[0]) == (RunStatus.FAILED, "SystemExit")
    assert run_row(query, tmp_path)[0] == "failed"


def test_a_tracker_that_cannot_start_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="on_start"):
        execute_run(create_spec(tmp_path), TRAINING, [RecordingTracker(failing=["on_start"])])


# A run without the decorator.


@pytest.mark.parametrize(
    ("returned", "status"),
    [
        (None, RunStatus.COMPLETED),
        (RunStatus.STOPPED, RunStatus.STOPPED),
        (RunStatus.FAILED, RunStatus.FAILED),
        (RunStatus.RUNNING, RunStatus.COMPLETED),
    ],
)
def test_what_an_undecorated_run_returned_counts(
    tmp_path: Path, query: Query, returned: Any, status: RunStatus
) -> None:
    result = execute_run(create_spec(tmp_path), run_body(lambda _: returned))
    assert result.status is status
    assert run_row(query, tmp_path)[0] == status.value


def test_an_undecorated_run_that_raises_is_failed(tmp_path: Path) -> None:
    result = execute_run(create_spec(tmp_path), run_body(raising(ValueError("x"))))
    assert (result.status, "ValueError: x" in str(result.error)) == (RunStatus.FAILED, True)


def test_an_early_stop_that_leaves_an_undecorated_run_is_no_failure(tmp_path: Path) -> None:
    spec = create_spec(tmp_path)
    result = execute_run(spec, run_body(raising(EarlyStop("enough"))))
    assert (result.status, result.error) == (RunStatus.STOPPED, None)
    assert "failed" not in log_of(spec)
    assert "Traceback" not in log_of(spec)


def test_a_stray_next_in_an_undecorated_run_is_warned_about(tmp_path: Path) -> None:
    spec = create_spec(tmp_path)
    result = execute_run(spec, run_body(lambda _: next(iter([]))))
    assert result.status is RunStatus.STOPPED
    assert "WARNING" in log_of(spec)


def test_a_failed_epoch_of_an_undecorated_run_fails_it(tmp_path: Path) -> None:
    class Half(Pipeline):
        def run(self, config: Any) -> RunStatus:
            self.run_epoch(0)
            return RunStatus.COMPLETED

        @Pipeline.epoch_wrapper
        def run_epoch(self, epoch_idx: int) -> None:
            raise ValueError("x")

    result = execute_run(create_spec(tmp_path), factory_of(lambda env, _: Half(env)))
    assert result.status is RunStatus.FAILED


# Where the code comes from.


def test_the_factory_that_the_spec_names_is_imported(tmp_path: Path) -> None:
    source = (
        "from experiment_manager import Pipeline, PipelineFactory\n"
        "class P(Pipeline):\n"
        "    def run(self, config):\n"
        "        return None\n"
        "class F(PipelineFactory):\n"
        "    @staticmethod\n"
        "    def create(name, config, env, id=None):\n"
        "        return P(env)\n"
    )
    (tmp_path / "trial_factory.py").write_text(source, encoding="utf-8")
    result = execute_run(create_spec(tmp_path, factory="trial_factory:F"))
    assert result.status is RunStatus.COMPLETED, result.error


def test_local_factory_classes_work_through_an_experiment(tmp_path: Path) -> None:
    local = factory_of(Training)
    assert "<locals>" in local.__qualname__
    assert Experiment.create(write_configs(tmp_path), local).run().is_success


def test_a_trial_executes_all_its_runs(tmp_path: Path) -> None:
    source = (
        "class Training(__import__('experiment_manager').Pipeline):\n def run(self, config): ..."
    )
    (tmp_path / "trial_runs.py").write_text(source, encoding="utf-8")
    specs = [create_spec(tmp_path, "small", k, pipeline="trial_runs:Training") for k in (1, 2)]
    plan = TrialPlan("small", {"name": "small", "repeat": 2}, {}, tuple(specs))
    config: Mapping[str, Any] = {"workspace": str(tmp_path / "contract")}
    with Environment.from_config(config) as env:
        trial = Trial(plan, env)
        results = trial.run()
        trial.close()
    assert [(r.run, r.status.value) for r in results] == [(1, "completed"), (2, "completed")]
    saved = tmp_path / "contract" / "trials" / "small" / "configs" / "trial.yaml"
    assert OmegaConf.load(saved) == {"name": "small", "repeat": 2}
