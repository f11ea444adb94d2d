"""What SLURM is asked for, and what becomes of runs and jobs when something ends them early."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import ExperimentManagerError
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.config.plan import RunSpec
from experiment_manager.config.resources import Resources
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.executors.executor import RunHandle
from experiment_manager.executors.slurm import SlurmExecutor
from experiment_manager.experiment import Experiment
from experiment_manager.testing.configs import create_spec, write_configs
from experiment_manager.testing.executor_contract import note_run, noted
from experiment_manager.testing.slurm_cluster import SlurmCluster
from experiment_manager.testing.waiting import wait_until
from experiment_manager.trial import RunResult

HERE = Path(__file__).parent


def tell_environment(spec: RunSpec) -> RunResult:
    names = ("OMP_NUM_THREADS", "SLURM_GPUS_ON_NODE", "CUDA_VISIBLE_DEVICES")
    told = ",".join(os.environ.get(name, "unset") for name in names)
    wait_until((Path(spec.workspace) / "enough").exists)
    return RunResult(spec.trial, spec.run, RunStatus.COMPLETED, told, 0.0)


def spec_of(folder: Path, run: int = 1, *, ends: str = "when told", **needed: Any) -> RunSpec:
    spec = create_spec(folder, run=run, settings={"ends": ends, "driver": os.getpid()})
    return replace(spec, resources=Resources(**needed))


@pytest.fixture
def executor(slurm: SlurmCluster, tmp_path: Path) -> Iterator[SlurmExecutor]:
    executor = SlurmExecutor(note_run, tmp_path / "jobs", max_workers=2, grace_s=0.5)
    with executor:
        yield executor
    wait_until(lambda: slurm.jobs() == [])


def begun(executor: SlurmExecutor, *specs: RunSpec) -> list[RunHandle]:
    """These runs, as soon as they are in the middle of it."""
    handles = [executor.submit(spec) for spec in specs]
    while not all(handle.process for handle in handles):
        executor.wait()
    wait_until(lambda: set(map(str, specs)) <= set(noted(Path(specs[0].workspace))))
    return handles


# What is asked for.


def test_resources_of_a_run_are_requests_of_its_job(slurm: SlurmCluster, tmp_path: Path) -> None:
    needs: dict[str, Any] = {"cpus": 2, "gpus": 1, "memory_gb": 0.5, "timeout_s": 36000.0}
    with SlurmExecutor(tell_environment, tmp_path / "jobs", job_minutes=30) as executor:
        handle = executor.submit(spec_of(tmp_path, **needs))
        executor.wait()
        job = slurm.ask("scontrol", "show", "job", *slurm.jobs())
        (tmp_path / "enough").touch()
        threads, gpus, _ = str(handle.result().error).split(",")
    assert "TRES=cpu=2,mem=512M," in job
    assert "TresPerNode=gres:gpu:1" in job
    assert "TimeLimit=10:02:00" in job  # the run's, its grace and the time of a notice
    assert "Requeue=0" in job
    assert (threads, gpus) == ("2", "1")


@pytest.mark.usefixtures("slurm")
def test_a_run_without_gpus_sees_none(tmp_path: Path) -> None:
    (tmp_path / "enough").touch()
    with SlurmExecutor(tell_environment, tmp_path / "jobs") as executor:
        result = executor.submit(spec_of(tmp_path, gpus=0)).result()
    assert str(result.error).endswith(",")


def test_jobs_that_other_runs_do_not_need_are_given_back(
    slurm: SlurmCluster, executor: SlurmExecutor, tmp_path: Path
) -> None:
    executor.submit(spec_of(tmp_path, 1, ends="well")).result()
    (first,) = slurm.jobs()
    begun(executor, *[spec_of(tmp_path, 2, cpus=2)])
    wait_until(lambda: first not in slurm.jobs())


def test_what_is_submitted_is_closed_to_other_users(
    executor: SlurmExecutor, tmp_path: Path
) -> None:
    (tmp_path / "jobs").mkdir()
    executor.submit(spec_of(tmp_path, ends="well")).result()
    assert (tmp_path / "jobs").stat().st_mode & 0o777 == 0o700


def test_a_request_that_slurm_refuses_is_told(executor: SlurmExecutor, tmp_path: Path) -> None:
    with pytest.raises(ExperimentManagerError, match="Memory specification can not be satisfied"):
        executor.submit(spec_of(tmp_path, memory_gb=1000))


# What ends a job.


def test_cancelling_a_job_ends_its_run_alone(
    slurm: SlurmCluster, executor: SlurmExecutor, tmp_path: Path
) -> None:
    first, second = begun(executor, spec_of(tmp_path, 1), spec_of(tmp_path, 2))
    slurm.ask("scancel", slurm.jobs()[0])
    ended = next(executor.as_completed([first, second]))
    assert ended.result().status is RunStatus.ABORTED
    assert ended.result().causes[0] == "terminated"
    (tmp_path / "enough_1").touch()
    (tmp_path / "enough_2").touch()
    statuses = {first.result().status, second.result().status}
    assert statuses == {RunStatus.ABORTED, RunStatus.COMPLETED}


def test_a_run_that_had_a_job_in_vain_is_not_handed_back(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    executor = SlurmExecutor(note_run, tmp_path / "jobs", job_minutes=2)
    with executor:
        (handle,) = begun(executor, spec_of(tmp_path))
        slurm.ask("scancel", "--signal=USR2", *slurm.jobs())
        result = handle.result()
    assert (result.status, result.causes[0]) == (RunStatus.ABORTED, "timeout")


def test_cancelling_a_job_that_waits_ends_the_run_that_it_was_for(
    slurm: SlurmCluster, executor: SlurmExecutor, tmp_path: Path
) -> None:
    begun(executor, spec_of(tmp_path, 1, cpus=8))
    waiting = executor.submit(spec_of(tmp_path, 2, cpus=8))
    slurm.ask("scancel", "--state=PENDING", "--user", str(os.getuid()))
    result = waiting.result()
    assert (result.status, result.causes) == (RunStatus.ABORTED, ("terminated",))


def test_a_job_that_is_killed_loses_its_run_and_is_replaced(
    executor: SlurmExecutor, tmp_path: Path
) -> None:
    (handle,) = begun(executor, spec_of(tmp_path, 1))
    assert handle.process is not None
    stat = Path(f"/proc/{handle.process.pid}/stat").read_text("utf-8")
    os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGKILL)  # its supervisor
    result = handle.result()
    assert (result.status, result.causes) == (RunStatus.FAILED, ("lost",))
    assert not handle.is_recorded
    other = executor.submit(spec_of(tmp_path, 2, ends="well"))
    assert other.result().status is RunStatus.COMPLETED


def test_a_job_that_cannot_start_a_worker_is_told_with_what_it_wrote(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    setup = ["echo 'no such module' >&2", "exit 1"]
    with (
        SlurmExecutor(note_run, tmp_path / "jobs", job={"setup": setup}) as executor,
        pytest.raises(ExperimentManagerError, match="no such module"),
    ):
        executor.submit(spec_of(tmp_path)).result()
    assert slurm.jobs() == []


# The driver.


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """One of two runs that wait."""
    write_configs(
        tmp_path / "configs",
        trials=[{"name": "wait", "repeat": 2}],
        base={"pipeline": "parallel_training:Training", "ends": "wait"},
        env={"executor": {"type": "slurm", "grace_s": 0.5}},
    )
    shutil.copy(HERE / "parallel_training.py", tmp_path / "configs")
    return Experiment.create(tmp_path / "configs", executor="serial")


@pytest.fixture
def driver(
    slurm: SlurmCluster, experiment: Experiment, tmp_path: Path, one_node_command: list[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The command, while its runs are in the middle; they run in two jobs."""
    command = [*one_node_command, "run", "-q", str(tmp_path / "configs")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as driver:
        try:
            folder = experiment.directory / "trials" / "wait"
            wait_until(lambda: len(list(folder.glob("run_*/attempts.txt"))) == 2)
            assert len(slurm.jobs()) == 2
            yield driver
        finally:
            driver.kill()


def ends_of(experiment: Experiment) -> list[tuple[str, str | None]]:
    with DatabaseManager.from_url(experiment.database_url, read_only=True) as db:
        return [(run.status, run.reason) for _, run in db.list_runs(1)]


def workers_of(experiment: Experiment) -> list[ProcessIdentity]:
    with DatabaseManager.from_url(experiment.database_url, read_only=True) as db:
        leases = [db.find_lease(run.id) for _, run in db.list_runs(1)]
        return [lease.process for lease in leases if lease is not None]


def test_ctrl_c_ends_all_jobs(
    slurm: SlurmCluster, experiment: Experiment, driver: subprocess.Popen[bytes]
) -> None:
    driver.send_signal(signal.SIGINT)
    assert driver.wait() == 130
    assert ends_of(experiment) == [("aborted", "interrupted")] * 2
    wait_until(lambda: slurm.jobs() == [])


def test_a_killed_driver_leaves_no_job_running(
    slurm: SlurmCluster, experiment: Experiment, driver: subprocess.Popen[bytes]
) -> None:
    workers = workers_of(experiment)
    assert len(workers) == 2
    driver.kill()
    driver.wait()
    wait_until(lambda: slurm.jobs() == [])
    wait_until(lambda: all(process.is_gone for process in workers))
    assert {status for status, _ in ends_of(experiment)} <= {"aborted", "lost"}
