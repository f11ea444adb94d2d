"""An empty database, and a run in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRunRow


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the database lies."""
    return tmp_path / "experiments.db"


@pytest.fixture
def db(file: Path) -> Iterator[DatabaseManager]:
    """An empty database."""
    with DatabaseManager(str(file), use_sqlite=True) as db:
        yield db


@pytest.fixture
def run(db: DatabaseManager) -> TrialRunRow:
    """The first run of the first trial of the first experiment."""
    experiment = db.create_experiment("digits")
    trial = db.create_trial(experiment.id, "small_network")
    return db.start_trial_run(trial.id, number=1, seed=7, config_hash="abc")


@pytest.fixture
def rows(file: Path) -> Callable[..., list[tuple[Any, ...]]]:
    """What a statement finds in the database file, as another program sees it."""

    def find(sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(file)) as connection:
            return list(connection.execute(sql, values))

    return find
