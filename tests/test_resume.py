"""A run that was killed goes on from its last good checkpoint and ends as if it had not been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from experiment_manager import Experiment
from experiment_manager.pipelines.checkpoint_folder import MANIFEST
from experiment_manager.testing.configs import write_configs

Query = Callable[[Path, str], list[tuple[Any, ...]]]

EPOCHS = 6
# Each trains something of another kind; the file counts the epochs that were executed.
HEAD = """
import os
import random
import signal
from contextlib import suppress
from pathlib import Path

from experiment_manager import EarlyStop, Metric, Pipeline


class Base(Pipeline):
    def __init__(self, env, config):
        super().__init__(env)
        self.executed = Path(env.config_dir) / "executed"
        self.prepare(config)

    @Pipeline.run_wrapper
    def run(self, config):
        with suppress(EarlyStop):
            for epoch in range(config.epochs):
                self.run_epoch(epoch)
        if os.environ.get("KILLED_IN_EPOCH") == "none":  # when all epochs are done
            os.kill(os.getpid(), signal.SIGKILL)
        self.run_metrics[Metric.TEST_LOSS] = self.train_epoch()

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx):
        with self.executed.open("a") as file:
            file.write(f"{epoch_idx} ")
        self.epoch_metrics[Metric.VAL_LOSS] = self.train_epoch()
        self.epoch_metrics["acc"] = {"cat": random.random(), "dog": float("nan")}
        if os.environ.get("KILLED_IN_EPOCH") == str(epoch_idx):
            os.kill(os.getpid(), signal.SIGKILL)

"""
PLAIN = """
class Training(Base):
    checkpointed = ("weights", "generator")

    def prepare(self, config):
        import numpy as np
        self.generator = np.random.default_rng(config.seed)
        self.weights = {"array": np.zeros((2, 3), "uint32"), "step": (0, 2**80), "lr": 0.1}

    def train_epoch(self):
        import numpy as np
        array = self.weights["array"] + self.generator.integers(0, 9, (2, 3), "uint32")
        self.weights = {**self.weights, "array": array, "lr": self.weights["lr"] * random.random()}
        return float(array.sum()) * self.weights["lr"] * np.random.rand()
"""
SCIKIT_LEARN = """
import numpy as np
from sklearn.neural_network import MLPClassifier


class Training(Base):
    checkpointed = ("network",)
    checkpoint_format = "joblib"

    def prepare(self, config):
        self.network = MLPClassifier((5,), random_state=config.seed)

    def train_epoch(self):
        images = np.random.rand(20, 4)
        self.network.partial_fit(images, images.sum(axis=1) > 2, classes=[False, True])
        self.epoch_metrics[Metric.NETWORK] = self.network
        return self.network.loss_
"""
TORCH = """
import torch


class Training(Base):
    checkpointed = ("network", "optimizer", "scheduler")

    def prepare(self, config):
        dropout, out = torch.nn.Dropout(0.5), torch.nn.Linear(8, 1)
        self.network = torch.nn.Sequential(torch.nn.Linear(4, 8), dropout, out)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=0.01)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.9)

    def train_epoch(self):
        data = torch.utils.data.TensorDataset(torch.rand(16, 4))
        for (batch,) in torch.utils.data.DataLoader(data, batch_size=4, shuffle=True):
            self.optimizer.zero_grad()
            loss = self.network(batch).square().mean()
            loss.backward()
            self.optimizer.step()
        self.scheduler.step()
        self.epoch_metrics[Metric.NETWORK] = self.network
        return loss.detach()
"""
NO_STATE = """
class Training(Base):
    def prepare(self, config):
        pass

    def train_epoch(self):
        self.epoch_metrics[Metric.NETWORK] = {"weights": random.random()}
        return random.random()
