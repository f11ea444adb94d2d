"""MLflow's SQLite file is there as a whole or not at all, and knows when it was moved."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.trackers.plugins.mlflow_database import bring_along, create_database


def migrate(uri: str) -> None:
    Path(uri.removeprefix("sqlite:///")).write_text("tables")


def test_the_file_gets_its_name_when_it_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "new" / "mlflow.db"

    def look_and_migrate(uri: str) -> None:
        migrate(uri)
        assert not file.exists()

    create_database(f"sqlite:///{file}", look_and_migrate)
    assert file.read_text() == "tables"
    assert list(file.parent.iterdir()) == [file]


def test_one_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(uri: str) -> None:
        migrate(uri)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_database(f"sqlite:///{tmp_path / 'mlflow.db'}", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_quicker_process_keeps_what_it_has_made(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"

    def migrate_too_late(uri: str) -> None:
        migrate(uri)
        file.write_text("already in use")

    create_database(f"sqlite:///{file}", migrate_too_late)
    assert file.read_text() == "already in use"


@pytest.mark.parametrize("uri", ["http://localhost:5000", "sqlite:///", "mysql://me@host/x"])
def test_other_addresses_are_left_alone(uri: str) -> None:
    create_database(uri, pytest.fail)


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("mine")
    create_database(f"sqlite:///{tmp_path / 'mlflow.db'}", pytest.fail)
    assert (tmp_path / "mlflow.db").read_text() == "mine"


# A workspace that was moved. The tables are the two of MLflow's that tell where files are.


def make_store(file: Path, artifacts: str) -> str:
    """A store with an experiment of ours, a run of it, and one of each that are not; its URI."""
    file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(file)) as store, store:
        store.execute("CREATE TABLE experiments (experiment_id INTEGER, artifact_location TEXT)")
        store.execute("CREATE TABLE runs (experiment_id INTEGER, artifact_uri TEXT)")
        places = [(1, artifacts), (2, "s3://bucket/mine")]
        store.executemany("INSERT INTO experiments VALUES (?, ?)", places)
        files = [(1, f"{artifacts}/abc/artifacts"), (2, "s3://bucket/mine/abc/artifacts")]
        store.executemany("INSERT INTO runs VALUES (?, ?)", files)
    return f"sqlite:///{file}"


def stored(file: Path) -> list[list[Any]]:
    """Where the store says that files are."""
    with closing(sqlite3.connect(file)) as store:
        tables = ("experiments", "runs")
        return [[place for _, place in store.execute(f"SELECT * FROM {t}")] for t in tables]


def test_a_store_that_was_moved_with_its_workspace_finds_its_files(tmp_path: Path) -> None:
    file, artifacts = tmp_path / "new" / "mlflow.db", tmp_path / "new" / "mlflow_artifacts"
    bring_along(make_store(file, "file:///old%20place/mlflow_artifacts"), artifacts)
    ours, others = artifacts.as_uri(), "s3://bucket/mine"
    assert stored(file) == [
        [ours, others],
        [f"{ours}/abc/artifacts", f"{others}/abc/artifacts"],
    ]


def test_a_store_outside_of_the_workspace_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "shared" / "mlflow.db"
    uri = make_store(file, "file:///of/another/mlflow_artifacts")
    before = stored(file)
    bring_along(uri, tmp_path / "new" / "mlflow_artifacts")
    assert stored(file) == before


def test_a_store_without_tables_is_left_to_mlflow(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    bring_along(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "mlflow_artifacts")
    assert (tmp_path / "mlflow.db").read_bytes() == b""
