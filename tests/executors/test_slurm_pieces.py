"""The small parts of the executor for SLURM, each by itself."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.reasons import PREEMPTED, TERMINATED, reason_of
from experiment_manager.executors.job_progress import JobProgress
from experiment_manager.executors.keep_alive import IDLE_S, keep_alive
from experiment_manager.executors.local import LocalExecutor
from experiment_manager.executors.preemption import (
    PREEMPTION,
    Preempted,
    RaiseOnce,
    notices,
    reason_of_notice,
)
from experiment_manager.executors.slurm import SlurmExecutor
from experiment_manager.executors.slurm_queue import JobState, job_states
from experiment_manager.pipelines.checkpoint_folder import MANIFEST, SavedCheckpoint
from experiment_manager.testing.configs import create_spec
from experiment_manager.testing.executor_contract import STUBBORN, note_run
from experiment_manager.testing.slurm_cluster import SlurmCluster
from experiment_manager.testing.waiting import wait_until

# What SLURM says.


def test_each_job_is_told_as_it_stands(slurm: SlurmCluster) -> None:
    running = slurm.ask("sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 60")
    waiting = slurm.ask("sbatch", "--parsable", "--begin=now+1hour", "--wrap=true")
    states = job_states([running, waiting, "99999"])
    assert states[running].name in {"PENDING", "CONFIGURING", "RUNNING"}
    assert states[waiting] == JobState("PENDING")
    assert states["99999"] == JobState("FORGOTTEN")
    slurm.ask("scancel", running, waiting)
    assert job_states([waiting])[waiting] == JobState("CANCELLED")


def test_a_job_that_slurm_has_forgotten_is_over(slurm: SlurmCluster) -> None:
    assert slurm.jobs() is not None
    assert job_states(["99999"])["99999"].is_over


def test_where_slurm_does_not_answer_a_job_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert job_states(["1"]) == {"1": JobState("UNKNOWN")}
    assert not JobState("UNKNOWN").is_over


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (JobState("PREEMPTED"), True),
        (JobState("NODE_FAIL"), True),
        (JobState("COMPLETING", is_preempted=True), True),
        (JobState("COMPLETING"), False),
        (JobState("CANCELLED"), False),
    ],
)
def test_who_loses_a_place_without_anybody_wishing_the_end(
    state: JobState, *, expected: bool
) -> None:
    assert state.lost_its_place is expected


# Notices.


def test_the_signal_of_submitit_announces_a_preemption() -> None:
    assert reason_of_notice(PREEMPTION) == PREEMPTED


def test_without_slurm_a_termination_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert reason_of_notice(signal.SIGTERM) == TERMINATED


def test_a_run_hears_of_the_first_notice_alone() -> None:
    handler = RaiseOnce()
    with pytest.raises(Preempted, match="preempted"):
        handler(PREEMPTION, None)
    handler(signal.SIGTERM, None)


def test_a_preemption_has_its_own_reason() -> None:
    line = f"{Preempted.__module__}.{Preempted.__name__}: {Preempted()}"
    assert reason_of(line) == PREEMPTED


def test_notices_come_through_a_connection_as_long_as_it_is_open() -> None:
    before = signal.getsignal(PREEMPTION)
    with notices() as told:
        os.kill(os.getpid(), PREEMPTION)
        assert told.recv() == PREEMPTION
    assert signal.getsignal(PREEMPTION) == before


def test_a_run_that_does_not_heed_a_preemption_is_killed(tmp_path: Path) -> None:
    settings = {"ends": "never", "driver": os.getpid()}
    with LocalExecutor(note_run, max_workers=1, grace_s=0.5) as executor:
        handle = executor.submit(create_spec(tmp_path, settings=settings))
        executor.wait()
        wait_until((tmp_path / STUBBORN).exists)
        assert handle.process is not None
        stat = Path(f"/proc/{handle.process.pid}/stat").read_text("utf-8")
        os.kill(int(stat.rpartition(")")[2].split()[1]), PREEMPTION)  # its supervisor
        result = handle.result()
    assert (result.status, result.causes) == (RunStatus.ABORTED, (PREEMPTED,))
    assert not handle.is_recorded


# Time.


@pytest.mark.parametrize("minutes", [2, 0, "long"])
def test_a_job_that_would_end_before_it_begins_is_refused(minutes: Any) -> None:
    pytest.importorskip("submitit")
    (problem,) = SlurmExecutor.problems_with({"job_minutes": minutes}, [])
    assert "'job_minutes' must be a number above 2.5" in problem
    assert SlurmExecutor.problems_with({"job_minutes": 3}, []) == []


# Machines that fall silent.


def test_a_listening_socket_hands_its_questions_down_to_what_it_accepts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        keep_alive(server.fileno())
        with socket.create_connection(server.getsockname()), server.accept()[0] as accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if hasattr(socket, "TCP_KEEPIDLE"):
                idle_s = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
                assert idle_s == IDLE_S


def test_a_socket_of_this_machine_is_left_as_it_is() -> None:
    first, second = socket.socketpair()
    with first, second:
        keep_alive(first.fileno())
        assert not first.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


# Runs that would never come to their end.


def save_checkpoint(folder: Path, epoch: int) -> None:
    spec = create_spec(folder)
    spec.directory.artifacts.mkdir(parents=True, exist_ok=True)
    entry = vars(SavedCheckpoint(f"epoch_{epoch}.msgpack", epoch, "", 0, has_state=True))
    (spec.directory.artifacts / MANIFEST).write_text(json.dumps([entry]), "utf-8")


def test_a_run_that_had_all_of_a_job_and_no_checkpoint_was_in_vain(tmp_path: Path) -> None:
    progress, spec = JobProgress(), create_spec(tmp_path)
    save_checkpoint(tmp_path, 3)
    progress.begin(1, spec, 0.0)
    assert progress.is_in_vain(1, spec)


def test_one_that_got_further_was_not(tmp_path: Path) -> None:
    progress, spec = JobProgress(), create_spec(tmp_path)
    progress.begin(1, spec, 0.0)
    save_checkpoint(tmp_path, 3)
    assert not progress.is_in_vain(1, spec)


def test_one_that_had_a_part_of_a_job_was_not(tmp_path: Path) -> None:
    progress = JobProgress()
    progress.begin(1, create_spec(tmp_path, run=1), 0.0)
    progress.begin(1, create_spec(tmp_path, run=2), 0.0)
    assert not progress.is_in_vain(1, create_spec(tmp_path, run=2))


def test_one_that_was_disturbed_early_was_not(tmp_path: Path) -> None:
    progress, spec = JobProgress(), create_spec(tmp_path)
    progress.begin(1, spec, 3600.0)
    assert not progress.is_in_vain(1, spec)
