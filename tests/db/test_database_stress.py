"""Every database there is bears what it must, and the suite can tell one that does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiment_manager.testing.database_stress_contract import DatabaseStressContract
from experiment_manager.testing.servers import MariaDBServer, PostgresServer


class TestSQLite(DatabaseStressContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'experiments.db'}"


class TestMariaDB(DatabaseStressContract):
    @pytest.fixture
    def url(self, mariadb: MariaDBServer) -> Iterator[str]:
        url = mariadb.create_database()
        yield url
        mariadb.drop_database(url)


class TestPostgreSQL(DatabaseStressContract):
    @pytest.fixture
    def url(self, postgres: PostgresServer) -> Iterator[str]:
        url = postgres.create_database()
        yield url
        postgres.drop_database(url)


BROKEN = """
import pytest
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.testing.database_stress_contract import DatabaseStressContract

DatabaseManager.__repr__ = lambda self: "no password"
DatabaseManager.create_epoch = lambda self, *given: None


class TestBroken(DatabaseStressContract):
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'experiments.db'}"
"""


def test_the_suite_finds_what_a_broken_database_does_wrong(
    failures_of: Callable[[str], set[str]],
) -> None:
    assert failures_of(BROKEN) == {
        "test_a_call_that_is_refused_takes_nothing_else_with_it",
        "test_an_inner_transaction_that_is_left_by_an_error_leaves_the_outer_one",
        "test_what_no_column_holds_is_refused_and_named",
        "test_its_password_is_shown_nowhere",
    }


def test_the_suite_asks_for_a_database(failures_of: Callable[[str], set[str]]) -> None:
    source = (
        "from experiment_manager.testing.database_stress_contract import DatabaseStressContract\n"
        "class TestNothing(DatabaseStressContract): pass\n"
    )
    assert "test_writers_at_once_lose_nothing" in failures_of(source)
