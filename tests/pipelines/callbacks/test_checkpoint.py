"""When checkpoints are saved, how, and what is left where saving fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.common.errors import CheckpointError, MissingDependencyError
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.checkpoint import CheckpointCallback
from experiment_manager.pipelines.checkpoint_folder import (
    FOLDER,
    CheckpointFolder,
    SavedCheckpoint,
)
from experiment_manager.pipelines.checkpoint_format import load_state
from experiment_manager.testing.callback_contract import ScriptedPipeline

Query = Callable[[Path, str], list[tuple[Any, ...]]]


class SavingModel:
    """A model that knows how to save itself, or fails in the middle of it."""

    def __init__(self, content: str = "weights", fails: bool = False) -> None:
        self.content = content
        self.fails = fails

    def save(self, path: Path) -> None:
        half = len(self.content) // 2
        Path(path).write_text(self.content[:half], encoding="utf-8")
        if self.fails:
            raise OSError("disk full")
        Path(path).write_text(self.content, encoding="utf-8")


def train(env: Environment, models: list[Any], interval: int = 1) -> ScriptedPipeline:
    """A run whose epochs have these models; None is an epoch without one."""
    epochs: list[Any] = [{} if m is None else {Metric.NETWORK: m} for m in models]
    pipeline = ScriptedPipeline(env, epochs)
    pipeline.register_callback(CheckpointCallback(interval=interval, env=env))
    pipeline.run(None)
    return pipeline


def saved(env: Environment) -> list[str]:
    folder = env.artifact_dir / "checkpoints"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize(
    ("epochs", "interval", "names"),
    [
        (10, 5, ["epoch_4.model", "epoch_9.model"]),  # after the 5th and the 10th
        (7, 5, ["epoch_4.model", "final.model"]),
        (2, 5, ["final.model"]),
        (3, 1, ["epoch_0.model", "epoch_1.model", "epoch_2.model"]),
        (0, 1, []),
    ],
)
def test_it_saves_after_each_interval_and_at_the_end(
    env: Environment, epochs: int, interval: int, names: list[str]
) -> None:
    train(env, [SavingModel()] * epochs, interval)
    assert saved(env) == names


def test_the_last_model_is_saved_where_a_later_epoch_failed(env: Environment) -> None:
    pipeline = ScriptedPipeline(env, [{Metric.NETWORK: SavingModel("good")}, ValueError("x")])
    pipeline.register_callback(CheckpointCallback(5, env))
    assert pipeline.run(None) is RunStatus.FAILED
    final = env.artifact_dir / "checkpoints" / "final.model"
    assert final.read_text(encoding="utf-8") == "good"


def test_checkpoints_are_artifacts_of_their_epoch(env: Environment, query: Query) -> None:
    train(env, [SavingModel()] * 3, interval=2)
    sql = (
        "SELECT l.epoch_idx, a.type, a.location FROM EPOCH_ARTIFACT l "
        "JOIN ARTIFACT a ON a.id = l.artifact_id"
    )
    of_epochs = query(env.workspace, sql)
    assert of_epochs == [(1, "checkpoint", "artifacts/checkpoints/epoch_1.model")]
    sql = "SELECT a.location FROM TRIAL_RUN_ARTIFACT l JOIN ARTIFACT a ON a.id = l.artifact_id"
    assert query(env.workspace, sql) == [("artifacts/checkpoints/final.model",)]


def test_an_object_without_save_is_written_by_joblib(env: Environment) -> None:
    joblib = pytest.importorskip("joblib")
    train(env, [{"weights": [1, 2]}])
    path = env.artifact_dir / "checkpoints" / "epoch_0.joblib"
    assert joblib.load(path) == {"weights": [1, 2]}


def test_a_scikit_learn_model_comes_back_whole(env: Environment) -> None:
    joblib = pytest.importorskip("joblib")
    linear_model = pytest.importorskip("sklearn.linear_model")
    model = linear_model.LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    train(env, [model])
    loaded = joblib.load(env.artifact_dir / "checkpoints" / "epoch_0.joblib")
    assert list(loaded.predict([[0.0], [3.0]])) == [0, 1]


def test_a_torch_module_is_written_by_its_state_dict(env: Environment, torch: Any) -> None:
    model = torch.nn.Linear(3, 1)
    train(env, [model])
    path = env.artifact_dir / "checkpoints" / "epoch_0.pt"
    state = torch.load(path, weights_only=True)
    assert sorted(state) == ["bias", "weight"]
    assert torch.equal(state["weight"], model.weight)


def test_without_joblib_the_error_says_what_to_install(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "joblib", None)
    pipeline = train(env, [{"weights": [1]}])
    assert isinstance(pipeline.outcome.error, MissingDependencyError)
    assert "pip install" in str(pipeline.outcome.error)


def test_a_failing_save_fails_the_run_and_says_where(env: Environment) -> None:
    pipeline = train(env, [SavingModel(fails=True)])
    error = pipeline.outcome.error
    assert isinstance(error, CheckpointError)
    assert "epoch_0.model" in str(error)
    assert "disk full" in str(error)
    assert saved(env) == []


def test_a_failing_save_leaves_the_previous_file_and_no_other(
    env: Environment, query: Query
) -> None:
    train(env, [SavingModel("first version")])
    train(env, [SavingModel("second version", fails=True)])
    assert saved(env) == ["epoch_0.model"]
    path = env.artifact_dir / "checkpoints" / "epoch_0.model"
    assert path.read_text(encoding="utf-8") == "first version"
    assert query(env.workspace, "SELECT count(*) FROM ARTIFACT") == [(1,)]


def test_a_checkpoint_has_the_permissions_of_any_new_file(env: Environment) -> None:
    train(env, [SavingModel()])
    other = env.artifact_dir / "other"
    other.touch()
    path = env.artifact_dir / "checkpoints" / "epoch_0.model"
    assert path.stat().st_mode == other.stat().st_mode


def test_an_epoch_without_a_model_is_warned_about(env: Environment) -> None:
    pipeline = train(env, [None])
    assert pipeline.outcome.status is RunStatus.COMPLETED
    log = "".join(file.read_text(encoding="utf-8") for file in env.log_dir.glob("*.log"))
    assert "epoch_metrics[Metric.NETWORK]" in log


@pytest.mark.parametrize("interval", [0, -1, 1.5, "5", True])
def test_a_wrong_interval_is_refused(env: Environment, interval: Any) -> None:
    with pytest.raises(ValueError, match="'interval' must be"):
        CheckpointCallback(interval=interval, env=env)


# Which stay.


def train_and_watch(env: Environment, losses: list[Any], **options: Any) -> ScriptedPipeline:
    """A run whose epochs have these validation losses, with a checkpoint after each."""
    epochs: list[Any] = [{Metric.NETWORK: SavingModel(str(v)), Metric.VAL_LOSS: v} for v in losses]
    pipeline = ScriptedPipeline(env, epochs)
    pipeline.register_callback(CheckpointCallback(1, env, **options))
    pipeline.run(None)
    return pipeline


def test_the_best_by_a_metric_stay(env: Environment) -> None:
    train_and_watch(env, [0.5, 0.2, 0.4, 0.3], monitor="val_loss", save_top_k=2)
    assert saved(env) == ["epoch_1.model", "epoch_3.model"]


def test_without_a_metric_the_newest_stay(env: Environment) -> None:
    train_and_watch(env, [0.5, 0.2, 0.4], save_top_k=2)
    assert saved(env) == ["epoch_1.model", "epoch_2.model"]


def test_one_that_would_not_stay_is_not_written(env: Environment, query: Query) -> None:
    train_and_watch(env, [0.2, 0.5], monitor=Metric.VAL_LOSS, save_top_k=1)
    assert query(env.workspace, "SELECT location FROM ARTIFACT") == [
        ("artifacts/checkpoints/epoch_0.model",)
    ]


def test_the_last_is_saved_beside_the_best(env: Environment) -> None:
    train_and_watch(env, [0.2, 0.5, 0.4], monitor="val_loss", save_top_k=1, save_last=True)
    assert saved(env) == ["epoch_0.model", "last.model"]
    last = env.artifact_dir / "checkpoints" / "last.model"
    assert last.read_text(encoding="utf-8") == "0.4"


def test_a_budget_in_bytes_is_kept(env: Environment) -> None:
    train_and_watch(env, [0.5, 0.2, 0.4], max_bytes=6)  # three bytes each
    assert saved(env) == ["epoch_1.model", "epoch_2.model"]


def test_a_watched_metric_that_was_not_measured_fails_the_run_and_is_named(
    env: Environment,
) -> None:
    error = train_and_watch(env, [0.5], monitor="val_los", save_top_k=1).outcome.error
    assert isinstance(error, CheckpointError)
    assert "Did you mean 'val_loss'?" in str(error)


@pytest.mark.parametrize(
    ("given", "attribute", "value"),
    [
        ({"every_n_epochs": 3}, "interval", 3),
        ({"interval": 3, "metric": "val_acc"}, "monitor", "val_acc"),
        ({"interval": 3, "every_n_epochs": 3}, "interval", 3),
    ],
)
def test_arguments_go_by_the_names_that_people_know(
    env: Environment, given: dict[str, Any], attribute: str, value: Any
) -> None:
    assert getattr(CheckpointCallback(env=env, **given), attribute) == value


def test_two_names_with_two_values_are_refused(env: Environment) -> None:
    with pytest.raises(ValueError, match=r"'interval' \(1\) and 'every_n_epochs' \(2\)"):
        CheckpointCallback(interval=1, every_n_epochs=2, env=env)


def test_bare_weights_may_be_saved_as_safetensors(env: Environment, torch: Any) -> None:
    library = pytest.importorskip("safetensors.torch")
    model = torch.nn.Linear(3, 1)
    pipeline = ScriptedPipeline(env, [{Metric.NETWORK: model}])
    pipeline.register_callback(CheckpointCallback(1, env, format="safetensors"))
    pipeline.run(None)
    state = library.load_file(env.artifact_dir / "checkpoints" / "epoch_0.safetensors")
    assert torch.equal(state["weight"], model.weight)


def test_where_some_may_go_those_that_stayed_are_artifacts_of_the_run(
    env: Environment, query: Query
) -> None:
    train_and_watch(env, [0.5, 0.2, 0.4], monitor="val_loss", save_top_k=1, save_last=True)
    sql = "SELECT a.location FROM TRIAL_RUN_ARTIFACT l JOIN ARTIFACT a ON a.id = l.artifact_id"
    files = {"artifacts/checkpoints/epoch_1.model", "artifacts/checkpoints/last.model"}
    assert {location for (location,) in query(env.workspace, sql)} == files
    assert query(env.workspace, "SELECT count(*) FROM ARTIFACT") == [(2,)]


def test_the_last_takes_no_room_of_its_own_where_its_epoch_is_saved(env: Environment) -> None:
    train_and_watch(env, [0.5, 0.2], save_last=True)
    folder = env.artifact_dir / "checkpoints"
    assert (folder / "last.model").samefile(folder / "epoch_1.model")


def test_several_callbacks_keep_to_files_of_their_own(env: Environment) -> None:
    losses, accuracies = [0.5, 0.2, 0.4], [0.1, 0.2, 0.3]
    pipeline = ScriptedPipeline(
        env,
        [
            {Metric.NETWORK: SavingModel(), "loss": loss, "acc": accuracy}
            for loss, accuracy in zip(losses, accuracies, strict=True)
        ],
    )
    for name, mode in (("loss", "min"), ("acc", "max")):
        pipeline.register_callback(
            CheckpointCallback(1, env, monitor=name, mode=mode, save_top_k=1, name=name)
        )
    pipeline.run(None)
    assert saved(env) == ["acc_epoch_2.model", "loss_epoch_1.model"]


def test_two_that_would_write_the_same_files_are_refused(env: Environment) -> None:
    pipeline = ScriptedPipeline(env, [])
    pipeline.register_callback(CheckpointCallback(1, env))
    with pytest.raises(ValueError, match="two checkpoint callbacks write the same files"):
        pipeline.register_callback(CheckpointCallback(2, env))


def test_bare_weights_cannot_hold_a_declared_state(env: Environment) -> None:
    class Declaring(ScriptedPipeline):
        checkpointed = ("outcome",)

    with pytest.raises(ValueError, match="'safetensors' holds weights alone"):
        Declaring(env, []).register_callback(CheckpointCallback(1, env, format="safetensors"))


# What a run goes on from.


class Stateful(ScriptedPipeline):
    """Keeps its results, which is a state like any other."""

    checkpointed = ("run_metrics",)


def train_with_state(env: Environment, epochs: int, *options: dict[str, Any]) -> None:
    metrics: list[Any] = [{Metric.NETWORK: SavingModel()}] * epochs
    pipeline = Stateful(env, metrics)
    for given in options:
        pipeline.register_callback(CheckpointCallback(env=env, **given))
    pipeline.run(None)
    assert pipeline.outcome.status is RunStatus.COMPLETED


def listed(env: Environment) -> list[SavedCheckpoint]:
    return CheckpointFolder(env.artifact_dir, env.logger).saved()


def test_the_last_holds_the_state_and_needs_no_final_beside_it(env: Environment) -> None:
    train_with_state(env, 3, {"interval": 2, "save_last": True})
    assert [Path(name).stem for name in saved(env)] == ["epoch_1", "last"]
    assert [(one.epoch, one.has_state) for one in listed(env)] == [(1, True), (2, True)]


def test_each_callback_keeps_its_interval_whichever_file_a_run_goes_on_from(
    env: Environment,
) -> None:
    train_with_state(env, 2, {"interval": 2, "name": "a"}, {"interval": 2, "name": "b"})
    for one in listed(env):
        state = load_state(env.artifact_dir / FOLDER / one.file, "auto")
        assert [kept["_epochs"] for kept in state["callbacks"].values()] == [2, 2]


class Between(Callback):
    """Sees which checkpoints a run could go on from, at the end of an epoch."""

    is_last = True

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.seen: list[bool] = []

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
        self.seen = [one.has_state for one in listed(self.env)]


def test_a_run_goes_on_after_an_epoch_that_all_callbacks_have_seen(env: Environment) -> None:
    """Killed after the first one's save, it would go on without what the second one saves."""
    between = Between(env)
    pipeline = Stateful(env, [{Metric.NETWORK: SavingModel()}])
    pipeline.register_callback(CheckpointCallback(1, env, name="a"))
    pipeline.register_callback(between)
    pipeline.register_callback(CheckpointCallback(1, env, name="b"))
    pipeline.run(None)
    assert between.seen == [False]
    assert [one.has_state for one in listed(env)] == [True, True]
