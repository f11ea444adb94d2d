"""A database of an older version is upgraded as a whole or not at all, and never unasked for."""

from __future__ import annotations

import logging
import math
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import URL, make_url

from experiment_manager.common.errors import ConnectionError  # noqa: A004 - the contract's name
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db import engine as engine_module
from experiment_manager.db.engine import open_as_it_is, writing
from experiment_manager.db.maintenance import (
    check_database,
    describe_database,
    upgrade_database,
)
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.schema import SCHEMA_VERSION, VERSION, metadata
from experiment_manager.db.upgrade import Upgrade
from experiment_manager.testing.servers import MariaDBServer, PostgresServer

Rows = Callable[..., list[tuple[Any, ...]]]

ASSETS = Path(__file__).parent / "assets"
VERSION_1 = ASSETS / "version_1.db"
DROPPED = "heartbeat"  # a column that nothing was ever written into
OPENING = """
import sys

from experiment_manager.db.manager import DatabaseManager

print("ready", flush=True)
sys.stdin.readline()
DatabaseManager(sys.argv[1], use_sqlite=True).close()
"""


@pytest.fixture(params=["1", "2"])
def version(request: pytest.FixtureRequest) -> str:
    """Every version before this one."""
    return str(request.param)


@pytest.fixture
def old(file: Path, version: str) -> Path:
    """A database as an older version of the schema left it: two trials of two runs."""
    shutil.copyfile(ASSETS / f"version_{version}.db", file)
    return file


@pytest.fixture
def first(file: Path) -> Path:
    """A database as the first version left it."""
    shutil.copyfile(VERSION_1, file)
    return file


