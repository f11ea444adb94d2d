"""A process that is killed between two epochs loses none, and the same command completes."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.db.manager import DatabaseManager
from experiment_manager.testing.configs import write_configs

Query = Callable[[Path, str], list[tuple[Any, ...]]]

SCRIPT = """
import os
import random
import sys

from experiment_manager import Experiment, Metric, Pipeline


class Training(Pipeline):
    def __init__(self, env, config):
        super().__init__(env)
        self.place = f"{env.tracker_manager.context.trial}/{config.seed}"

    @Pipeline.run_wrapper
    def run(self, config):
        for epoch in range(4):
            self.run_epoch(epoch)
            if os.environ.get("STOP_AFTER") == f"{self.place}/{epoch}":
                os.write(int(os.environ["READY"]), b"x")
                sys.stdin.read()  # until the process is killed
        self.run_metrics[Metric.TEST_ACC] = random.random()

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx):
        self.epoch_metrics[Metric.TRAIN_LOSS] = random.random()
        self.epoch_metrics["acc"] = {"cat": random.random(), "dog": float("nan")}
        self.epoch_metrics[Metric.CONFUSION] = [[random.randint(0, 9), 1], [0, 1]]
        self.epoch_metrics[Metric.NETWORK] = {"weights": random.random()}


if __name__ == "__main__":
    Experiment.create(sys.argv[1]).run()
"""

HISTORY = {
    "runs": (
        "SELECT t.name, r.number, r.seed, r.status, r.config_hash, r.error FROM TRIAL_RUN r "
        "JOIN TRIAL t ON t.id = r.trial_id ORDER BY t.id, r.number"
    ),
    "epochs": (
        "SELECT t.name, r.number, e.idx, m.type, m.total_val, m.per_label_val FROM EPOCH e "
        "JOIN TRIAL_RUN r ON r.id = e.trial_run_id JOIN TRIAL t ON t.id = r.trial_id "
        "JOIN EPOCH_METRIC l ON l.trial_run_id = r.id AND l.epoch_idx = e.idx "
        "JOIN METRIC m ON m.id = l.metric_id ORDER BY t.id, r.number, e.idx, m.type"
    ),
    "results": (
        "SELECT t.name, r.number, m.type, m.total_val FROM RESULTS_METRIC l "
        "JOIN METRIC m ON m.id = l.metric_id JOIN TRIAL_RUN r ON r.id = l.trial_run_id "
        "JOIN TRIAL t ON t.id = r.trial_id ORDER BY t.id, r.number"
    ),
    "parameters": (
        "SELECT t.name, r.number, p.name, p.value FROM TRIAL_RUN_PARAMETER p "
        "JOIN TRIAL_RUN r ON r.id = p.trial_run_id JOIN TRIAL t ON t.id = r.trial_id "
        "ORDER BY t.id, r.number, p.name"
    ),
    "epoch files": (
        "SELECT t.name, r.number, l.epoch_idx, a.type, a.location FROM EPOCH_ARTIFACT l "
        "JOIN ARTIFACT a ON a.id = l.artifact_id JOIN TRIAL_RUN r ON r.id = l.trial_run_id "
        "JOIN TRIAL t ON t.id = r.trial_id ORDER BY t.id, r.number, l.epoch_idx, a.location"
    ),
    "run files": (
        "SELECT t.name, r.number, a.type, a.location FROM TRIAL_RUN_ARTIFACT l "
        "JOIN ARTIFACT a ON a.id = l.artifact_id JOIN TRIAL_RUN r ON r.id = l.trial_run_id "
        "JOIN TRIAL t ON t.id = r.trial_id ORDER BY t.id, r.number, a.location"
    ),
    "counts": (
        "SELECT (SELECT count(*) FROM METRIC), (SELECT count(*) FROM ARTIFACT), "
        "(SELECT count(*) FROM EPOCH)"
    ),
}


def prepare(folder: Path) -> Path:
    write_configs(
        folder,
        trials=[{"name": "small", "repeat": 2}, {"name": "large"}],
        base={
            "pipeline": "killed_training:Training",
            "callbacks": [{"type": "metrics_tracker"}, {"type": "checkpoint", "interval": 2}],
            "lr": 0.1,
        },
    )
    (folder / "killed_training.py").write_text(SCRIPT, encoding="utf-8")
    return folder


def run(folder: Path) -> None:
    """The command, without an interruption."""
    command = [sys.executable, str(folder / "killed_training.py"), str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def kill_after(folder: Path, place: str) -> None:
    """The command, killed as soon as ``trial/seed/epoch`` is over."""
    ready, ready_in_child = os.pipe()
    with subprocess.Popen(
        [sys.executable, str(folder / "killed_training.py"), str(folder)],
        stdin=subprocess.PIPE,
        pass_fds=[ready_in_child],
        env={**os.environ, "STOP_AFTER": place, "READY": str(ready_in_child)},
    ) as process:
        os.close(ready_in_child)
        assert os.read(ready, 1) == b"x"
        os.close(ready)
        process.kill()
        assert process.wait() == -signal.SIGKILL


def history(query: Query, folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that does not depend on the clock or on the number of attempts."""
    return {name: query(folder / "workspace", sql) for name, sql in HISTORY.items()}


def csv_rows(folder: Path, trial: str, number: int) -> list[list[str]]:
    run_dir = folder / "workspace" / "contract" / "trials" / trial / f"run_{number}"
    with (run_dir / "artifacts" / "metrics.log").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = prepare(tmp_path_factory.mktemp("uninterrupted"))
    run(folder)
    return folder


def test_a_killed_run_keeps_every_finished_epoch(
    tmp_path: Path, query: Query, uninterrupted: Path
) -> None:
    folder = prepare(tmp_path)
    kill_after(folder, "small/1/2")
    DatabaseManager(str(folder / "workspace" / "experiments.db"), use_sqlite=True).close()
    of_run = [row for row in history(query, folder)["epochs"] if row[:2] == ("small", 2)]
    expected = [row for row in history(query, uninterrupted)["epochs"] if row[:2] == ("small", 2)]
    assert of_run == [row for row in expected if row[2] <= 2]
    assert len(of_run) == 9
    assert csv_rows(folder, "small", 2) == [
        row[:-1] for row in csv_rows(uninterrupted, "small", 2)[:4]
    ]
    assert history(query, folder)["runs"][1][3] == "running"


@pytest.mark.parametrize("places", [["small/1/2"], ["small/0/0", "small/0/3", "large/0/1"]])
def test_the_same_command_again_gives_what_no_interruption_would_have(
    tmp_path: Path, query: Query, uninterrupted: Path, places: list[str]
) -> None:
    folder = prepare(tmp_path)
    for place in places:
        kill_after(folder, place)
    run(folder)
    assert history(query, folder) == history(query, uninterrupted)
    for trial, number in (("small", 1), ("small", 2), ("large", 1)):
        assert csv_rows(folder, trial, number) == csv_rows(uninterrupted, trial, number)


def test_each_killed_attempt_is_counted(tmp_path: Path, query: Query) -> None:
    folder = prepare(tmp_path)
    kill_after(folder, "small/0/1")
    kill_after(folder, "small/0/1")
    sql = "SELECT number, attempt, status FROM TRIAL_RUN"
    assert query(folder / "workspace", sql) == [(1, 2, "running")]
