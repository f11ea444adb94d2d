"""What happens when something between the driver and a run dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import ExperimentManagerError
from experiment_manager.config.plan import RunSpec
from experiment_manager.executors.local import LocalExecutor
from experiment_manager.testing.configs import create_spec
from experiment_manager.testing.executor_contract import note_run
from experiment_manager.testing.waiting import wait_until
from experiment_manager.trial import RunResult


def test_a_run_whose_supervisor_is_killed_is_lost_and_ends(tmp_path: Path) -> None:
    settings = {"ends": "when told", "driver": os.getpid()}
    with LocalExecutor(note_run, max_workers=1, grace_s=0.5) as executor:
        handle = executor.submit(create_spec(tmp_path, settings=settings))
        executor.wait()
        assert handle.process is not None
        stat = Path(f"/proc/{handle.process.pid}/stat").read_text("utf-8")
        supervisor = int(stat.rpartition(")")[2].split()[1])
        os.kill(supervisor, signal.SIGKILL)
        result = handle.result()
        assert (result.status, result.causes) == (RunStatus.FAILED, ("lost",))
        process = handle.process
        wait_until(lambda: process.is_gone)
        other = executor.submit(
            create_spec(tmp_path, run=2, settings={**settings, "ends": "well"})
        )
        assert other.result().status is RunStatus.COMPLETED


def test_a_worker_that_cannot_start_is_told_with_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit")  # in this process it is the right one
    (tmp_path / "submitit.py").write_text("raise ImportError('a broken installation')", "utf-8")
    with LocalExecutor(note_run, tmp_path / "jobs", max_workers=1, grace_s=0.5) as executor:
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        handle = executor.submit(create_spec(tmp_path, settings={}))
        with pytest.raises(ExperimentManagerError, match="A worker could not be started"):
            handle.result()


@pytest.mark.parametrize("visible", ["3,4", None])
def test_a_run_that_says_nothing_of_gpus_sees_those_of_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with LocalExecutor(tell_gpus, max_workers=1) as executor:
        assert executor.submit(create_spec(tmp_path)).result().error == str(visible)


def tell_gpus(spec: RunSpec) -> RunResult:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return RunResult(spec.trial, spec.run, RunStatus.COMPLETED, str(visible), 0.0)
