"""The executor for SLURM keeps the contract on a real cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from experiment_manager.executors.executor import Execute, Executor
from experiment_manager.executors.slurm import SlurmExecutor
from experiment_manager.testing.executor_contract import ExecutorContract
from experiment_manager.testing.slurm_cluster import SlurmCluster


class TestSlurmExecutor(ExecutorContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _connected(cls, slurm_cluster: SlurmCluster) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in slurm_cluster.variables.items():
                patch.setenv(name, value)
            yield

    def make_executor(self, execute: Execute) -> Executor:
        return SlurmExecutor(execute, max_workers=2, grace_s=0.5)
