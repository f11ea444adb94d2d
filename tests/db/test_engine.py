"""Opening a database: made where it is missing, refused where it is not ours to open."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from experiment_manager.db.manager import (
    ConnectionError,  # noqa: A004 - the contract's name
    DatabaseManager,
    QueryError,
    database_exists,
    hide_password,
)
from experiment_manager.db.schema import SCHEMA_VERSION

Rows = Callable[..., list[tuple[Any, ...]]]

CORE = {"EXPERIMENT", "TRIAL", "TRIAL_RUN", "RESULTS", "EPOCH", "METRIC", "ARTIFACT"}
JUNCTIONS = {
    "EXPERIMENT_ARTIFACT", "TRIAL_ARTIFACT", "TRIAL_RUN_ARTIFACT", "RESULTS_METRIC",
    "RESULTS_ARTIFACT", "EPOCH_METRIC", "EPOCH_ARTIFACT",
}  # fmt: skip


@pytest.mark.usefixtures("db")
def test_a_new_database_has_the_tables_of_the_specification(rows: Rows) -> None:
    tables = {name for (name,) in rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables >= CORE | JUNCTIONS
    assert rows("SELECT version_num FROM experiment_manager_version") == [(SCHEMA_VERSION,)]


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("EXPERIMENT", {"id", "title", "description", "start_time", "update_time"}),
        ("TRIAL", {"id", "name", "experiment_id", "start_time", "update_time"}),
        ("TRIAL_RUN", {"id", "trial_id", "status", "start_time", "update_time"}),
        ("RESULTS", {"trial_run_id", "time"}),
        ("EPOCH", {"idx", "trial_run_id", "time"}),
        ("METRIC", {"id", "type", "total_val", "per_label_val"}),
        ("ARTIFACT", {"id", "type", "location"}),
        ("EXPERIMENT_ARTIFACT", {"experiment_id", "artifact_id"}),
        ("TRIAL_RUN_ARTIFACT", {"trial_run_id", "artifact_id"}),
        ("RESULTS_METRIC", {"trial_run_id", "metric_id"}),
        ("EPOCH_METRIC", {"epoch_idx", "trial_run_id", "metric_id"}),
        ("EPOCH_ARTIFACT", {"epoch_idx", "trial_run_id", "artifact_id"}),
    ],
)
def test_a_table_has_the_columns_of_the_specification(
    rows: Rows, table: str, columns: set[str]
) -> None:
    assert {column[1] for column in rows(f"PRAGMA table_info({table})")} >= columns


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("foreign_keys", 1),
        ("synchronous", 1),
        ("busy_timeout", 30_000),
    ],
)
def test_a_connection_is_set_up_for_many_writers(
    db: DatabaseManager, pragma: str, value: Any
) -> None:
    assert db._engine is not None
    with db._engine.connect() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_missing_folders_are_made(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b c" / "it's 100% (new)?.db"
    with DatabaseManager(str(file), use_sqlite=True) as db:
        db.create_experiment("digits")
    assert file.is_file()
    with DatabaseManager(str(file), use_sqlite=True, read_only=True) as db:
        assert [experiment.title for experiment in db.list_experiments()] == ["digits"]


def test_a_database_opened_again_has_its_rows(file: Path) -> None:
    with DatabaseManager(str(file), use_sqlite=True) as db:
        experiment = db.create_experiment("digits", "kept")
    with DatabaseManager.from_url(f"sqlite:///{file}") as db:
        assert db.list_experiments() == [experiment]


def test_deleting_an_experiment_deletes_what_hangs_on_it(db: DatabaseManager, rows: Rows) -> None:
    trial = db.create_trial(db.create_experiment("digits").id, "small")
    db.create_epoch(1, db.create_trial_run(trial.id).id)
    assert db._engine is not None
    with db._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM EXPERIMENT")
    counts = [rows(f"SELECT COUNT(*) FROM {table}") for table in ("TRIAL", "TRIAL_RUN", "EPOCH")]
    assert counts == [[(0,)]] * 3


def test_read_only_reads_and_refuses_to_write(db: DatabaseManager, file: Path) -> None:
    experiment = db.create_experiment("digits")
    with DatabaseManager(str(file), use_sqlite=True, read_only=True) as reader:
        assert reader.list_experiments() == [experiment]
        with pytest.raises(QueryError, match="read-only"):
            reader.create_trial(experiment.id, "small")
        with pytest.raises(QueryError, match="read-only"), reader.transaction():
            pass


def test_read_only_is_kept_by_the_file_too(db: DatabaseManager, file: Path) -> None:
    db.create_experiment("digits")
    with DatabaseManager(str(file), use_sqlite=True, read_only=True) as reader:
        assert reader._engine is not None
        with (
            reader._engine.connect().execution_options(experiment_manager_reading=True) as raw,
            pytest.raises(OperationalError, match="readonly"),
        ):
            raw.exec_driver_sql("DELETE FROM EXPERIMENT")
    assert len(db.list_experiments()) == 1


def test_read_only_makes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "experiments.db"
    with pytest.raises(ConnectionError, match="no such file"):
        DatabaseManager(str(file), use_sqlite=True, read_only=True)
    assert not database_exists(f"sqlite:///{file}")
    assert list(tmp_path.iterdir()) == []


def test_read_only_makes_no_tables(file: Path) -> None:
    file.touch()
    with pytest.raises(ConnectionError, match="not a database of Experiment Manager"):
        DatabaseManager(str(file), use_sqlite=True, read_only=True)
    assert file.stat().st_size == 0


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_database_is_refused_and_left_as_it_is(
    db: DatabaseManager, file: Path, rows: Rows, read_only: bool
) -> None:
    db.close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE experiment_manager_version SET version_num = '0999'")
    with pytest.raises(ConnectionError, match=r"'0999'.*update experiment-manager"):
        DatabaseManager(str(file), use_sqlite=True, read_only=read_only)
    assert rows("SELECT version_num FROM experiment_manager_version") == [("0999",)]


def test_a_file_that_is_no_database_is_refused(file: Path) -> None:
    file.write_bytes(b"name: digits\n" * 500)
    with pytest.raises(ConnectionError, match=r"experiments\.db.*not a database") as raised:
        DatabaseManager(str(file), use_sqlite=True)
    assert raised.value.__cause__ is not None


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="unable to open"):
        DatabaseManager(str(tmp_path), use_sqlite=True)


def test_a_folder_that_cannot_be_made_is_a_connection_error(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(ConnectionError, match="taken"):
        DatabaseManager(str(tmp_path / "taken" / "experiments.db"), use_sqlite=True)


@pytest.mark.parametrize(
    "url",
    [
        "mysql+pymysql://user:s3cret@127.0.0.1:1/name",
        "nosuchdatabase://user:s3cret@host/name",
        "mysql+pymysql://user:s3cret@host:port/name",
        "user:s3cret@host",
    ],
)
def test_no_error_shows_the_password(url: str) -> None:
    with pytest.raises(ConnectionError) as raised:
        DatabaseManager.from_url(url)
    assert "s3cret" not in str(raised.value)


def test_a_server_is_asked_for_with_its_parts_but_shown_without_the_password() -> None:
    with pytest.raises(ConnectionError, match=r"mysql\+pymysql://ml_user:\*\*\*@127\.0\.0\.1:1/"):
        DatabaseManager("name", host="127.0.0.1", user="ml_user", password="s3cret", port=1)


def test_a_url_is_shown_without_its_password() -> None:
    assert hide_password("mysql://me:s3cret@host/name") == "mysql://me:***@host/name"


def test_a_manager_shows_where_it_is(db: DatabaseManager, file: Path) -> None:
    assert db.url == f"sqlite:///{file}"
    assert repr(db) == f"DatabaseManager('sqlite:///{file}', read_only=False)"


OPEN_AND_WRITE = """
import sys
from experiment_manager.db.manager import DatabaseManager, MetricPoint

