"""What one use of a connection leaves to the next."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from experiment_manager.db.manager import DatabaseManager, QueryError

FAIL_AT_COMMIT = """
CREATE TABLE late (id INTEGER REFERENCES EXPERIMENT (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TRIGGER spoil AFTER INSERT ON TRIAL_RUN_TAG BEGIN INSERT INTO late VALUES (4711); END;
"""


def test_after_a_commit_that_failed_the_next_transaction_begins_anew(
    db: DatabaseManager, file: Path
) -> None:
    run = db.create_trial_run(db.create_trial(db.create_experiment("digits").id, "small").id)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(FAIL_AT_COMMIT)
    with pytest.raises(QueryError, match="FOREIGN KEY"):
        db.add_tag([run.id], "paper")
    assert db.create_experiment("more").title == "more"
    assert db.get_tags(run.id) == []


def test_a_relative_path_is_one_of_the_folder_that_is_current_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with DatabaseManager("experiments.db", use_sqlite=True) as db:
            db.create_experiment(name)
            assert [experiment.title for experiment in db.list_experiments()] == [name]
