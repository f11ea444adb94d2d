"""Three processes that join at the same moment: each run is executed once, as one would do it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.db.manager import DatabaseManager
from experiment_manager.execution.choice import Choice
from experiment_manager.experiment import Experiment
from experiment_manager.testing.configs import write_configs
from experiment_manager.testing.servers import DatabaseServer

TRIALS = ({"name": "small", "repeat": 3}, {"name": "large", "repeat": 3})
ALL_RUNS = [f"{trial}/{run}" for trial in ("small", "large") for run in (1, 2, 3)]
PROCESSES = 3

# Notes every run that it executes to its end.
TRAINING = """
import os
import random
from pathlib import Path

from experiment_manager import Pipeline


class Training(Pipeline):
    def __init__(self, env, config):
        super().__init__(env)
        context = env.tracker_manager.context
        self.place = f"{context.trial}/{context.run}"

    @Pipeline.run_wrapper
    def run(self, config):
        for epoch in range(2):
            self.run_epoch(epoch)
        self.run_metrics["score"] = random.random()
        with open(Path(__file__).parent / "executions", "a") as file:
            file.write(self.place + "\\n")

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx):
        self.epoch_metrics["loss"] = random.random()
"""
# Executes one experiment after the other, each when it is told to.
WORKER = """
import sys
from experiment_manager import Experiment

for folder in sys.stdin:
    experiment = Experiment.create(folder.strip())
    print("ready", flush=True)
    sys.stdin.readline()
    experiment.run(join=True)
    print("done", flush=True)
"""


def prepare(folder: Path, url: str | None = None) -> Path:
    """An experiment of two trials with three runs each."""
    env = {} if url is None else {"database": {"url": url}}
    write_configs(folder, trials=TRIALS, base={"pipeline": "joined_training:Training"}, env=env)
    (folder / "joined_training.py").write_text(TRAINING, encoding="utf-8")
    return folder


def history(url: str) -> list[Any]:
    """Everything that does not depend on the clock, or on who was first."""
    with DatabaseManager.from_url(url, read_only=True) as db:
        return [
            (
                *(trial.name, run.number, run.seed, run.status, run.attempt, run.config_hash),
                [(epoch, m.type, m.total_val) for epoch, m in db.get_epoch_history(run.id)],
                [(m.type, m.total_val) for m in db.get_results_metrics(run.id)],
                db.get_trial_run_parameters(run.id),
            )
            for trial, run in sorted(db.list_runs(1), key=lambda r: (r[0].name, r[1].number))
        ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What a single process records."""
    experiment = Experiment.create(prepare(tmp_path_factory.mktemp("alone") / "shared"))
    assert experiment.run().is_success
    return history(experiment.database_url)


def start_worker() -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", WORKER]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def tell(worker: subprocess.Popen[str], line: str) -> None:
    assert worker.stdin is not None
    worker.stdin.write(line)
    worker.stdin.flush()


def hear(worker: subprocess.Popen[str]) -> str:
    """What it answers; how it failed, if it did."""
    assert worker.stdout is not None
    return worker.stdout.readline().strip() or worker.communicate()[1]


@pytest.mark.parametrize(("database", "rounds"), [("sqlite", 6), ("mariadb", 3), ("postgres", 3)])
def test_every_run_is_executed_once_and_recorded_as_by_one_process(
    request: pytest.FixtureRequest, tmp_path: Path, alone: list[Any], database: str, rounds: int
) -> None:
    server: DatabaseServer | None = None
    if database != "sqlite":
        server = request.getfixturevalue(database)
    with ExitStack() as stack:
        workers = [stack.enter_context(start_worker()) for _ in range(PROCESSES)]
        for number in range(rounds):
            url = None if server is None else server.create_database()
            folder = prepare(tmp_path / str(number) / "shared", url)
            for answer, line in (("ready", f"{folder}\n"), ("done", "go\n")):
                for worker in workers:
                    tell(worker, line)
                assert [hear(worker) for worker in workers] == [answer] * PROCESSES
            assert Counter((folder / "executions").read_text().split()) == Counter(ALL_RUNS)
            assert history(Experiment.create(folder).database_url) == alone
        told = [line for worker in workers for line in worker.communicate()[1].splitlines()]
    assert [line for line in told if " is left alone: run " not in line] == []


@pytest.mark.parametrize("choice", [Choice(restart=True), Choice(rerun_changed=True)])
def test_runs_that_another_one_has_set_aside_meanwhile_are_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: Choice
) -> None:
    folder = prepare(tmp_path / "configs")
    experiment = Experiment.create(folder)
    experiment.run()
    edits = ["+lr=2"] if choice.rerun_changed else []
    joiner = Experiment.create(folder, overrides=edits)
    flag = "--restart" if choice.restart else "--rerun-changed"
    command = [sys.executable, "-m", "experiment_manager", "run", str(folder), flag, *edits]
    set_aside = Experiment._set_aside

    def set_aside_later(*arguments: Any) -> None:
        subprocess.run([*command, "--join", "-q"], check=True, stdout=subprocess.DEVNULL)
        set_aside(*arguments)

    monkeypatch.setattr(Experiment, "_set_aside", set_aside_later)
    joiner.run(choice=choice, join=True)
    executed = (folder / "executions").read_text(encoding="utf-8").split()
    assert Counter(executed) == dict.fromkeys(ALL_RUNS, 2)