"""
WITH_STATE = [
    pytest.param(PLAIN, id="plain"),
    pytest.param(SCIKIT_LEARN, id="scikit-learn"),
    pytest.param(TORCH, id="torch"),
]
ROWS = {
    "epochs": (
        "SELECT e.idx, m.type, m.total_val, m.per_label_val FROM EPOCH e "
        "JOIN EPOCH_METRIC l ON l.trial_run_id = e.trial_run_id AND l.epoch_idx = e.idx "
        "JOIN METRIC m ON m.id = l.metric_id ORDER BY e.idx, m.type"
    ),
    "results": (
        "SELECT m.type, m.total_val FROM RESULTS_METRIC l JOIN METRIC m ON m.id = l.metric_id"
    ),
    "files of epochs": (
        "SELECT l.epoch_idx, a.type, a.location FROM EPOCH_ARTIFACT l "
        "JOIN ARTIFACT a ON a.id = l.artifact_id ORDER BY l.epoch_idx, a.location"
    ),
    "files of the run": (
        "SELECT a.type, a.location FROM TRIAL_RUN_ARTIFACT l "
        "JOIN ARTIFACT a ON a.id = l.artifact_id ORDER BY a.location"
    ),
    "latest": "SELECT type, total_val, step FROM LATEST_METRIC ORDER BY type",
    "counts": "SELECT (SELECT count(*) FROM METRIC), (SELECT count(*) FROM ARTIFACT)",
    "statuses": "SELECT status FROM TRIAL_RUN",
}


def prepare(
    folder: Path, source: str, env: Mapping[str, Any] | None = None, **settings: Any
) -> Path:
    base = {
        "pipeline": "resumed_training:Training",
        "epochs": EPOCHS,
        "callbacks": [
            {"type": "checkpoint", "interval": 2},
            {"type": "metrics_tracker"},
            {"type": "early_stopping", "patience": 100},
        ],
        **settings,
    }
    write_configs(folder, base=base, env=env)
    (folder / "resumed_training.py").write_text(HEAD + source, encoding="utf-8")
    return folder


def run(folder: Path, killed_in_epoch: int | str | None = None) -> None:
    """The experiment in a process of its own, killed in the middle of an epoch or not."""
    env = {**os.environ, "KILLED_IN_EPOCH": str(killed_in_epoch)}
    command = [sys.executable, "-m", "experiment_manager", "run", str(folder)]
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    expected = 0 if killed_in_epoch is None else -signal.SIGKILL
    assert done.returncode == expected, done.stderr


def run_folder(folder: Path) -> Path:
    return folder / "workspace" / "contract" / "trials" / "first" / "run_1"


def executed(folder: Path) -> list[int]:
    text = (run_folder(folder) / "configs" / "executed").read_text(encoding="utf-8")
    return [int(word) for word in text.split()]


def content(folder: Path, query: Query) -> dict[str, Any]:
    """Everything that was recorded, but for times."""
    rows: dict[str, Any] = {name: query(folder / "workspace", sql) for name, sql in ROWS.items()}
    rows["csv"] = (run_folder(folder) / "artifacts" / "metrics.log").read_text(encoding="utf-8")
    return rows


@pytest.mark.parametrize("source", WITH_STATE)
def test_a_killed_run_ends_like_one_that_was_not(
    tmp_path: Path, query: Query, source: str, request: pytest.FixtureRequest
) -> None:
    if source == TORCH:
        request.getfixturevalue("torch")
    whole, killed = prepare(tmp_path / "whole", source), prepare(tmp_path / "killed", source)
    run(whole)
    run(killed, killed_in_epoch=3)
    run(killed)
    assert executed(killed) == [0, 1, 2, 3, 2, 3, 4, 5]
    assert content(killed, query) == content(whole, query)


def test_it_may_be_killed_again_and_again(tmp_path: Path, query: Query) -> None:
    whole, killed = prepare(tmp_path / "whole", PLAIN), prepare(tmp_path / "killed", PLAIN)
    run(whole)
    for epoch in (0, 2, 2, 5):
        run(killed, killed_in_epoch=epoch)
    run(killed)
    assert executed(killed) == [0, 0, 1, 2, 2, 2, 3, 4, 5, 4, 5]
    assert content(killed, query) == content(whole, query)


def test_without_declared_state_it_begins_anew(tmp_path: Path, query: Query) -> None:
    whole, killed = prepare(tmp_path / "whole", NO_STATE), prepare(tmp_path / "killed", NO_STATE)
    run(whole)
    run(killed, killed_in_epoch=3)
    run(killed)
    assert executed(killed) == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5]
    assert content(killed, query) == content(whole, query)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    tmp_path: Path, query: Query
) -> None:
    whole, killed = prepare(tmp_path / "whole", PLAIN), prepare(tmp_path / "killed", PLAIN)
    run(whole)
    run(killed, killed_in_epoch=4)
    newest = run_folder(killed) / "artifacts" / "checkpoints" / "epoch_3.msgpack"
    newest.write_bytes(newest.read_bytes()[:-1])
    run(killed)
    assert executed(killed) == [0, 1, 2, 3, 4, 2, 3, 4, 5]
    assert content(killed, query) == content(whole, query)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("[")])
def test_without_a_list_of_checkpoints_it_begins_anew(
    tmp_path: Path, damage: Callable[[Path], Any]
) -> None:
    killed = prepare(tmp_path, PLAIN)
    run(killed, killed_in_epoch=4)
    damage(run_folder(killed) / "artifacts" / MANIFEST)
    run(killed)
    assert executed(killed) == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5]


def test_an_edited_configuration_begins_anew_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    killed = prepare(tmp_path, PLAIN)
    run(killed, killed_in_epoch=4)
    prepare(tmp_path, PLAIN, epochs=5)
    run(killed)
    assert executed(killed) == [0, 1, 2, 3, 4]
    before = run_folder(killed).parent / "archived" / "run_1.1" / "artifacts" / MANIFEST
    assert "epoch_3" in before.read_text(encoding="utf-8")


def test_a_new_database_begins_anew(tmp_path: Path) -> None:
    killed = prepare(tmp_path, PLAIN)
    run(killed, killed_in_epoch=4)
    for file in (killed / "workspace").glob("experiments.db*"):
        file.unlink()
    run(killed)
    assert executed(killed) == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5]


STOPPING = PLAIN.replace("return float", "return 1.0; return float")


@pytest.mark.parametrize(
    ("source", "epochs"), [(PLAIN, EPOCHS), (STOPPING, 3)], ids=["last epoch", "early stop"]
)
@pytest.mark.parametrize(
    "loop", ["range(config.epochs)", "range(self.start_epoch, config.epochs)"]
)
def test_a_run_killed_after_its_last_epoch_goes_on_where_it_was(
    tmp_path: Path, query: Query, source: str, epochs: int, loop: str
) -> None:
    callbacks = [{"type": "early_stopping", "patience": 2}, {"type": "checkpoint", "interval": 1}]
    whole = prepare(tmp_path / "whole", source, callbacks=callbacks)
    killed = prepare(tmp_path / "killed", source, callbacks=callbacks)
    for folder in (whole, killed):
        module = folder / "resumed_training.py"
        module.write_text(module.read_text("utf-8").replace("range(config.epochs)", loop), "utf-8")
    run(whole)
    run(killed, killed_in_epoch="none")
    run(killed)
    assert executed(killed) == list(range(epochs))
    for sql in ROWS.values():
        assert query(killed / "workspace", sql) == query(whole / "workspace", sql)


def test_a_checkpoint_that_no_longer_fits_says_how_to_begin_anew(tmp_path: Path) -> None:
    killed = prepare(tmp_path, PLAIN)
    run(killed, killed_in_epoch=4)
    edited = PLAIN.replace('("weights", "generator")', '("weights", "generator", "more")')
    (killed / "resumed_training.py").write_text(HEAD + edited, encoding="utf-8")
    (row,) = Experiment.create(killed).run().trials[0].runs
    assert "The checkpoint holds no more of Training" in str(row.error)
    assert f"To begin the run anew, delete {run_folder(killed) / 'artifacts' / MANIFEST}" in str(
        row.error
    )


def test_a_joblib_file_is_not_read_unless_the_pipeline_asks_for_it(tmp_path: Path) -> None:
    killed = prepare(tmp_path, SCIKIT_LEARN)
    run(killed, killed_in_epoch=4)
    safe = SCIKIT_LEARN.replace('checkpoint_format = "joblib"', "")
    (killed / "resumed_training.py").write_text(HEAD + safe, encoding="utf-8")
    (row,) = Experiment.create(killed).run().trials[0].runs
    assert "checkpoint_format = 'joblib'" in str(row.error)


def test_a_state_that_needs_pickling_is_refused_with_the_remedy(tmp_path: Path) -> None:
    unsafe = prepare(tmp_path, SCIKIT_LEARN.replace('checkpoint_format = "joblib"', ""))
    (row,) = Experiment.create(unsafe).run().trials[0].runs
    assert "pipeline.network: a MLPClassifier cannot be kept" in str(row.error)


def test_the_list_names_each_file_with_its_checksum(tmp_path: Path) -> None:
    folder = prepare(tmp_path, PLAIN)
    run(folder)
    listed = json.loads((run_folder(folder) / "artifacts" / MANIFEST).read_text("utf-8"))
    assert [(one["file"], one["epoch"], one["has_state"]) for one in listed] == [
        ("epoch_1.msgpack", 1, True),
        ("epoch_3.msgpack", 3, True),
        ("epoch_5.msgpack", 5, True),
    ]


@pytest.mark.filterwarnings("ignore:.*noload.*:DeprecationWarning")
def test_a_killed_run_continues_its_mlflow_run_and_doubles_no_point(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    env = {"trackers": [{"type": "mlflow", "tracking_uri": uri}]}
    killed = prepare(tmp_path / "killed", PLAIN, env=env)
    run(killed, killed_in_epoch=3)
    client = mlflow.MlflowClient(tracking_uri=uri)
    (before,) = mlflow_runs_of_trial_runs(client)
    run(killed)
    (after,) = mlflow_runs_of_trial_runs(client)
    assert after.info.run_id == before.info.run_id
    assert (before.info.status, after.info.status) == ("RUNNING", "FINISHED")
    history = client.get_metric_history(after.info.run_id, "val_loss")
    assert [point.step for point in history] == list(range(EPOCHS))


def mlflow_runs_of_trial_runs(client: Any) -> list[Any]:
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(ids)
    return [run for run in runs if "mlflow.parentRunId" in run.data.tags]
