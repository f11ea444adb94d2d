"""The database contract, over every backend there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from experiment_manager.db.manager import ConnectionError, DatabaseManager  # noqa: A004
from experiment_manager.testing.database_archive_contract import DatabaseArchiveContract
from experiment_manager.testing.database_contract import DatabaseContract
from experiment_manager.testing.database_lease_contract import DatabaseLeaseContract
from experiment_manager.testing.database_mark_contract import DatabaseMarkContract
from experiment_manager.testing.database_refusal_contract import DatabaseRefusalContract
from experiment_manager.testing.servers import DatabaseServer, MariaDBServer, PostgresServer


class _OnSQLite:
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'experiments.db'}"


class _OnMariaDB:
    @pytest.fixture
    def url(self, mariadb: MariaDBServer) -> Iterator[str]:
        url = mariadb.create_database()
        yield url
        mariadb.drop_database(url)


class _OnPostgreSQL:
    @pytest.fixture
    def url(self, postgres: PostgresServer) -> Iterator[str]:
        url = postgres.create_database()
        yield url
        postgres.drop_database(url)


class TestSQLite(_OnSQLite, DatabaseContract):
    pass


class TestMariaDB(_OnMariaDB, DatabaseContract):
    pass


class TestPostgreSQL(_OnPostgreSQL, DatabaseContract):
    pass


class TestSQLiteRefusals(_OnSQLite, DatabaseRefusalContract):
    pass


class TestMariaDBRefusals(_OnMariaDB, DatabaseRefusalContract):
    pass


class TestPostgreSQLRefusals(_OnPostgreSQL, DatabaseRefusalContract):
    pass


class TestSQLiteArchive(_OnSQLite, DatabaseArchiveContract):
    pass


class TestMariaDBArchive(_OnMariaDB, DatabaseArchiveContract):
    pass


class TestPostgreSQLArchive(_OnPostgreSQL, DatabaseArchiveContract):
    pass


class TestSQLiteLeases(_OnSQLite, DatabaseLeaseContract):
    pass


class TestMariaDBLeases(_OnMariaDB, DatabaseLeaseContract):
    pass


class TestPostgreSQLLeases(_OnPostgreSQL, DatabaseLeaseContract):
    pass


class TestSQLiteMarks(_OnSQLite, DatabaseMarkContract):
    pass


class TestMariaDBMarks(_OnMariaDB, DatabaseMarkContract):
    pass


class TestPostgreSQLMarks(_OnPostgreSQL, DatabaseMarkContract):
    pass


@pytest.mark.parametrize("name", ["mariadb", "postgres"])
def test_a_wrong_password_is_shown_nowhere(name: str, request: pytest.FixtureRequest) -> None:
    server: DatabaseServer = request.getfixturevalue(name)
    url = make_url(server.url).set(password="pa55w0rd").render_as_string(hide_password=False)
    with pytest.raises(ConnectionError) as raised:
        DatabaseManager.from_url(url)
    error: BaseException | None = raised.value
    while error is not None:
        assert "pa55w0rd" not in f"{error!r} {error}"
        error = error.__cause__


def test_the_specifications_arguments_open_a_server(mariadb: MariaDBServer) -> None:
    url = make_url(mariadb.create_database())
    with DatabaseManager(
        database_path=str(url.database),
        host=str(url.host),
        user=str(url.username),
        password=str(url.password),
        port=int(url.port or 0),
    ) as db:
        assert db.create_experiment("CIFAR-10", "architectures").id == 1
        assert str(url.password) not in repr(db)


@pytest.mark.parametrize(("driver", "extra"), [("mysql+missing", "mysql"), ("nosuch", "nosuch")])
def test_a_missing_driver_is_named(driver: str, extra: str) -> None:
    with pytest.raises(ConnectionError, match=extra):
        DatabaseManager.from_url(f"{driver}://user:pa55w0rd@127.0.0.1/x")


def test_a_server_that_is_not_there_is_an_error_without_the_password() -> None:
    url = "mysql+pymysql://user:pa55w0rd@127.0.0.1:1/experiments"
    with pytest.raises(
        ConnectionError, match=r"mysql\+pymysql://user:\*\*\*@127.0.0.1:1"
    ) as raised:
        DatabaseManager.from_url(url)
    assert "pa55w0rd" not in str(raised.value)
