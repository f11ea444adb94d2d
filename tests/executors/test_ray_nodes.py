"""A cluster of two nodes that records on a database server, and loses one of them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.db.manager import DatabaseManager
from experiment_manager.experiment import Experiment
from experiment_manager.testing.configs import write_configs
from experiment_manager.testing.servers import MariaDBServer
from experiment_manager.testing.waiting import wait_until

HERE = Path(__file__).parent
NODE = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False}


@pytest.fixture
def nodes() -> Iterator[Any]:
    """Two nodes on the loopback address with a core each."""
    if "EXPERIMENT_MANAGER_TEST_RAY" not in os.environ:
        pytest.skip("takes half a minute: set EXPERIMENT_MANAGER_TEST_RAY=1")
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    before, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    with tempfile.TemporaryDirectory(prefix="r-") as folder:
        os.environ["RAY_TMPDIR"] = folder
        Path(folder, "ray").mkdir()
        cluster = cluster_utils.Cluster()
        try:
            cluster.add_node(**NODE)
            cluster.add_node(**NODE)
            yield cluster
        finally:
            cluster.shutdown()
            os.environ.clear()
            os.environ.update(before)
            signal.signal(signal.SIGTERM, handler)


def test_a_lost_node_costs_an_attempt_of_what_ran_there(
    tmp_path: Path, mariadb: MariaDBServer, nodes: Any
) -> None:
    write_configs(
        tmp_path,
        trials=[{"name": "small", "repeat": 2}],
        experiment={"retry": {"times": 1, "on": ["lost"]}},
        base={"pipeline": "parallel_training:Training", "ends": "told"},
        env={
            "executor": {"type": "ray", "address": nodes.address},
            "database": {"url": mariadb.create_database()},
        },
    )
    shutil.copy(HERE / "parallel_training.py", tmp_path)
    experiment = Experiment.create(tmp_path)
    command = [sys.executable, "-m", "experiment_manager", "run", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        runs = experiment.directory / "trials" / "small"
        wait_until(lambda: len(list(runs.glob("run_*/attempts.txt"))) == 2)
        second = nodes.worker_nodes.copy().pop()
        raylet = second.all_processes["raylet"][0].process
        raylet.kill()
        raylet.wait()  # as long as it is a zombie its workers take it for alive
        wait_until(lambda: "lost" in statuses(experiment))
        (experiment.directory / "enough").touch()
        assert driver.wait() == 0
    assert statuses(experiment) == ["completed 1", "completed 2", "lost"]


def statuses(experiment: Experiment) -> list[str]:
    """Status and attempt of each run, and the reasons why earlier attempts ended."""
    with DatabaseManager.from_url(experiment.database_url, read_only=True) as db:
        runs = [run for _, run in db.list_runs(1)]
        told = [f"{run.status} {run.attempt}" for run in runs]
        reasons = [run.reason for run in runs] + [
            attempt.reason for run in runs for attempt in db.list_attempts(run.id)
        ]
        return sorted(told + [reason for reason in reasons if reason])
