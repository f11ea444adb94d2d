"""Runs in jobs of a SLURM cluster."""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.imports import require
from experiment_manager.common.reasons import LOST, OUT_OF_MEMORY, PREEMPTED, TERMINATED, TIMEOUT
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.config.plan import RunSpec
from experiment_manager.config.resources import Resources
from experiment_manager.executors.executor import Execute, RunHandle
from experiment_manager.executors.job_progress import JobProgress
from experiment_manager.executors.keep_alive import keep_alive
from experiment_manager.executors.messages import Died
from experiment_manager.executors.pool import Job, Listener, PoolExecutor
from experiment_manager.executors.slots import Slot
from experiment_manager.executors.slurm_queue import job_states
from experiment_manager.trial import RunResult

_LOOPBACK = "127.0.0.1"
_NOTICE_S = 90  # what submitit asks for: the time between the notice and the end of a job
_EARLY_S = 60  # SLURM may give it so much earlier
_REASONS = {"CANCELLED": TERMINATED, "TIMEOUT": TIMEOUT, "OUT_OF_MEMORY": OUT_OF_MEMORY}


@YAMLSerializable.register("slurm")
class SlurmExecutor(PoolExecutor):
    """Executes runs in jobs of SLURM, each of which takes run after run of the same needs.

    The nodes must reach this machine by its host name, and share its folders.

    A job whose place is taken, or whose time is over, has its run close itself: it is ABORTED as
    ``preempted``, and goes on from its last checkpoint when it is submitted again. SLURM starts
    no job again by itself.

    Args:
        execute: What executes one run; it is pickled.
        folder: For what the jobs print; shared with the nodes, and closed to other users.
        max_workers: How many jobs at once, at most.
        job_minutes: How long a job may last; at least as long as a run of it, where that has a
            limit. A run that had all this time and reached no checkpoint is not tried again.
        isolation: ``worker`` to have a process execute run after run, as long as they succeed;
            ``process`` to give each run a new one.
        grace_s: Seconds that a run has to close itself when it is cancelled, overdue or preempted.
        job: Further parameters of ``sbatch`` as submitit names them: ``partition``, ``account``,
            ``setup`` ...
        cluster: What submitit talks to; ``local`` tries this out on a machine without SLURM.
    """

    _check_interval_s = 5.0
    _poll_s = 0.2
    _idle_s = 30.0

    def __init__(
        self,
        execute: Execute,
        folder: Path | None = None,
        *,
        max_workers: int = 8,
        job_minutes: float = 240,
        isolation: str = "worker",
        grace_s: float = 10.0,
        job: Mapping[str, Any] | None = None,
        cluster: str = "slurm",
    ) -> None:
        super().__init__(execute, folder, isolation=isolation, grace_s=grace_s)
        self._left = max_workers
        self._job_minutes = job_minutes
        self._parameters = dict(job or {})
        self._is_here = cluster == "local"
        self._cluster = cluster
        self._notice_s = float(self._parameters.get("signal_delay_s", _NOTICE_S))
        self._progress = JobProgress()

    @classmethod
    def problems_with(cls, config: Mapping[str, Any], specs: Sequence[RunSpec]) -> list[str]:
        """What submitit or SLURM does not take, and jobs that would end before they begin."""
        slurm = require("submitit.slurm.slurm", "slurm", "'executor: slurm'")
        known = slurm._get_default_parameters()  # noqa: SLF001 - submitit lists them nowhere else
        problems = [
            f"'job': no parameter {key!r}.{did_you_mean(str(key), known)}"
            for key in config.get("job") or {}
            if key not in known
        ]
        problems += _problems_with_time(config)
        parts = {s.trial: s.resources.gpus for s in specs if 0 < (s.resources.gpus or 0) < 1}
        return problems + [
            f"trial {trial!r}: 'gpus' is {part:g}, but SLURM gives whole ones"
            for trial, part in parts.items()
        ]

    @classmethod
    def spans_machines(cls, config: Mapping[str, Any]) -> bool:
        """True, but where it is tried out on this machine."""
        return bool(config.get("cluster", "slurm") != "local")

    def _listen(self) -> Listener:
        server = socket.create_server((_LOOPBACK if self._is_here else "", 0))
        host = _LOOPBACK if self._is_here else socket.getfqdn()
        keep_alive(server.fileno())
        return Listener(server, (host, server.getsockname()[1]))

    def _jobs_for(self, folder: Path, needed: Resources) -> Any:
        submitit = require("submitit", "slurm", "'executor: slurm'")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)  # who read what is submitted could take the place of a worker
        executor = submitit.AutoExecutor(folder, cluster=self._cluster)
        asked = {
            "cpus_per_task": needed.cpus,
            "gpus_per_node": None if needed.gpus is None else int(needed.gpus),
            "mem_gb": needed.memory_gb,
        }
        needs = {key: value for key, value in asked.items() if value is not None}
        further = self._parameters.get("additional_parameters") or {}
        given = {**self._parameters, "additional_parameters": {"no_requeue": True, **further}}
        slurm = {f"slurm_{key}": value for key, value in given.items()}
        executor.update_parameters(timeout_min=self._minutes(needed), **needs, **slurm)
        return executor

    def _minutes(self, needed: Resources) -> int:
        """How long a job may last."""
        run_s = 0.0 if needed.timeout_s is None else needed.timeout_s + self._grace_s
        return math.ceil(max(60 * self._job_minutes, run_s + self._notice_s) / 60)

    def _take_slot(self, needed: Resources) -> Slot | None:
        if self._left == 0:
            return None
        self._left -= 1
        return Slot(needed.cpus or 1, chooses_gpus=needed.gpus == 0)

    def _give_back(self, slot: Slot) -> None:
        self._left += 1

    def _order(self, job: Job, handle: RunHandle, slot: Slot) -> None:
        time_s = 60 * self._minutes(job.needed) - self._notice_s - _EARLY_S
        self._progress.begin(job.number, handle.spec, time_s)
        super()._order(job, handle, slot)

    # What SLURM says.

    def _ended(self, submitted: Sequence[Any]) -> list[Any]:
        if self._is_here or not submitted:
            return super()._ended(submitted)
        states = job_states([job.job_id for job in submitted])
        return [
            job
            for job in submitted
            if states[job.job_id].is_over or job.paths.result_pickle.exists()
        ]

    def _fate(self, submitted: Any) -> Died:
        if self._is_here:
            return super()._fate(submitted)
        state = job_states([submitted.job_id])[submitted.job_id]
        reason = PREEMPTED if state.lost_its_place else _REASONS.get(state.name, LOST)
        return Died(reason, f"job {submitted.job_id}, which executed it, is {state.name}")

    def _preempted(self, job: Job, spec: RunSpec, result: RunResult) -> RunResult:
        if not self._progress.is_in_vain(job.number, spec):
            return super()._preempted(job, spec, result)
        logging.getLogger(__name__).warning(
            "%s had all the time of a job and reached no checkpoint, so that it is not tried in "
            "another; give more 'job_minutes', or declare the state of its pipeline",
            spec,
        )
        return replace(result, causes=(TIMEOUT, *result.causes))


def _problems_with_time(config: Mapping[str, Any]) -> list[str]:
    """A complaint where a job would be told to end as soon as it has begun."""
    minutes = config.get("job_minutes", math.inf)
    notice_s = (config.get("job") or {}).get("signal_delay_s", _NOTICE_S)
    if isinstance(minutes, (int, float)) and 60 * minutes > notice_s + _EARLY_S:
        return []
    problem = (
        f"'job_minutes' must be a number above {(notice_s + _EARLY_S) / 60:g}, not {minutes!r}: a "
        f"job is told {notice_s:g} s before its end, and perhaps earlier, to close its run"
    )
    return [problem]
