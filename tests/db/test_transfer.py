"""A copy of a database has every row as it was, or the target has none."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL, make_url

from experiment_manager.common.errors import DatabaseError, QueryError
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.maintenance import check_database
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRunRow
from experiment_manager.db.transfer import CHUNK_ROWS, TABLES, copy_database
from experiment_manager.testing.servers import MariaDBServer, PostgresServer

ODD_NUMBERS = (math.nan, math.inf, -math.inf, 1 / 3, 5e-324, 1.7976931348623157e308)
PARAMETERS = {"big": 2**70, "nested": {"a": [None, math.nan, "é"]}, "rate": 0.1, "whole": 1.0}


@pytest.fixture
def source(db: DatabaseManager, run: TrialRunRow, file: Path) -> URL:
    """A database with what is hard to copy, and more rows than go at once."""
    db.create_experiment("ümläute 😀", 'with "quotes",\nlines and \\ backslashes')
    db.record_trial_run_parameters(run.id, PARAMETERS)
    points = [MetricPoint(f"metric_{i}", value) for i, value in enumerate(ODD_NUMBERS)]
    labels = {"Katze 🐈": 0.5, "Hund": math.nan}
    db.record_results(run.id, [*points, MetricPoint("acc", None, labels, 2**40)])
    db.record_epoch(run.id, 0, [MetricPoint("loss", 1.0)] * (CHUNK_ROWS + 1))
    db.record_batch(run.id, 0, 3, [MetricPoint("grad_norm", -0.5)])
    return URL.create("sqlite", database=str(file))


@pytest.fixture
def target(tmp_path: Path) -> URL:
    """A database that is not there yet."""
    return URL.create("sqlite", database=str(tmp_path / "copy.db"))


@pytest.fixture(params=["mariadb", "postgres"])
def server_url(request: pytest.FixtureRequest) -> Iterator[URL]:
    """An empty database on a server."""
    server: MariaDBServer | PostgresServer = request.getfixturevalue(request.param)
    url = server.create_database()
    yield make_url(url)
    server.drop_database(url)


def content(url: URL) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table in an SQLite file, as another program sees them."""
    with closing(sqlite3.connect(str(url.database))) as connection:
        return {
            table.name: sorted(connection.execute(f'SELECT * FROM "{table.name}"'), key=repr)
            for table in TABLES
        }


def experiments(url: URL) -> list[str]:
    with DatabaseManager.from_url(url.render_as_string(False), read_only=True) as db:
        return [experiment.title for experiment in db.list_experiments()]


# What is copied.


def test_every_row_is_copied_as_it_is(source: URL, target: URL) -> None:
    done = copy_database(source, target)
    assert content(target) == content(source)
    assert done.rows == {table: len(rows) for table, rows in content(source).items()}
    assert check_database(target) == []


def test_values_are_read_from_the_copy_as_they_were_given(
    source: URL, target: URL, run: TrialRunRow
) -> None:
    copy_database(source, target)
    with DatabaseManager.from_url(str(target), read_only=True) as db:
        *numbers, labelled = db.get_results_metrics(run.id)
        assert [str(metric.total_val) for metric in numbers] == [str(n) for n in ODD_NUMBERS]
        assert repr(labelled.per_label_val) == "{'Katze 🐈': 0.5, 'Hund': nan}"
        assert labelled.step == 2**40
        assert repr(db.get_trial_run_parameters(run.id)) == repr(PARAMETERS)
        assert db.list_experiments()[1].title == "ümläute 😀"


def test_recording_goes_on_in_the_copy(source: URL, target: URL, run: TrialRunRow) -> None:
    copy_database(source, target)
    with DatabaseManager.from_url(str(target)) as db:
        assert db.create_experiment("another one").id == 3
        db.record_epoch(run.id, 1, [MetricPoint("loss", 0.5)])


def test_the_progress_counts_up_to_all_rows(source: URL, target: URL) -> None:
    calls: list[tuple[str, int, int]] = []
    done = copy_database(source, target, lambda *call: calls.append(call))
    counts = [count for _, count, _ in calls]
    assert counts == sorted(counts)
    assert calls[-1][1] == calls[-1][2] == sum(done.rows.values())
    assert [table for table, _, _ in calls].count("METRIC") == 2


def test_what_is_written_meanwhile_is_not_in_the_copy(
    source: URL, target: URL, db: DatabaseManager
) -> None:
    def write(table: str, _done: int, _total: int) -> None:
        db.create_experiment(f"during {table}, {len(db.list_experiments())}")

    before = content(source)
    copy_database(source, target, write)
    assert content(target) == before
    assert len(experiments(source)) > 2


def test_journals_are_left_out_and_counted(
    source: URL, target: URL, db: DatabaseManager, run: TrialRunRow, tmp_path: Path
) -> None:
    db.register_journal(tmp_path / "run_1.journal", run.id)
    assert copy_database(source, target).journals_left_out == 1
    with DatabaseManager.from_url(str(target), read_only=True) as copy:
        assert copy.list_journals() == []


# What is refused.


def test_a_target_with_experiments_is_refused(source: URL, target: URL) -> None:
    with DatabaseManager.from_url(str(target)) as db:
        db.create_experiment("of somebody else")
    with pytest.raises(QueryError, match=r"copy\.db holds experiments already .*new or empty"):
        copy_database(source, target)
    assert experiments(target) == ["of somebody else"]


def test_a_database_is_not_copied_to_itself(source: URL) -> None:
    before = content(source)
    with pytest.raises(QueryError, match="holds experiments already"):
        copy_database(source, source)
    assert content(source) == before


def test_a_failure_leaves_an_empty_target(source: URL, target: URL) -> None:
    with closing(sqlite3.connect(str(source.database))) as connection, connection:
        connection.execute("DELETE FROM TRIAL_RUN")  # without foreign keys: its results stay
    with pytest.raises(DatabaseError, match=r"copying .* to .*FOREIGN KEY"):
        copy_database(source, target)
    assert not any(content(target).values())


# Servers.


def test_a_server_gives_back_what_it_was_given(source: URL, server_url: URL, target: URL) -> None:
    copy_database(source, server_url)
    copy_database(server_url, target)
    assert content(target) == content(source)


def test_a_server_goes_on_with_the_next_ids(
    source: URL, server_url: URL, run: TrialRunRow
) -> None:
    copy_database(source, server_url)
    with DatabaseManager.from_url(server_url.render_as_string(False)) as db:
        assert db.create_experiment("another one").id == 3
        db.record_epoch(run.id, 1, [MetricPoint("loss", 0.5)])
        assert db.get_epoch_history(run.id)[-1][1].total_val == 0.5


def test_the_first_id_of_an_empty_table_on_a_server_is_1(
    db: DatabaseManager, file: Path, server_url: URL
) -> None:
    assert db.list_experiments() == []
    copy_database(URL.create("sqlite", database=str(file)), server_url)
    with DatabaseManager.from_url(server_url.render_as_string(False)) as copy:
        assert copy.create_experiment("the first one").id == 1
