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
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Protocol, TypeVar

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from experiment_manager.common.errors import MissingDependencyError
from experiment_manager.common.imports import require
from experiment_manager.testing.processes import (
    PrivateFolder,
    children_of,
    copy_with_owners,
    free_port,
    is_root,
    run_command,
)

S = TypeVar("S", bound="DatabaseServer")
T = TypeVar("T", bound="ServerForTests")

REQUIRED = "EXPERIMENT_MANAGER_REQUIRE_SERVERS"
"""Environment variable: the servers that must be there (``mariadb,postgres``), or 1 for all."""

# Not secret from the tests; from other users of this machine.
_USER, _PASSWORD = "experimenter", secrets.token_hex(12)
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 60.0
_POLL_S = 0.02


class ServerForTests(Protocol):
    """A server that lives inside of a ``with`` block; entering raises where it is not installed.

    Attributes:
        name: As :data:`REQUIRED` names it.
    """

    name: ClassVar[str]

    def __enter__(self) -> Any: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


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
        self._folder: PrivateFolder | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._port = 0
        self._numbers = count(1)

    def __enter__(self: S) -> S:  # noqa: PYI019 - Self wants Python 3.11
        require(self._driver, self._extra, type(self).__name__)
        template = _template(type(self))
        self._folder, self._port = PrivateFolder(), free_port()
        try:
            self._account(self._running_folder)
            copy_with_owners(template, self._running_folder / "data")
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
        for pid in [*children_of(process.pid), process.pid]:
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
        run_command([program, *cls._common(folder), *own])

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
        return [*own, "--user=root"] if is_root() else own

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
        run_command(command, cwd=folder, user=cls._account(folder))

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
        for user in ("postgres", "nobody") if is_root() else ():
            with suppress(LookupError):
                shutil.chown(folder, user)
                return user
        return None

    def _dropping(self, database: str) -> str:
        return f"DROP DATABASE {database} WITH (FORCE)"


@contextmanager
def server_for_tests(kind: type[T]) -> Iterator[T]:
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
        server: T = kind().__enter__()
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
def _leaving(server: ServerForTests) -> Iterator[None]:
    try:
        yield
    finally:
        server.__exit__(None, None, None)


@cache
def _template(kind: type[DatabaseServer]) -> Path:
    """The data of a new server, made once for this process: making them takes over a second."""
    folder = PrivateFolder()
    atexit.register(folder.remove)
    kind._initialize(folder.path)  # noqa: SLF001 - a function of the class in all but its cache
    return folder.path / "data"


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
