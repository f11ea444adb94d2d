"""Runs whose jobs are taken away in the middle go on in others, as if nothing had been."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.config.plan import RunSpec
from experiment_manager.config.rules import Retry
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.execution.retries import execute_all
from experiment_manager.executors.serial import SerialExecutor
from experiment_manager.experiment import Experiment
from experiment_manager.testing.configs import create_spec, write_configs
from experiment_manager.testing.contents import recorded_rows
from experiment_manager.testing.slurm_cluster import SlurmCluster
from experiment_manager.testing.waiting import wait_until
from experiment_manager.trial import RunResult

HERE = Path(__file__).parent
TRIALS = ("with_state", "without_state")


def prepare(folder: Path, executor: Any) -> Experiment:
    """An experiment of two runs, which write down the epochs that they execute."""
    folder.mkdir()
    names = {"with_state": "WithState", "without_state": "WithoutState"}
    write_configs(
        folder,
        trials=[
            {"name": trial, "settings": {"pipeline": f"preempted_training:{name}"}}
            for trial, name in names.items()
        ],
        base={"callbacks": [{"type": "checkpoint", "interval": 1}]},
        env={"executor": executor},
    )
    shutil.copy(HERE / "preempted_training.py", folder)
    return Experiment.create(folder, executor="serial")  # here it is only looked at


def executed(experiment: Experiment) -> list[str]:
    """The epochs that both runs have executed until now."""
    folders = [experiment.directory / "trials" / trial / "run_1" for trial in TRIALS]
    files = [folder / "executed.txt" for folder in folders]
    return ["".join(f.read_text("utf-8").split()) if f.exists() else "" for f in files]


def comparable_rows(experiment: Experiment) -> dict[str, list[str]]:
    """What is recorded, but for what tells of folders."""
    text = str(experiment.directory.parents[1])
    return {
        table: sorted(repr(row).replace(text, "") for row in rows)
        for table, rows in recorded_rows(experiment.database_url).items()
        if table not in {"SNAPSHOT", "TRIAL_RUN_SNAPSHOT"}
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The rows of the same experiment where nothing happens.

    In a process of its own: where torch is imported, checkpoints are files of torch.
    """
    folder = tmp_path_factory.mktemp("serial") / "configs"
    experiment = prepare(folder, "serial")
    subprocess.run([sys.executable, "-m", "experiment_manager", "run", "-q", folder], check=True)
    return comparable_rows(experiment)


@pytest.fixture
def disturb(
    tmp_path: Path, one_node_command: list[str]
) -> Callable[[Any, Callable[[], object]], Experiment]:
    """Executes the experiment, and does something to it while both runs are in the middle."""

    def execute(executor: Any, disturbance: Callable[[], object]) -> Experiment:
        experiment = prepare(tmp_path / "configs", executor)
        hold = experiment.directory / "hold"
        hold.parent.mkdir(parents=True)
        hold.touch()
        command = [*one_node_command, "run", "-q", str(tmp_path / "configs")]
        with subprocess.Popen(command) as driver:
            try:
                wait_until(lambda: executed(experiment) == ["012", "012"])
                disturbance()
                wait_until(lambda: executed(experiment) == ["0122", "012012"])
                hold.unlink()
                assert driver.wait() == 0
            finally:
                driver.kill()
        return experiment

    return execute


def assert_continued(experiment: Experiment, undisturbed: dict[str, list[str]]) -> None:
    """Each run is one row that took two attempts, with the history of an undisturbed one."""
    assert executed(experiment) == ["01223", "0120123"]
    assert comparable_rows(experiment) == undisturbed
    with DatabaseManager.from_url(experiment.database_url, read_only=True) as db:
        for _, run in db.list_runs(1):
            assert (run.status, run.attempt, run.reason) == ("completed", 2, None)
            (first,) = db.list_attempts(run.id)
            assert (first.status, first.reason) == ("aborted", "preempted")


@pytest.mark.parametrize("kind", ["local", "slurm"])
def test_the_notice_that_submitit_asks_for(
    kind: str,
    disturb: Callable[[Any, Callable[[], object]], Experiment],
    undisturbed: dict[str, list[str]],
) -> None:
    executor = {
        "type": kind,
        "max_workers": 2,
        **({"cluster": "local"} if kind == "slurm" else {}),
    }
    supervisors: set[int] = set()

    def give_notice() -> None:
        for worker in processes_with("experiment_manager.executors.worker_process"):
            supervisors.add(parent_of(worker))
        for pid in supervisors:
            os.kill(pid, signal.SIGUSR2)

    assert_continued(disturb(executor, give_notice), undisturbed)
    assert len(supervisors) == 2


def processes_with(text: str) -> list[int]:
    """The processes below this one whose commands have a text in them."""
    return [pid for pid in descendants(os.getpid()) if text in command_of(pid)]


def descendants(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    return [one for child in map(int, listed) for one in (child, *descendants(child))]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def parent_of(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    return int(stat.rpartition(")")[2].split()[1])


def test_a_preemption_does_not_count_for_the_rule_of_retries(tmp_path: Path) -> None:
    ends = [
        (RunStatus.ABORTED, "preempted"),
        (RunStatus.FAILED, "lost"),
        (RunStatus.ABORTED, "preempted"),
        (RunStatus.COMPLETED, ""),
    ]

    def execute(spec: RunSpec) -> RunResult:
        status, cause = ends.pop(0)
        return RunResult(spec.trial, spec.run, status, None, 0.0, causes=(cause,))

    spec = replace(create_spec(tmp_path), retry=Retry(1, ("lost",)))
    with SerialExecutor(execute) as executor:
        (result,) = execute_all(executor, [spec])
    assert result.status is RunStatus.COMPLETED
    assert ends == []


# On a real cluster.


def jobs_of(partition: str) -> dict[str, Any]:
    return {"type": "slurm", "max_workers": 2, "job": {"partition": partition}}


def test_a_signal_of_scancel(
    slurm: SlurmCluster,
    disturb: Callable[[Any, Callable[[], object]], Experiment],
    undisturbed: dict[str, list[str]],
) -> None:
    def give_notice() -> None:
        slurm.ask("scancel", "--signal=USR2", *slurm.jobs())

    assert_continued(disturb(jobs_of("main"), give_notice), undisturbed)
    wait_until(lambda: slurm.jobs() == [])


@pytest.mark.parametrize("partition", ["main", "patient"])
def test_a_job_that_is_more_urgent(
    slurm: SlurmCluster,
    disturb: Callable[[Any, Callable[[], object]], Experiment],
    undisturbed: dict[str, list[str]],
    partition: str,
) -> None:
    def take_all_places() -> None:
        slurm.ask("srun", "--partition=urgent", "--exclusive", "true")

    assert_continued(disturb(jobs_of(partition), take_all_places), undisturbed)
    wait_until(lambda: slurm.jobs() == [])


def test_a_node_that_is_taken_out_of_service(
    slurm: SlurmCluster,
    disturb: Callable[[Any, Callable[[], object]], Experiment],
    undisturbed: dict[str, list[str]],
) -> None:
    def repair() -> None:
        slurm.ask("scontrol", "update", "node=node", "state=down", "reason=repair")
        with suppress(RuntimeError):  # it has come back by itself, because its daemon lives
            slurm.ask("scontrol", "update", "node=node", "state=resume")

    assert_continued(disturb(jobs_of("main"), repair), undisturbed)
    wait_until(lambda: slurm.jobs() == [])
