"""Runs in processes of this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiment_manager.common.imports import require
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.config.plan import RunSpec
from experiment_manager.config.resources import Resources
from experiment_manager.executors.executor import Execute
from experiment_manager.executors.pool import Listener, PoolExecutor
from experiment_manager.executors.slots import VISIBLE, Machine, Slot, Slots

_FOR_EVER_MIN = 10 * 365 * 24 * 60


@YAMLSerializable.register("local")
class LocalExecutor(PoolExecutor):
    """Executes runs at the same time in processes of this machine, each in a slot of its own.

    Args:
        execute: What executes one run; it is pickled.
        folder: For what the jobs print; None for one that is deleted at the end.
        max_workers: How many runs at once, at most; None for one per core.
        isolation: ``worker`` to have a process execute run after run, as long as they succeed;
            ``process`` to give each run a new one.
        grace_s: Seconds that a run has to close itself when it is cancelled or overdue.
    """

    def __init__(
        self,
        execute: Execute,
        folder: Path | None = None,
        *,
        max_workers: int | None = None,
        isolation: str = "worker",
        grace_s: float = 10.0,
    ) -> None:
        super().__init__(execute, folder, isolation=isolation, grace_s=grace_s)
        self._slots = Slots(Machine.current(), max_workers)

    @classmethod
    def problems_with(cls, config: Mapping[str, Any], specs: Sequence[RunSpec]) -> list[str]:  # noqa: ARG003
        """Runs that need more than this machine has."""
        require("submitit", "slurm", "'executor: local'")
        return Machine.current().problems_of(specs)

    def _listen(self) -> Listener:
        address = str(self._temporary / "driver")
        server = socket.socket(socket.AF_UNIX)
        server.bind(address)
        server.listen()
        return Listener(server, address)

    def _jobs_for(self, folder: Path, needed: Resources) -> Any:
        submitit = require("submitit", "slurm", "'executor: local'")
        executor = submitit.AutoExecutor(folder, cluster="local")
        executor.update_parameters(timeout_min=_FOR_EVER_MIN)
        return executor

    def _take_slot(self, needed: Resources) -> Slot | None:
        return self._slots.take(needed)

    def _give_back(self, slot: Slot) -> None:
        self._slots.give_back(slot)

    def _variables(self, slot: Slot) -> dict[str, str | None]:
        """Where nothing was said of GPUs, those of the driver: submitit would hide them."""
        return {VISIBLE: os.environ.get(VISIBLE), **slot.variables}

    def _fits(self, job_needed: Resources, needed: Resources) -> bool:
        """Any job: its worker gets the environment of the run's slot."""
        return True