file, trial_name = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
with DatabaseManager(file, use_sqlite=True) as db:
    trial = db.create_trial(db.create_experiment("digits").id, trial_name)
    run = db.create_trial_run(trial.id, "running")
    for epoch in range(20):
        db.record_epoch(run.id, epoch, [MetricPoint("loss", 1.0), MetricPoint("acc", 0.5)])
"""


def test_processes_that_open_one_new_file_at_once_all_write(tmp_path: Path) -> None:
    file = tmp_path / "new" / "experiments.db"
    commands = [
        [sys.executable, "-c", OPEN_AND_WRITE, str(file), f"trial_{number % 2}"]
        for number in range(6)
    ]
    pipe = subprocess.PIPE
    writers = [
        subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe)
        for command in commands
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:  # all at once
        assert writer.stdin is not None
        os.write(writer.stdin.fileno(), b"\n")
    assert [(writer.communicate()[1], writer.returncode) for writer in writers] == [("", 0)] * 6
    with DatabaseManager(str(file), use_sqlite=True) as db:
        runs = db.list_runs(1)
        assert len(db.list_experiments()) == 1
        assert sorted((t.name, run.number) for t, run in runs) == [
            (f"trial_{trial}", number) for trial in range(2) for number in (1, 2, 3)
        ]
        assert {len(db.get_epoch_history(run.id)) for _, run in runs} == {40}


def test_readers_and_writers_do_not_wait_for_each_other(db: DatabaseManager, file: Path) -> None:
    db.create_experiment("before")
    with DatabaseManager(str(file), use_sqlite=True, read_only=True) as reader:
        with db.transaction():
            db.create_experiment("within")
            seen = [experiment.title for experiment in reader.list_experiments()]
        assert seen == ["before"]
        assert len(reader.list_experiments()) == 2
