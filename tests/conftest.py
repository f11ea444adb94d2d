"""What all tests share: isolation from each other, and eyes for what was written."""

from __future__ import annotations

import importlib.util
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TextIO
from xml.etree import ElementTree as ET

import pytest

from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.environment import Environment
from experiment_manager.testing.servers import MariaDBServer, PostgresServer, server_for_tests

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # before anything imports MLflow


@pytest.fixture(autouse=True)
def _leaves_the_process_as_it_was(tmp_path: Path) -> Iterator[None]:
    """Undo what a test may change on purpose, and fail where it left something behind."""
    path, registry = list(sys.path), dict(YAMLSerializable._registry)
    variables, handlers = _environment_variables(), _signal_handlers()
    threads = set(threading.enumerate())
    yield
    sys.path[:] = path
    YAMLSerializable._registry.clear()
    YAMLSerializable._registry.update(registry)
    _forget_modules_below(tmp_path)
    assert _environment_variables() == variables
    assert _signal_handlers() == handlers
    assert [t for t in threading.enumerate() if t not in threads and not t.daemon] == []


def _environment_variables() -> dict[str, str]:
    """All but those that pytest, Ray, torch, Polars and OpenMP libraries set for themselves."""
    own = ("PYTEST_", "KMP_", "RAY_", "TORCHINDUCTOR_", "_RJEM_")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


def _signal_handlers() -> list[Any]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def _forget_modules_below(folder: Path) -> None:
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    """An environment by itself, in the test's folder."""
    with Environment.from_config({"workspace": str(tmp_path / "workspace")}) as env:
        yield env


@pytest.fixture
def query() -> Callable[..., list[tuple[Any, ...]]]:
    """The rows that a statement finds in a workspace's SQLite file, as another program sees it."""

    def rows(workspace: Path, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(workspace / "experiments.db")) as connection:
            return list(connection.execute(sql))

    return rows


@pytest.fixture
def full_output() -> Iterator[TextIO]:
    """A file that takes nothing, as on a full disk; where there is none the test is skipped."""
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("needs a device that is full")
    file = device.open("w", buffering=1, encoding="utf-8")
    yield file
    with suppress(OSError):
        file.close()


@pytest.fixture
def failures_of(tmp_path: Path) -> Callable[[str], set[str]]:
    """Runs a test module given as text; the names of its tests that fail, all if none can."""

    def failures(source: str) -> set[str]:
        module, report = tmp_path / "test_inner.py", tmp_path / "report.xml"
        module.write_text(source, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        subprocess.run(
            [*command, f"--junitxml={report}", str(module)],
            cwd=tmp_path,
            check=False,
            capture_output=True,
        )
        cases = ET.parse(report).iter("testcase")
        failed = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
        return {str(case.get("name")).partition("[")[0] for case in failed}

    return failures


@pytest.fixture(scope="session")
def torch() -> Any:
    """The package; without it the test is skipped, or fails where the environment promises it."""
    promised = os.environ.get("EXPERIMENT_MANAGER_REQUIRE_TORCH") == "1"
    if importlib.util.find_spec("torch") is None and promised:
        pytest.fail("EXPERIMENT_MANAGER_REQUIRE_TORCH=1, but there is no torch")
    package = pytest.importorskip("torch")
    importlib.import_module("torch._dynamo")  # an optimizer would, and it sets a variable
    return package


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDBServer]:
    """A MariaDB server; without its programs the test is skipped, or fails where required."""
    with server_for_tests(MariaDBServer) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; likewise."""
    with server_for_tests(PostgresServer) as server:
        yield server
