"""An experiment in a folder, the command line as a process, and its reading commands in place."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.main import commands
from experiment_manager.testing.configs import write_configs

EXECUTABLE = (sys.executable, "-W", "error", "-m", "experiment_manager")

TRAINING = """
import os
import sys

from experiment_manager import Metric, Pipeline


class Training(Pipeline):
    def __init__(self, env, config):
        super().__init__(env)
        self.place = f"{env.tracker_manager.context.trial}/{config.seed}"

    @Pipeline.run_wrapper
    def run(self, config):
        for epoch in range(config.epochs):
            self.run_epoch(epoch)
            if self.place == config.get("breaks_in"):
                raise ValueError("the loss [nan] exploded\\nand a second line")
            if self.place == os.environ.get("STOP_IN"):
                os.write(int(os.environ["READY"]), b"x")
                sys.stdin.read()  # until a signal arrives
        self.run_metrics[Metric.TEST_ACC] = 0.5 + config.seed / 4
        if "metric" in config:
            self.run_metrics[config.metric] = 0.125
        self.run_metrics[Metric.CONFUSION] = {"labels": ["cat", "dog"], "rows": [[7, 1], [2, 6]]}

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx):
        self.epoch_metrics[Metric.TRAIN_LOSS] = 1 / (epoch_idx + 1)
"""


def process_environment(given: Mapping[str, str]) -> dict[str, str]:
    """This process's variables, without those that change what is printed."""
    printing = {"COLUMNS", "FORCE_COLOR", "NO_COLOR", "EXPERIMENT_MANAGER_FULL_ERROR"}
    own = {name: value for name, value in os.environ.items() if name not in printing}
    return {**own, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8", **given}


def write_experiment(
    where: Path,
    trials: Sequence[Mapping[str, Any]] = ({"name": "small", "repeat": 2}, {"name": "large"}),
    **settings: Any,
) -> Path:
    """A folder ``configs`` in ``where`` with an experiment ``digits``, its workspace ``work``."""
    folder = write_configs(
        where / "configs",
        trials=trials,
        experiment={"name": "digits"},
        base={"pipeline": "cli_training:Training", "epochs": 2, **settings},
        env={"workspace": "work"},
    )
    (folder / "cli_training.py").write_text(TRAINING, encoding="utf-8")
    return folder


def execute(where: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own, in the folder ``where``; a warning is an error."""
    return subprocess.run(
        [*EXECUTABLE, *arguments],
        cwd=where,
        env=process_environment(variables),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def start(
    where: Path, *arguments: str, variables: Mapping[str, str], **options: Any
) -> subprocess.Popen[bytes]:
    """A command that goes on in the folder ``where``; the options are those of ``Popen``."""
    return subprocess.Popen(
        [*EXECUTABLE, *arguments], cwd=where, env=process_environment(variables), **options
    )


def stored_runs(where: Path) -> list[tuple[Any, ...]]:
    """Trial, number, status and attempt of every run, as another program sees them."""
    with closing(sqlite3.connect(where / "work" / "experiments.db")) as connection:
        return list(
            connection.execute(
                "SELECT t.name, r.number, r.status, r.attempt FROM TRIAL_RUN r "
                "JOIN TRIAL t ON t.id = r.trial_id ORDER BY t.id, r.number"
            )
        )


@pytest.fixture
def describe(tmp_path: Path) -> Callable[..., Path]:
    """Writes an experiment into the test's folder."""

    def write(*trials: Mapping[str, Any], **settings: Any) -> Path:
        return write_experiment(tmp_path, *([trials] if trials else []), **settings)

    return write


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Executes a command as a process in the test's folder; keywords are variables."""
    return functools.partial(execute, tmp_path)


@pytest.fixture
def spawn(tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Starts a command in the test's folder."""
    return functools.partial(start, tmp_path)


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[], list[tuple[Any, ...]]]:
    """The runs in the database of the test's folder."""
    return functools.partial(stored_runs, tmp_path)


@pytest.fixture(scope="session")
def succeeded(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder where ``run`` had no trouble, and what it said. For reading."""
    where = tmp_path_factory.mktemp("succeeded")
    write_experiment(where)
    return where, execute(where, "run", "configs", TERM="xterm-256color")


@pytest.fixture
def finished(
    succeeded: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> subprocess.CompletedProcess[str]:
    """Makes the test's folder one where ``run`` had no trouble; what it said."""
    shutil.copytree(succeeded[0], tmp_path, dirs_exist_ok=True)
    return succeeded[1]


@pytest.fixture(scope="session")
def interrupted(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[signal.Signals], tuple[Path, int, str]]:
    """Where ``run`` got a signal after the first epoch of run 2 of 2, its code, its output."""

    @functools.cache
    def interrupt(sent: signal.Signals) -> tuple[Path, int, str]:
        where = tmp_path_factory.mktemp(sent.name)
        write_experiment(where, [{"name": "small", "repeat": 2}])
        ready, ready_in_child = os.pipe()
        with start(
            where,
            *("run", "configs"),
            variables={"STOP_IN": "small/1", "READY": str(ready_in_child)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[ready_in_child],
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:
            os.close(ready_in_child)
            assert os.read(ready, 1) == b"x"
            os.close(ready)
            process.send_signal(sent)
            code = process.wait()
            assert process.stdout is not None
            return where, code, process.stdout.read().decode()

    return interrupt


@pytest.fixture(scope="session")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the experiment was run; only run 2 of ``small`` failed. For reading."""
    where = tmp_path_factory.mktemp("executed")
    write_experiment(where, epochs=30, breaks_in="small/1")
    done = execute(where, "run", "configs")
    assert done.returncode == 1, done.stderr
    return where


@pytest.fixture
def read(executed: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Calls a command that only reads, in the folder where the experiment was run."""
    monkeypatch.chdir(executed)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(commands, arguments, prog_name="experiment-manager")

    return call
