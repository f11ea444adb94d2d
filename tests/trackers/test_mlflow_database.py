"""MLflow's SQLite file is there as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiment_manager.trackers.plugins.mlflow_database import create_database


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
