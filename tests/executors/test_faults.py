"""What ends a run in an untimely way is recorded with its reason, and tried again by the rule."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import AttemptRow, TrialRunRow
from experiment_manager.experiment import Experiment
from experiment_manager.testing.configs import write_configs
from experiment_manager.testing.waiting import wait_until

HERE = Path(__file__).parent
LOCAL = {"type": "local", "max_workers": 2, "grace_s": 0.5}

Driver = subprocess.Popen[bytes]
Recorded = dict[tuple[str, int], tuple[TrialRunRow, list[AttemptRow]]]


def prepare(folder: Path, executor: Any, **trials: Mapping[str, Any]) -> Experiment:
    """An experiment with trials that end as told, and what else is said of each."""
    write_configs(
        folder,
        trials=[
            {"name": ends.replace("_", " "), "settings": {"ends": ends.replace("_", " ")}, **rules}
            for ends, rules in trials.items()
        ],
        base={"pipeline": "parallel_training:Training", "ends": "well"},
        env={"executor": executor},
    )
    shutil.copy(HERE / "parallel_training.py", folder)
    return Experiment.create(folder)


def recorded(experiment: Experiment) -> Recorded:
    """Every run's row and its earlier attempts, by trial and number."""
    with DatabaseManager.from_url(experiment.database_url, read_only=True) as db:
        rows = db.list_runs(1)
        return {(t.name, r.number): (r, db.list_attempts(r.id)) for t, r in rows}


@pytest.fixture(params=["local", "ray"])
def executor(request: pytest.FixtureRequest) -> Any:
    if request.param == "local":
        return dict(LOCAL)
    request.getfixturevalue("ray_cluster")
    return {"type": "ray", "max_workers": 2, "grace_s": 0.5}


def test_each_untimely_end_is_recorded_and_tried_again(tmp_path: Path, executor: Any) -> None:
    once = {"retry": {"times": 1}}
    experiment = prepare(
        tmp_path,
        executor,
        death={**once, "repeat": 2},
        wait={**once, "resources": {"timeout": 5}},
        memory_error=once,
        always={"retry": {"times": 1, "on": ["lost"]}},
        well={"repeat": 3},
    )
    experiment.run()
    rows = recorded(experiment)
    ends = {name: (row.status, row.reason, row.attempt) for name, (row, _) in rows.items()}
    assert ends == {
        **{("death", number): ("completed", None, 2) for number in (1, 2)},
        ("wait", 1): ("completed", None, 2),
        ("memory error", 1): ("completed", None, 2),
        ("always", 1): ("failed", "lost", 2),
        **{("well", number): ("completed", None, 1) for number in (1, 2, 3)},
    }
    firsts = {name: [a.reason for a in before] for name, (_, before) in rows.items() if before}
    assert firsts == {
        **{("death", number): ["lost"] for number in (1, 2)},
        ("wait", 1): ["timeout"],
        ("memory error", 1): ["oom"],
        ("always", 1): ["lost"],
    }
    assert len(experiment.results) == len(rows)
    for (trial, number), (row, _) in rows.items():
        folder = experiment.directory / "trials" / trial / f"run_{number}"
        attempts = (folder / "attempts.txt").read_text(encoding="utf-8").splitlines()
        assert len(attempts) == row.attempt


def test_a_run_that_takes_too_much_memory_is_out_of_memory(tmp_path: Path, executor: Any) -> None:
    needs = {"resources": {"memory_gb": 0.4}, "retry": {"times": 1, "on": ["oom"]}}
    experiment = prepare(tmp_path, executor, fill=needs, well={})
    experiment.run()
    row, (first,) = recorded(experiment)["fill", 1]
    assert (row.status, first.status, first.reason) == ("completed", "failed", "oom")
    assert "more than the 0.4 GB that it may take" in str(first.error)