def content(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the tables and columns that version 1 has, but for the version itself."""
    listing = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = upper(name)"
    with closing(sqlite3.connect(VERSION_1)) as first:
        columns = {
            table: [row[1] for row in first.execute(f'PRAGMA table_info("{table}")')]
            for (table,) in first.execute(listing)
        }
    with closing(sqlite3.connect(file)) as connection:
        return {
            table: sorted(
                connection.execute(
                    f'SELECT {", ".join(n for n in names if n != DROPPED)} FROM "{table}"'
                ),
                key=repr,
            )
            for table, names in columns.items()
        }


def dump(file: Path) -> list[str]:
    """Everything in it, as statements."""
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def structure(file: Path) -> dict[str, list[list[Any]]]:
    """The columns, indexes and foreign keys of its tables, and which have no row ids."""
    with closing(sqlite3.connect(file)) as connection:
        tables = connection.execute("SELECT name, wr, type FROM pragma_table_list").fetchall()
        return {
            f"{table} {is_without_row_id}": [
                sorted(row[1:] for row in connection.execute(f'PRAGMA {kind}("{table}")'))
                for kind in ("table_info", "index_list", "foreign_key_list")
            ]
            for table, is_without_row_id, kind in tables
            if kind == "table"
        }


def open_for_writing(file: Path) -> None:
    DatabaseManager(str(file), use_sqlite=True).close()


def backups(file: Path) -> list[str]:
    return sorted(path.name for path in file.parent.glob("*.bak"))


# What becomes of it.


def test_opening_it_for_writing_upgrades_it(old: Path, rows: Rows) -> None:
    open_for_writing(old)
    assert rows("SELECT version_num FROM experiment_manager_version") == [(SCHEMA_VERSION,)]


def test_the_content_stays_as_it_was(old: Path) -> None:
    before = content(old)
    assert len(before["METRIC"]) == 58
    open_for_writing(old)
    assert content(old) == before


def test_it_is_read_like_a_new_one(old: Path) -> None:
    with DatabaseManager(str(old), use_sqlite=True) as db:
        experiment = db.list_experiments()[0]
        assert experiment.description.endswith('better? 😀 "quoted"')
        history = [metric for _, metric in db.get_epoch_history(1)]
        assert math.isnan(next(m.total_val for m in history if m.type == "val_loss") or 0)
        assert history[2].per_label_val == {"cat": 0.5, "dog": math.inf}
        assert db.get_trial_run_parameters(1)["hidden_layers"] == [64, 32]


def test_its_tables_are_those_of_a_new_database(old: Path, tmp_path: Path) -> None:
    open_for_writing(old)
    new = tmp_path / "new.db"
    open_for_writing(new)
    assert structure(old) == structure(new)


def test_the_checks_find_nothing_in_it(old: Path) -> None:
    open_for_writing(old)
    assert check_database(URL.create("sqlite", database=str(old))) == []


def test_the_latest_metrics_are_taken_from_the_histories(first: Path, rows: Rows) -> None:
    with closing(sqlite3.connect(first)) as connection, connection:
        last_loss = "UPDATE METRIC SET total_val = NULL, non_finite = '-inf' WHERE id = 11"
        connection.execute(last_loss)
    open_for_writing(first)
    found = rows("SELECT * FROM LATEST_METRIC WHERE trial_run_id = 1 ORDER BY type")
    assert found == [
        (1, "confusion", 0.5, None, None),
        (1, "grad_norm", 5.5, None, 2),
        (1, "test_acc", 0.91, None, None),
        (1, "train_loss", 1 / 3, None, 2),
        (1, "val_loss", None, "-inf", 2),
    ]
    assert rows("SELECT count(DISTINCT trial_run_id) FROM LATEST_METRIC") == [(4,)]


def test_recording_goes_on_in_it(old: Path, rows: Rows) -> None:
    with DatabaseManager(str(old), use_sqlite=True) as db:
        run = db.start_trial_run(1, number=3, seed=2, config_hash="abc")
        db.record_results(run.id, [MetricPoint("test_acc", 0.95)])
    latest = rows("SELECT type, total_val FROM LATEST_METRIC WHERE trial_run_id = ?", run.id)
    assert latest == [("test_acc", 0.95)]


# The backup.


def test_a_backup_equals_the_original(old: Path, version: str) -> None:
    before = dump(old)
    open_for_writing(old)
    assert backups(old) == [f"experiments.db.version_{version}.bak"]
    assert dump(old.with_name(f"experiments.db.version_{version}.bak")) == before


def test_a_backup_overwrites_none(first: Path) -> None:
    before = first.with_name("experiments.db.version_1.bak")
    before.write_text("of another day")
    open_for_writing(first)
    assert before.read_text() == "of another day"
    assert backups(first) == ["experiments.db.version_1.2.bak", "experiments.db.version_1.bak"]


def test_opening_it_again_makes_no_other_one(old: Path) -> None:
    open_for_writing(old)
    open_for_writing(old)
    assert len(backups(old)) == 1


# A failure.


def test_a_failure_in_the_middle_leaves_it_as_it_was(old: Path, version: str) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("CREATE TABLE SNAPSHOT (text TEXT)")  # somebody else's
    before = dump(old)
    failure = rf"from version {version} to {SCHEMA_VERSION} failed.*SNAPSHOT.*left as it"
    with pytest.raises(ConnectionError, match=failure):
        open_for_writing(old)
    assert dump(old) == before
    assert backups(old) == []


def test_an_upgrade_whose_result_is_wrong_is_taken_back(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("DELETE FROM TRIAL WHERE id = 2")  # without foreign keys: runs stay
    before = dump(old)
    with pytest.raises(ConnectionError, match=r"TRIAL_RUN: 2 rows refer to no TRIAL"):
        open_for_writing(old)
    assert dump(old) == before
    assert backups(old) == []


# On a server.


# What each version has added.
ADDED = {
    "2": ({}, ("LATEST_METRIC", "TRIAL_RUN_PROVENANCE", "JOURNAL")),
    "3": (
        {
            "EXPERIMENT": ("note", "workspace"),
            "TRIAL": ("note",),
            "TRIAL_RUN": ("note", "reason"),
        },
        (
            *("TRIAL_RUN_ATTEMPT", "ARCHIVED_RUN", "LEASE", "TRIAL_RUN_TAG"),
            *("TRIAL_RUN_SNAPSHOT", "SNAPSHOT"),
        ),
    ),
}


def downgrade(connection: Connection, version: str) -> None:
    """Make the tables of an older version of those of this one."""
    quote = connection.dialect.identifier_preparer.quote
    for columns, tables in (ADDED[later] for later in sorted(ADDED) if later > version):
        metadata.drop_all(connection, [metadata.tables[table] for table in tables])
        for table, names in columns.items():
            for name in names:
                connection.exec_driver_sql(f"ALTER TABLE {quote(table)} DROP COLUMN {name}")
    table = quote("TRIAL_RUN")
    connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {DROPPED} TIMESTAMP NULL")
    connection.execute(VERSION.update().values(version_num=version))


@pytest.fixture(params=["mariadb", "postgres"])
def server_url(request: pytest.FixtureRequest, version: str) -> Iterator[URL]:
    """A database as an older version left it on a server, with a run and its metrics."""
    server: MariaDBServer | PostgresServer = request.getfixturevalue(request.param)
    url = make_url(server.create_database())
    with DatabaseManager.from_url(url.render_as_string(False)) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small")
        run = db.create_trial_run(trial.id, status="completed")
        db.record_epoch(run.id, 0, [MetricPoint("loss", 1.0), MetricPoint("acc", math.nan)])
        db.record_epoch(run.id, 1, [MetricPoint("loss", 0.5)])
    engine = open_as_it_is(url, read_only=False)
    with writing(engine) as connection:
        downgrade(connection, version)
    engine.dispose()
    yield url
    server.drop_database(url.render_as_string(False))


def test_the_command_upgrades_a_server(server_url: URL, version: str) -> None:
    assert upgrade_database(server_url) == Upgrade(version, SCHEMA_VERSION, None)
    assert check_database(server_url) == []
    with DatabaseManager.from_url(server_url.render_as_string(False)) as db:
        latest = db.get_latest_columns(db.list_experiments()[0].id)
    assert latest.type == ["acc", "loss"]
    assert repr(latest.value) == "[nan, 0.5]"


def test_a_server_is_not_upgraded_by_opening_it(server_url: URL, version: str) -> None:
    with pytest.raises(ConnectionError, match=r"db upgrade '[a-z+]+://\w+:\*\*\*@"):
        DatabaseManager.from_url(server_url.render_as_string(False))
    assert describe_database(server_url).version == version


# When it is not upgraded.


def test_a_newer_version_is_refused_with_the_remedy(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE experiment_manager_version SET version_num = '99'")
    before = dump(old)
    with pytest.raises(ConnectionError, match=rf"'99'.* knows '{SCHEMA_VERSION}'; update exp"):
        open_for_writing(old)
    assert dump(old) == before


def test_opening_it_for_reading_does_not_upgrade_but_says_how(old: Path) -> None:
    before = old.read_bytes()
    with pytest.raises(ConnectionError) as raised:
        DatabaseManager(str(old), use_sqlite=True, read_only=True)
    assert f"experiment-manager db upgrade {old}" in str(raised.value)
    assert old.read_bytes() == before
    assert backups(old) == []


# Several processes.


def test_processes_that_open_it_at_once_all_succeed(old: Path, rows: Rows) -> None:
    command = [sys.executable, "-W", "error", "-c", OPENING, str(old)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 4
    assert rows("SELECT version_num FROM experiment_manager_version") == [(SCHEMA_VERSION,)]
    assert len(backups(old)) == 1


class _Release(logging.Handler):
    """Lets go of a file when somebody says that they wait for it."""

    def __init__(self, holder: sqlite3.Connection) -> None:
        super().__init__()
        self._holder = holder

    def emit(self, record: logging.LogRecord) -> None:
        assert "Waiting for another process" in record.getMessage()
        self._holder.rollback()


def test_an_upgrade_waits_for_whoever_has_the_file(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_S", 0.05)
    logger = logging.getLogger(engine_module.__name__)
    with closing(sqlite3.connect(old, isolation_level=None, check_same_thread=False)) as holder:
        handler = _Release(holder)
        holder.execute("PRAGMA journal_mode=WAL")
        holder.execute("BEGIN IMMEDIATE")
        logger.addHandler(handler)
        try:
            open_for_writing(old)
        finally:
            logger.removeHandler(handler)
    assert len(backups(old)) == 1


def test_a_file_of_this_version_is_opened_as_it_is(tmp_path: Path) -> None:
    """The one that the next version will be upgraded from."""
    file = tmp_path / "experiments.db"
    shutil.copy(ASSETS / f"version_{SCHEMA_VERSION}.db", file)
    before = dump(file)
    with DatabaseManager(str(file), use_sqlite=True) as db:
        assert [experiment.title for experiment in db.list_experiments()] == ["digits"]
    assert dump(file) == before
    assert backups(file) == []
