"""Real database servers for a test run: private data, on the loopback address alone.

Needs the servers' programs (``apt-get install mariadb-server postgresql``; no service has to run)
and their drivers, which come with the extra ``test``. Runs as root and as any other user.
"""

from __future__ import annotations

import atexit
import os
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from experiment_manager.common.errors import MissingDependencyError
from experiment_manager.common.imports import require

S = TypeVar("S", bound="DatabaseServer")

REQUIRED = "EXPERIMENT_MANAGER_REQUIRE_SERVERS"
"""Environment variable: the servers that must be there (``mariadb,postgres``), or 1 for all."""

# Not secret from the tests; from other users of this machine.
_USER, _PASSWORD = "experimenter", secrets.token_hex(12)
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 60.0
_POLL_S = 0.02
# Ends with our death, whatever it was of: then nobody holds the other end of its input any more.
_GUARD = 'cat; kill -KILL "$(cat "$0/process")"; rm -rf "$0"'
_MEMORY = Path("/dev/shm")  # noqa: S108 - folders in it get names that nobody can guess
_MEMORY_NEEDED = 4 * 2**30  # servers of several processes share it; a container's has 64 MB
# Below the ports that outgoing connections get: nobody takes ours while the server is down.
_FIRST_PORT, _LAST_PORT = 20_000, 32_000


