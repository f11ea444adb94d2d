"""One Ray cluster for all tests that need one."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from experiment_manager.testing.servers import server_for_tests
from experiment_manager.testing.slurm_cluster import SlurmCluster

# Before Ray is imported: it would listen on all addresses of the machine, and tell of its use.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


@dataclass(frozen=True)
class RayCluster:
    """A cluster that this process is connected to.

    Attributes:
        address: By which others can connect.
        variables: Environment variables that they need for it.
    """

    address: str
    variables: Mapping[str, str]


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[RayCluster]:
    """One of two cores and two GPUs, which nobody here has, on the loopback address."""
    ray = pytest.importorskip("ray")
    before, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    with tempfile.TemporaryDirectory(prefix="r-") as folder:  # its path is short, as sockets' are
        ray.init(
            num_cpus=2,
            num_gpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="error",
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
        )
        signal.signal(signal.SIGTERM, handler)
        variables = dict(os.environ)
        os.environ.clear()
        os.environ.update(before)
        yield RayCluster(ray.get_runtime_context().gcs_address, variables)
        ray.shutdown()


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[SlurmCluster]:
    """A SLURM cluster of one node; without its programs the test is skipped, or fails."""
    with server_for_tests(SlurmCluster) as cluster:
        yield cluster


@pytest.fixture
def slurm(slurm_cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> SlurmCluster:
    """The same, spoken to by this process and those that it starts."""
    for name, value in slurm_cluster.variables.items():
        monkeypatch.setenv(name, value)
    return slurm_cluster


@pytest.fixture
def one_node_command() -> list[str]:
    """Our command, where jobs of SLURM may write into a file since their node is this machine."""
    program = (
        "from experiment_manager.cli.main import main\n"
        "from experiment_manager.executors.slurm import SlurmExecutor\n"
        "SlurmExecutor.spans_machines = classmethod(lambda *_: False)\n"
        "main()"
    )
    return [sys.executable, "-c", program]
