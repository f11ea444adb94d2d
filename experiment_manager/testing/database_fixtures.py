"""What the tests of a database start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, func, select

from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRow, TrialRunRow
from experiment_manager.db.schema import metadata


def count_rows(url: str) -> dict[str, int]:
    """The number of rows of each table."""
    engine = create_engine(url)
    with engine.connect() as connection:
        counts = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return counts


class DatabaseFixtures:
    """An empty database, and a run in it; to be inherited by suites over any backend."""

    @pytest.fixture
    def url(self) -> str:
        """Where an empty database is; a new one for each test."""
        raise NotImplementedError("define the fixture url(self): where an empty database is")

    @pytest.fixture
    def db(self, url: str) -> Iterator[DatabaseManager]:
        with DatabaseManager.from_url(url) as db:
            yield db

    @pytest.fixture
    def trial(self, db: DatabaseManager) -> TrialRow:
        return db.create_trial(db.create_experiment("digits", "a comparison").id, "small")

    @pytest.fixture
    def run(self, db: DatabaseManager, trial: TrialRow) -> TrialRunRow:
        return db.start_trial_run(trial.id, number=1, seed=2**40, config_hash="abc")
