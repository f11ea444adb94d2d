"""Runs in jobs of a SLURM cluster."""

from __future__ import annotations

import math
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.imports import require
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.config.plan import RunSpec
from experiment_manager.config.resources import Resources
from experiment_manager.executors.executor import Execute
from experiment_manager.executors.pool import Listener, PoolExecutor
from experiment_manager.executors.slots import Slot

_LOOPBACK = "127.0.0.1"


@YAMLSerializable.register("slurm")
class SlurmExecutor(PoolExecutor):
    """Executes runs in jobs of SLURM, each of which takes run after run of the same needs.

    The nodes must reach this machine by its host name, and share its folders.

    Args:
        execute: What executes one run; it is pickled.
        folder: For what the jobs print; shared with the nodes.
        max_workers: How many jobs at once, at most.
        job_minutes: How long a job may last; runs that it cuts off are lost, and retried.
        isolation: ``worker`` to have a process execute run after run, as long as they succeed;
            ``process`` to give each run a new one.
        grace_s: Seconds that a run has to close itself when it is cancelled or overdue.
        job: Further parameters of ``sbatch`` as submitit names them: ``partition``, ``account``,
            ``setup`` ...
        cluster: What submitit talks to; ``local`` tries this out on a machine without SLURM.
    """

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
        self._cluster = cluster

    @classmethod
    def problems_with(cls, config: Mapping[str, Any], specs: Sequence[RunSpec]) -> list[str]:
        """Parameters that submitit does not know, and parts of GPUs, which SLURM does not give."""
        slurm = require("submitit.slurm.slurm", "slurm", "'executor: slurm'")
        known = slurm._get_default_parameters()  # noqa: SLF001 - submitit lists them nowhere else
        problems = [
            f"'job': no parameter {key!r}.{did_you_mean(str(key), known)}"
            for key in config.get("job") or {}
            if key not in known
        ]
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
        is_here = self._cluster == "local"
        server = socket.create_server((_LOOPBACK if is_here else "", 0))
        host = _LOOPBACK if is_here else socket.getfqdn()
        return Listener(server, (host, server.getsockname()[1]))

    def _jobs_for(self, folder: Path, needed: Resources) -> Any:
        submitit = require("submitit", "slurm", "'executor: slurm'")
        executor = submitit.AutoExecutor(folder, cluster=self._cluster)
        asked = {
            "cpus_per_task": needed.cpus,
            "gpus_per_node": None if needed.gpus is None else int(needed.gpus),
            "mem_gb": needed.memory_gb,
        }
        given = {f"slurm_{key}": value for key, value in self._parameters.items()}
        needs = {key: value for key, value in asked.items() if value is not None}
        executor.update_parameters(timeout_min=math.ceil(self._job_minutes), **needs, **given)
        return executor

    def _take_slot(self, needed: Resources) -> Slot | None:
        if self._left == 0:
            return None
        self._left -= 1
        return Slot(needed.cpus or 1)

    def _give_back(self, slot: Slot) -> None:
        self._left += 1
