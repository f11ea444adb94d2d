"""One Ray cluster for all tests that need one."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

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
    """One of two cores on the loopback address."""
    if "EXPERIMENT_MANAGER_TEST_RAY" not in os.environ:
        pytest.skip("takes minutes: set EXPERIMENT_MANAGER_TEST_RAY=1")
    ray = pytest.importorskip("ray")
    before, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    with tempfile.TemporaryDirectory(prefix="r-") as folder:  # its path is short, as sockets' are
        ray.init(
            num_cpus=2,
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