class DatabaseServer(ABC):
    """A server that lives inside of a ``with`` block, with data that are deleted at its end.

    Raises:
        MissingDependencyError: On entering: its programs or its driver are not installed.
        RuntimeError: On entering or starting: it did not start; with the end of its log.
    """

    name: ClassVar[str]
    """As :data:`REQUIRED` names it."""
    package: ClassVar[str]
    _dialect: ClassVar[str]
    _driver: ClassVar[str]
    _extra: ClassVar[str]
    _first_database: ClassVar[str]
    _options_of_new_database: ClassVar[str] = ""
    _stop_signal: ClassVar[signal.Signals]

    def __init__(self) -> None:
        self._folder: _Folder | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._port = 0
        self._numbers = count(1)

    def __enter__(self: S) -> S:  # noqa: PYI019 - Self wants Python 3.11
        require(self._driver, self._extra, type(self).__name__)
        template = _template(type(self))
        self._folder, self._port = _Folder(), _free_port()
        try:
            self._account(self._running_folder)
            _copy(template, self._running_folder / "data")
            self.start()
            self._execute(f"CREATE DATABASE experiments {self._options_of_new_database}")
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
        """A database that exists, with user and password; it stays the same between starts."""
        return self._url("experiments").render_as_string(hide_password=False)

    @property
    def is_running(self) -> bool:
        """False before a start, and after a stop or kill."""
        return self._process is not None

    @property
    def log(self) -> str:
        """What the server wrote since it was first started."""
        file = self._running_folder / "log"
        return file.read_text("utf-8", errors="replace") if file.exists() else ""

    def create_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} {self._options_of_new_database}")
        return self._url(name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Delete a database that :meth:`create_database` made, to spare the disk."""
        self._execute(self._dropping(str(make_url(url).database)))

    def start(self) -> None:
        """Start on the data as they are; it takes connections when this returns."""
        if self.is_running:
            raise RuntimeError(f"{self.name} runs already")
        self._lifeline, held_by_server = os.pipe()
        with (self._running_folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command(self._running_folder, self._port),
                cwd=self._running_folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[held_by_server],
                start_new_session=True,  # Ctrl-C is for the tests, which then stop the server
                user=self._account(self._running_folder),
            )
        os.close(held_by_server)
        (self._running_folder / "process").write_text(str(self._process.pid), "utf-8")
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop as an administrator does: what is open is rolled back and files are closed."""
        if self._process is not None:
            self.resume()
            self._process.send_signal(self._stop_signal)
            self._wait_until_gone(self._process)

    def kill(self) -> None:
        """Take its life with SIGKILL, as a lack of memory does; :meth:`start` must recover."""
        if self._process is not None:
            self._signal_all(self._process, signal.SIGKILL)
            self._wait_until_gone(self._process)

    def pause(self) -> None:
        """Make it hang with SIGSTOP: connections stay open and get no answer."""
        if self._process is not None:
            self._signal_all(self._process, signal.SIGSTOP)

    def resume(self) -> None:
        """End a :meth:`pause`."""
        if self._process is not None:
            self._signal_all(self._process, signal.SIGCONT)

    @classmethod
    @abstractmethod
    def _initialize(cls, folder: Path) -> None:
        """Make the data of a new server in ``folder / "data"``, with a user of full rights."""

    @abstractmethod
    def _command(self, folder: Path, port: int) -> Sequence[str]:
        """What starts the server in the foreground."""

    @abstractmethod
    def _dropping(self, database: str) -> str:
        """The statement that deletes a database, whoever is connected to it."""

    @classmethod
    def _account(cls, folder: Path) -> str | None:  # noqa: ARG003 - the others need it
        """The user to run as, who owns the folder then; None for the one that we are."""
        return None

    @property
    def _running_folder(self) -> Path:
        if self._folder is None:
            raise RuntimeError(f"use {type(self).__name__} in a with block")
        return self._folder.path

    def _url(self, database: str) -> URL:
        return URL.create(self._dialect, _USER, _PASSWORD, "127.0.0.1", self._port, database)

    def _execute(self, statement: str) -> None:
        engine = create_engine(
            self._url(self._first_database),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": 5},
        )
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                return self._execute("SELECT 1")
            except OperationalError as error:
                if process.poll() is None and time.monotonic() < deadline:
                    time.sleep(_POLL_S)
                    continue
                self.kill()
                raise RuntimeError(f"{self.name} did not start: {self.log[-2000:]}") from error

    def _wait_until_gone(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the process and for those that it forked: each holds the lifeline open."""
        process.wait(_STOP_TIMEOUT_S)
        (self._running_folder / "process").unlink()  # the number may be another's from now on
        ended, _, _ = select.select([self._lifeline], [], [], _STOP_TIMEOUT_S)
        if not ended:
            raise RuntimeError(f"processes of {self.name} are still alive")
        os.close(self._lifeline)
        self._process = None

    def _signal_all(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """Signal the process and those that it forked; stopped at first, it forks no more."""
        if process.poll() is not None:
            return  # died by itself: its number may be another's now
        os.kill(process.pid, signal.SIGSTOP)
        for pid in [*_children(process.pid), process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _remove(self) -> None:
        try:
            self.stop()
        finally:
            if self._folder is not None:
                self._folder.remove()
            self._folder = None


class MariaDBServer(DatabaseServer):
    """A MariaDB server of its own.

    Example::

        with MariaDBServer() as server, DatabaseManager.from_url(server.url) as db:
            db.create_experiment("digits")
    """

    name = "mariadb"
    package = "mariadb-server"
    _dialect, _driver, _extra = "mysql+pymysql", "pymysql", "mysql"
    _first_database = "mysql"
    _options_of_new_database = "CHARACTER SET utf8mb4"
    _stop_signal = signal.SIGTERM

    @classmethod
    def _initialize(cls, folder: Path) -> None:
        user = f"{_USER}@'127.0.0.1'"
        rights = folder / "rights.sql"
        rights.write_text(
            "FLUSH PRIVILEGES;\n"  # until then it has no accounts at all
            f"CREATE USER {user} IDENTIFIED BY '{_PASSWORD}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO {user} WITH GRANT OPTION;\n",
            "utf-8",
        )
        program = _find(cls, "mariadb-install-db")
        own = [f"--extra-file={rights}", "--skip-test-db", "--auth-root-socket-user=root"]
        _run([program, *cls._common(folder), *own])

    def _command(self, folder: Path, port: int) -> Sequence[str]:
        return [
            _find(type(self), "mariadbd"),
            *self._common(folder),
            "--bind-address=127.0.0.1",
            f"--port={port}",
            f"--socket={folder / 'socket'}",
            f"--pid-file={folder / 'pid'}",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=2",  # survives our kill; the machine will not fail
            "--innodb-file-per-table=0",  # makes a database in half the time
        ]

    @classmethod
    def _common(cls, folder: Path) -> Sequence[str]:
        # One server deletes the temporary files of another in the same place when it starts.
        temporary = folder / "tmp"
        temporary.mkdir(exist_ok=True)
        own = [
            "--no-defaults",
            f"--datadir={folder / 'data'}",
            f"--tmpdir={temporary}",
            "--innodb-log-file-size=16M",
        ]
        return [*own, "--user=root"] if _is_root() else own

    def _dropping(self, database: str) -> str:
        return f"DROP DATABASE {database}"


class PostgresServer(DatabaseServer):
    """A PostgreSQL server of its own.

    Example::

        with PostgresServer() as server, DatabaseManager.from_url(server.url) as db:
            db.create_experiment("digits")
    """

    name = "postgres"
    package = "postgresql"
    _dialect, _driver, _extra = "postgresql+psycopg", "psycopg", "postgres"
    _first_database = "postgres"
    _stop_signal = signal.SIGINT  # SIGTERM would wait until all clients have gone

    @classmethod
    def _initialize(cls, folder: Path) -> None:
        password = folder / "password"
        password.write_text(_PASSWORD, "utf-8")
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        account = [f"--username={_USER}", f"--pwfile={password}"]
        command = [_find(cls, "initdb"), *options, *account, f"--pgdata={folder / 'data'}"]
        _run(command, cwd=folder, user=cls._account(folder))

    def _command(self, folder: Path, port: int) -> Sequence[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "fsync": "off",  # survives our kill; the machine will not fail
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [_find(type(self), "postgres"), "-D", str(folder / "data"), *options]

    @classmethod
    def _account(cls, folder: Path) -> str | None:
        """PostgreSQL refuses to run as root."""
        for user in ("postgres", "nobody") if _is_root() else ():
            with suppress(LookupError):
                shutil.chown(folder, user)
                return user
        return None

    def _dropping(self, database: str) -> str:
        return f"DROP DATABASE {database} WITH (FORCE)"


@contextmanager
def server_for_tests(kind: type[S]) -> Iterator[S]:
    """A running server for a fixture of pytest.

    Where it is not installed the tests that ask for it are skipped; they fail where
    :data:`REQUIRED` names it.

    Example::

        @pytest.fixture(scope="session")
        def mariadb():
            with server_for_tests(MariaDBServer) as server:
                yield server
    """
    try:
        server = kind().__enter__()
    except MissingDependencyError as error:
        if is_required(kind.name):
            pytest.fail(f"{REQUIRED} names {kind.name}, but: {error}")
        pytest.skip(str(error))
    with _leaving(server):
        yield server


def is_required(name: str) -> bool:
    """Whether the environment asks for this server.

    Example:
        >>> with pytest.MonkeyPatch.context() as patch:
        ...     patch.setenv(REQUIRED, "mariadb")
        ...     is_required("mariadb"), is_required("postgres")
        (True, False)
    """
    asked_for = os.environ.get(REQUIRED, "").replace(" ", "").split(",")
    return name in asked_for or "1" in asked_for


@contextmanager
def _leaving(server: DatabaseServer) -> Iterator[None]:
    try:
        yield
    finally:
        server.__exit__(None, None, None)


@cache
def _template(kind: type[DatabaseServer]) -> Path:
    """The data of a new server, made once for this process: making them takes over a second."""
    folder = _Folder()
    atexit.register(folder.remove)
    kind._initialize(folder.path)  # noqa: SLF001 - a function of the class in all but its cache
    return folder.path / "data"


class _Folder:
    """A private folder; it goes with this process, even if that is killed, and so does its server.

    Attributes:
        path: Where it is.
    """

    def __init__(self) -> None:
        # The name is short: the path of a socket may not be long.
        self.path = Path(tempfile.mkdtemp(prefix="em-", dir=_MEMORY if _has_memory() else None))
        self._guard = subprocess.Popen(  # noqa: S603 - our own command
            ["/bin/sh", "-c", _GUARD, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that Ctrl-C leaves it to us
        )

    def remove(self) -> None:
        """Delete it, and let its guard go."""
        self._guard.kill()
        self._guard.communicate()
        shutil.rmtree(self.path)


def _has_memory() -> bool:
    """Whether the data may lie in memory, which makes a database in a third of the time."""
    is_ours = os.access(_MEMORY, os.W_OK)
    return is_ours and shutil.disk_usage(_MEMORY).free > _MEMORY_NEEDED


def _copy(source: Path, target: Path) -> None:
    """With owners and rights, which the servers insist on."""
    _run(["cp", "-Rp", str(source), str(target)])


def _free_port() -> int:
    while True:
        port = _FIRST_PORT + secrets.randbelow(_LAST_PORT - _FIRST_PORT)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _find(kind: type[DatabaseServer], program: str) -> str:
    """The program, from PATH or where the system's packages put what only servers need."""
    versions = [*Path("/usr/lib").glob("postgresql/*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    versions.sort(key=lambda path: list(map(int, re.findall(r"\d+", str(path)))), reverse=True)
    folders = [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *map(str, versions)]
    found = shutil.which(program, path=os.pathsep.join(folders))
    if found is None:
        raise MissingDependencyError(
            f"{kind.__name__} needs the program {program!r}, which is not installed. "
            f"Install it with: apt-get install {kind.package}"
        )
    return found


def _run(command: Sequence[str], **options: Any) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - our own commands
        command, check=False, capture_output=True, text=True, errors="replace", **options
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def _children(pid: int) -> list[int]:
    lines = _run(["ps", "-A", "-o", "pid=", "-o", "ppid="]).splitlines()
    return [int(child) for child, parent in map(str.split, lines) if int(parent) == pid]


def _is_root() -> bool:
    return os.geteuid() == 0
