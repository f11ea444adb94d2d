"""The servers that tests run on die and come back, and are missed where they must be there."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_manager.common.errors import MissingDependencyError
from experiment_manager.db.manager import ConnectionError, DatabaseManager  # noqa: A004
from experiment_manager.testing import processes, servers
from experiment_manager.testing.servers import (
    REQUIRED,
    DatabaseServer,
    MariaDBServer,
    PostgresServer,
    server_for_tests,
)

PATIENCE_S = 60
KINDS = (MariaDBServer, PostgresServer)


@pytest.fixture(params=[kind.name for kind in KINDS])
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    found: DatabaseServer = request.getfixturevalue(request.param)
    return found


def test_each_database_is_new_and_empty(server: DatabaseServer) -> None:
    urls = [server.create_database() for _ in range(2)]
    assert len({*urls, server.url}) == 3
    with DatabaseManager.from_url(urls[0]) as one, DatabaseManager.from_url(urls[1]) as two:
        one.create_experiment("digits")
        assert two.list_experiments() == []


def test_a_dropped_database_is_gone_even_while_it_is_open(server: DatabaseServer) -> None:
    url = server.create_database()
    with DatabaseManager.from_url(url):
        server.drop_database(url)
    with pytest.raises(ConnectionError):
        DatabaseManager.from_url(url)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_was_committed_is_there_after_the_next_start(
    server: DatabaseServer, end: str
) -> None:
    url = server.create_database()
    with DatabaseManager.from_url(url) as db:
        db.create_experiment("digits")
        getattr(server, end)()
        try:
            assert not server.is_running
            with pytest.raises(ConnectionError):
                db.list_experiments()
        finally:
            server.start()
        assert [experiment.title for experiment in db.list_experiments()] == ["digits"]


def test_a_paused_server_answers_when_it_is_resumed(server: DatabaseServer) -> None:
    server.pause()
    server.resume()
    server.drop_database(server.create_database())


@pytest.mark.parametrize("has_memory", [False, True])
def test_it_leaves_no_file_behind(monkeypatch: pytest.MonkeyPatch, has_memory: bool) -> None:
    monkeypatch.setattr(processes, "_has_memory", lambda: has_memory)
    with server_for_tests(MariaDBServer) as server:
        folder = server._running_folder
        assert (folder.parent == processes._MEMORY) == has_memory
    assert not folder.exists()


START_AND_WAIT = """
import sys
from experiment_manager.testing import servers

with getattr(servers, sys.argv[1])() as server:
    print(server.url, server._running_folder, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_test_run_that_is_killed_leaves_no_server_and_no_file(
    kind: type[DatabaseServer],
) -> None:
    with server_for_tests(kind):
        pass  # it is installed
    command = [sys.executable, "-c", START_AND_WAIT, kind.__name__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        url, folder = run.stdout.readline().split()
        DatabaseManager.from_url(url).close()
        run.kill()
    deadline = time.monotonic() + PATIENCE_S
    while Path(folder).exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(ConnectionError):
        DatabaseManager.from_url(url)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("required", "outcome"),
    [("", pytest.skip.Exception), ("{}", pytest.fail.Exception), ("1", pytest.fail.Exception)],
)
def test_one_that_is_not_installed_skips_or_fails_and_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[DatabaseServer],
    required: str,
    outcome: type[BaseException],
) -> None:
    monkeypatch.setenv(REQUIRED, f"other, {required.format(kind.name)}")
    monkeypatch.setattr(servers, "_template", _is_missing(kind))
    with pytest.raises(outcome, match=f"apt-get install {kind.package}"), server_for_tests(kind):
        pass


def _is_missing(kind: type[DatabaseServer]) -> Callable[[object], Path]:
    def template(_kind: object) -> Path:
        raise MissingDependencyError(f"Install it with: apt-get install {kind.package}")

    return template
