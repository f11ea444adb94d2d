"""What is special about runs that are Ray's tasks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.files import append_line
from experiment_manager.config.plan import RunSpec
from experiment_manager.config.resources import Resources
from experiment_manager.executors.ray import RayExecutor
from experiment_manager.testing.configs import create_spec
from experiment_manager.testing.executor_contract import note_run
from experiment_manager.testing.waiting import wait_until
from experiment_manager.trial import RunResult

DELAYS_S = (0, 0.001, 0.002, 0.005, 0.01, 0.02)

pytestmark = pytest.mark.usefixtures("ray_cluster")


def tell_gpus(spec: RunSpec) -> RunResult:
    """Note the GPUs that are seen, and wait until the test has seen enough."""
    append_line(Path(spec.workspace, "gpus"), os.environ["CUDA_VISIBLE_DEVICES"])
    wait_until(Path(spec.workspace, "enough").exists)
    return RunResult(spec.trial, spec.run, RunStatus.COMPLETED, None, 0.0)


@pytest.fixture
def executor() -> Iterator[RayExecutor]:
    executor = RayExecutor(tell_gpus, max_workers=2, grace_s=0.5)
    with executor:
        yield executor


def gpus_seen_by(executor: RayExecutor, folder: Path, runs: int, gpus: float) -> list[str]:
    """The GPUs that some runs see at the same time, each run's own."""
    needed = Resources(cpus=1, gpus=gpus)
    specs = [create_spec(folder, run=number) for number in range(1, runs + 1)]
    handles = [executor.submit(replace(spec, resources=needed)) for spec in specs]
    noted = folder / "gpus"
    wait_until(lambda: noted.exists() and noted.read_text("utf-8").count("\n") == runs)
    (folder / "enough").touch()
    assert {handle.result().status for handle in handles} == {RunStatus.COMPLETED}
    return sorted(noted.read_text("utf-8").splitlines())


@pytest.mark.parametrize(("gpus", "seen"), [(1, ["0", "1"]), (2, ["0,1"])])
def test_runs_see_the_gpus_that_they_have_asked_for(
    tmp_path: Path, executor: RayExecutor, gpus: float, seen: list[str]
) -> None:
    assert gpus_seen_by(executor, tmp_path, len(seen), gpus) == seen


def test_a_run_that_has_asked_for_a_part_sees_one_gpu(
    tmp_path: Path, executor: RayExecutor
) -> None:
    assert set(gpus_seen_by(executor, tmp_path, 2, 0.5)) <= {"0", "1"}


def test_gpus_of_a_cluster_of_our_own_are_those_that_init_names() -> None:
    config: dict[str, Any] = {"init": {"num_gpus": 2}}
    spec = replace(create_spec(Path("ws")), resources=Resources(gpus=2))
    assert RayExecutor.problems_with(config, [spec]) == []
    more = replace(spec, resources=Resources(gpus=3))
    (problem,) = RayExecutor.problems_with(config, [more])
    assert "'gpus' is 3, but this machine has 2" in problem


@pytest.mark.parametrize("isolation", ["worker", "process"])
def test_a_run_that_is_cancelled_while_it_begins_is_aborted(
    tmp_path: Path, isolation: str
) -> None:
    settings = {"ends": "when told", "driver": os.getpid()}
    statuses = set()
    with RayExecutor(note_run, grace_s=0.5, isolation=isolation) as executor:
        for number, delay_s in enumerate([*DELAYS_S] * 3):
            handle = executor.submit(create_spec(tmp_path, run=number, settings=settings))
            time.sleep(delay_s)  # somewhere between the queue of Ray and the begin
            handle.cancel()
            statuses.add(handle.result().status)
    assert statuses == {RunStatus.ABORTED}


def test_a_cancellation_that_ray_does_not_hear_is_told_again(tmp_path: Path) -> None:
    class Mumbling(RayExecutor):
        """Does not speak up at first, which leaves a task in the state of one not heard."""

        calls = 0

        def _withdraw(self, task: Any) -> None:
            self.calls += 1
            task.is_withdrawn, task.end_at_s = True, 0.0
            if self.calls > 1:
                super()._withdraw(task)

    settings = {"ends": "when told", "driver": os.getpid()}
    executor = Mumbling(note_run, grace_s=0.5)
    with executor:
        handle = executor.submit(create_spec(tmp_path, settings=settings))
        handle.cancel()
        assert handle.result().status is RunStatus.ABORTED
    assert executor.calls > 1


def test_a_run_that_catches_its_lack_of_memory_gets_it_told_by_an_exception(
    tmp_path: Path,
) -> None:
    spec = replace(create_spec(tmp_path), resources=Resources(memory_gb=0.4))
    with RayExecutor(fill_memory, grace_s=0.5) as executor:
        result = executor.submit(spec).result()
    assert result.status is RunStatus.COMPLETED
    assert "GB of memory, more than the 0.4 GB" in str(result.error)


def fill_memory(spec: RunSpec) -> RunResult:
    held = []
    try:
        while True:
            held.append(bytes(range(256)) * 100_000)
            time.sleep(0.005)
    except MemoryError as error:
        return RunResult(spec.trial, spec.run, RunStatus.COMPLETED, str(error), 0.0)
