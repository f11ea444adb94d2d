"""A real MLflow server for a test run: private data, on the loopback address alone.

Needs the full ``mlflow``; ``mlflow-skinny`` brings no server.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from experiment_manager.common.errors import MissingDependencyError
from experiment_manager.testing.processes import PrivateFolder, free_port

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 20.0
_POLL_S = 0.05
# Its workers for background jobs are seven processes that no tracker needs.
_OPTIONS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


class MLflowServer:
    """A server that lives inside of a ``with`` block, with data that are deleted at its end.

    Raises:
        MissingDependencyError: On entering: MLflow's server is not installed.
        RuntimeError: On entering or starting: it did not start; with the end of its log.

    Example::

        with MLflowServer() as server:
            client = MlflowClient(tracking_uri=server.url)
    """

    name: ClassVar[str] = "mlflow"
    """As :data:`~experiment_manager.testing.servers.REQUIRED` names it."""

    def __init__(self) -> None:
        self._folder: PrivateFolder | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def __enter__(self) -> MLflowServer:  # noqa: PYI034 - Self wants Python 3.11
        _require_server()
        self._folder, self._port = PrivateFolder(), free_port()
        try:
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    @property
    def url(self) -> str:
        """Its address, which stays the same between starts."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def is_running(self) -> bool:
        """False before a start, and after a stop or kill."""
        return self._process is not None

    @property
    def log(self) -> str:
        """What the server wrote since it was first started."""
        file = self._path / "log"
        return file.read_text("utf-8", errors="replace") if file.exists() else ""

    def start(self) -> None:
        """Start on the data as they are; it answers when this returns."""
        if self.is_running:
            raise RuntimeError(f"{self.name} runs already")
        with (self._path / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command(),
                cwd=self._path,
                env={**os.environ, **_OPTIONS},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a group of its own: its worker is another process
            )
        (self._path / "process").write_text(f"-{self._process.pid}", "utf-8")
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop as an administrator does: what it has begun is finished."""
        self.resume()
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Take its life with SIGKILL, as a lack of memory does."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Make it hang with SIGSTOP: it takes connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End a :meth:`pause`."""
        self._signal(signal.SIGCONT)

    @property
    def _path(self) -> Path:
        if self._folder is None:
            raise RuntimeError(f"use {type(self).__name__} in a with block")
        return self._folder.path

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "mlflow", "server"),
            *("--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{self._path / 'mlflow.db'}"),
            *("--artifacts-destination", str(self._path / "artifacts")),
        ]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._is_healthy():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self.name} did not start: {self.log[-2000:]}")
            time.sleep(_POLL_S)

    def _is_healthy(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=_STOP_TIMEOUT_S)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(number)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        finally:
            self._signal(signal.SIGKILL)  # a worker may outlive the one that started it
            self._process = None
        (self._path / "process").unlink()  # the number may be another's from now on
        self._wait_until_gone()

    def _wait_until_gone(self) -> None:
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        while _is_taken(self._port):
            if time.monotonic() > deadline:
                raise RuntimeError(f"processes of {self.name} are still alive")
            time.sleep(_POLL_S)

    def _remove(self) -> None:
        try:
            self.stop()
        finally:
            if self._folder is not None:
                self._folder.remove()
            self._folder = None


def _require_server() -> None:
    try:
        distribution("mlflow")
    except PackageNotFoundError as error:
        raise MissingDependencyError(
            "MLflowServer needs the package 'mlflow' in full, which is not installed. "
            "Install it with: pip install mlflow"
        ) from error


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
