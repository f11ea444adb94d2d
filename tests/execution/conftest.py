"""A project under version control, and its experiment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.experiment import Experiment
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.testing.configs import write_configs

Git = Callable[..., str]

# Its epochs do what the settings say; a file in the current folder tells the second time.
TRAINING = """
import os
import random
from contextlib import suppress
from pathlib import Path

import numpy as np

from experiment_manager import EarlyStop, Metric, Pipeline, PipelineFactory
from repeated_noise import NOISE


class Training(Pipeline):
    checkpointed = ("total",)

    def __init__(self, env, config):
        super().__init__(env)
        self.config = config
        self.total = 0.0

    @Pipeline.run_wrapper
    def run(self, config):
        with suppress(EarlyStop):
            for epoch in range(config.epochs):
                self.run_epoch(epoch)
        self.run_metrics["test_acc"] = random.random()
        self.run_metrics[Metric.CONFUSION] = np.random.randint(0, 9, (2, 2))

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx):
        if epoch_idx == self.config.get("fails_in"):
            raise ValueError("the loss exploded")
        if epoch_idx == self.config.get("fails_once_in") and not Path("second_time").exists():
            raise OSError("the disk was away")
        if epoch_idx == self.config.get("dies_in") and Path("second_time").exists():
            os._exit(7)
        self.total += random.random() * NOISE
        self.epoch_metrics["loss"] = self.total + np.random.rand()
        self.epoch_metrics["acc"] = {"cat": random.random(), "dog": float("nan")}
        if epoch_idx == self.config.get("chance_in"):
            self.epoch_metrics["acc"]["cat"] = 0.5 + os.urandom(1)[0] * 1e-6 + 1e-9
        if "reads" in self.config:
            self.epoch_metrics["data"] = float(Path(self.config.reads).read_text())


class Factory(PipelineFactory):
    @staticmethod
    def create(name, config, env, id=None):
        return Training(env, config)
"""


@pytest.fixture
def git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Git:
    """Runs a git command in a folder, whatever the settings of who runs the tests."""
    for kind in ("SYSTEM", "GLOBAL"):
        monkeypatch.setenv(f"GIT_CONFIG_{kind}", os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.com")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))

    def run(folder: Path, *arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    return run


class Project:
    """A repository with the experiment ``digits`` in ``configs``, where the process is, too.

    Attributes:
        root: Its folder.
    """

    def __init__(self, root: Path, git: Git) -> None:
        self.root = root
        self._git = git

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def describe(
        self,
        trials: Sequence[Mapping[str, Any]] = ({"name": "small"},),
        experiment: Mapping[str, Any] | None = None,
        env: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        """Write the files of the experiment, with settings of all trials."""
        write_configs(
            self.root / "configs",
            trials=trials,
            experiment={"name": "digits", **(experiment or {})},
            base={"pipeline": "repeated_training:Training", "epochs": 3, **settings},
            env={"workspace": "work", **(env or {})},
        )

    def run(self, factory: type[PipelineFactory] | None = None, **settings: Any) -> None:
        """Execute the experiment, described with settings of all trials, after a commit."""
        self.describe(**settings)
        self.commit()
        self.execute(factory)

    def execute(self, factory: type[PipelineFactory] | None = None) -> None:
        """Execute the experiment as it is."""
        Experiment.create("configs", factory).run()

    def commit(self) -> None:
        self._git(self.root, "add", ".")
        self._git(self.root, "commit", "--allow-empty", "--message=work")


@pytest.fixture
def project(tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose experiment has not been run yet."""
    made = Project(tmp_path / "project", git)
    made.write("configs/repeated_training.py", TRAINING)
    made.write("repeated_noise.py", "NOISE = 1.0\n")
    made.write(".gitignore", "work/\ndata/\nsecond_time\n__pycache__/\n")
    git(made.root, "init", "--initial-branch=main")
    monkeypatch.chdir(made.root)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return made