def test_another_failure_than_the_rule_names_is_not_tried_again(tmp_path: Path) -> None:
    experiment = prepare(tmp_path, LOCAL, death={"retry": {"times": 1, "on": ["oom"]}})
    experiment.run()
    row, before = recorded(experiment)["death", 1]
    assert (row.status, row.reason, row.attempt, before) == ("failed", "lost", 1, [])
    assert "was killed by SIGKILL" in str(row.error)


# The driver.


@pytest.fixture
def begin(request: pytest.FixtureRequest, executor: Any) -> Callable[[Path], Driver]:
    """The command, in a process group of its own like that of a terminal."""
    variables = None
    if executor["type"] == "ray":
        cluster = request.getfixturevalue("ray_cluster")
        executor["address"], variables = cluster.address, cluster.variables

    def start(folder: Path) -> Driver:
        command = [sys.executable, "-m", "experiment_manager", "run", "-q", str(folder)]
        return subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.DEVNULL, env=variables
        )

    return start


def first_attempts(experiment: Experiment, trial: str, runs: int) -> list[list[str]]:
    """Process and GPU of as many runs of a trial, as soon as they are at their end."""
    folder = experiment.directory / "trials" / trial

    def noted() -> list[list[str]]:
        texts = [file.read_text(encoding="utf-8") for file in folder.glob("run_*/attempts.txt")]
        return [text.split() for text in texts if text.endswith("\n")]

    wait_until(lambda: len(noted()) == runs)
    return noted()


def workers_of(experiment: Experiment, trial: str, runs: int) -> list[int]:
    """The processes that execute them."""
    return [int(pid) for pid, _ in first_attempts(experiment, trial, runs)]


def lives(pid: int) -> bool:
    return Path("/proc", str(pid)).exists()


def test_ctrl_c_closes_every_run_and_the_same_command_goes_on(
    tmp_path: Path, executor: Any, begin: Callable[[Path], Driver]
) -> None:
    experiment = prepare(tmp_path, executor, wait={"repeat": 2})
    with begin(tmp_path) as driver:
        pids = workers_of(experiment, "wait", 2)
        os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
        assert driver.wait() == 130
    rows = recorded(experiment)
    assert [(r.status, r.reason) for r, _ in rows.values()] == [("aborted", "interrupted")] * 2
    if executor["type"] == "local":
        wait_until(lambda: not any(map(lives, pids)))
    assert all(result.is_missing for result in experiment.status())
    experiment.run()
    assert [(r.status, r.attempt) for r, _ in recorded(experiment).values()] == [
        ("completed", 2)
    ] * 2


def test_a_killed_driver_leaves_no_worker_and_the_same_command_goes_on(
    tmp_path: Path, executor: Any, begin: Callable[[Path], Driver]
) -> None:
    experiment = prepare(tmp_path, executor, wait={"repeat": 2})
    with begin(tmp_path) as driver:
        pids = workers_of(experiment, "wait", 2)
        driver.kill()
        driver.wait()
    wait_until(lambda: not any(map(lives, pids)))
    assert {RunStatus(r.status) for r, _ in recorded(experiment).values()} <= {
        RunStatus.ABORTED,
        RunStatus.LOST,
    }
    experiment.run()
    assert [(r.status, r.attempt) for r, _ in recorded(experiment).values()] == [
        ("completed", 2)
    ] * 2


# Slots.


def test_each_run_has_a_gpu_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "10,11,12,13")  # which nobody here has
    executor = {"type": "local", "max_workers": 8}
    experiment = prepare(tmp_path, executor, told={"repeat": 5, "resources": {"gpus": 1}})
    with subprocess.Popen([sys.executable, "-m", "experiment_manager", "run", str(tmp_path)]) as p:
        seen = [gpu for _, gpu in first_attempts(experiment, "told", 4)]
        (experiment.directory / "enough").touch()
        assert p.wait() == 0
    assert sorted(seen) == ["10", "11", "12", "13"]
