"""Journals that a dead process left are brought in once, by whoever opens the database next."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import pytest

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.journal import Journal, decode
from experiment_manager.db.keys import epoch_owner, experiment_owner
from experiment_manager.db.leftovers import deliver_leftovers
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.records import metric_values, owner_record
from experiment_manager.db.rows import TrialRunRow

Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def left_behind(db: DatabaseManager, run: TrialRunRow, tmp_path: Path) -> Path:
    """The journal of a process that died with three metrics of an epoch in it."""
    journal = Journal.create(tmp_path / "run_1")
    db.register_journal(journal.path, run.id)
    points = [MetricPoint("loss", float(number)) for number in range(3)]
    values = [metric_values(point) for point in points]
    journal.append(owner_record(epoch_owner(run.id, 0)), *values)
    journal.close()
    return journal.path


def losses(rows: Rows) -> list[float]:
    return [value for (value,) in rows("SELECT total_val FROM METRIC ORDER BY id")]


def outcomes(db: DatabaseManager) -> list[tuple[str, int]]:
    return [(left.outcome, left.records) for left in deliver_leftovers(db)]


def test_opening_the_database_brings_them_in(left_behind: Path, file: Path, rows: Rows) -> None:
    assert losses(rows) == []
    DatabaseManager(str(file), use_sqlite=True).close()
    assert losses(rows) == [0, 1, 2]
    assert not left_behind.exists()
    assert rows("SELECT * FROM JOURNAL") == []


def test_opening_it_for_reading_does_not(left_behind: Path, file: Path, rows: Rows) -> None:
    DatabaseManager(str(file), use_sqlite=True, read_only=True).close()
    assert losses(rows) == []
    assert left_behind.exists()


def test_a_second_time_there_is_nothing_to_do(
    left_behind: Path, db: DatabaseManager, rows: Rows
) -> None:
    assert left_behind.exists()
    assert outcomes(db) == [("delivered", 4)]
    assert outcomes(db) == []
    assert losses(rows) == [0, 1, 2]


def test_one_that_a_process_holds_is_left_alone(
    left_behind: Path, db: DatabaseManager, rows: Rows
) -> None:
    holder = Journal.reopen(left_behind)
    assert outcomes(db) == [("in use", 0)]
    holder.close()
    assert losses(rows) == []


def test_one_that_is_not_on_this_machine_waits(left_behind: Path, db: DatabaseManager) -> None:
    folder, elsewhere = left_behind.parent, left_behind.parent.with_name("elsewhere")
    folder.rename(elsewhere)
    assert outcomes(db) == [("elsewhere", 0)]
    elsewhere.rename(folder)
    assert outcomes(db) == [("delivered", 4)]


def test_one_of_a_run_that_lives_on_another_machine_is_not_even_looked_at(
    left_behind: Path, db: DatabaseManager, run: TrialRunRow
) -> None:
    other = replace(ProcessIdentity.current(), host="node7", machine="another boot")
    db.claim_trial_run(run.trial_id, run.number, other)
    assert outcomes(db) == []
    assert left_behind.exists()


def test_one_whose_file_was_deleted_already_is_forgotten(
    left_behind: Path, db: DatabaseManager
) -> None:
    left_behind.unlink()
    assert outcomes(db) == []
    assert db.list_journals() == []


def test_what_was_committed_before_the_death_is_not_written_again(
    left_behind: Path, db: DatabaseManager, rows: Rows
) -> None:
    """The process died between the commit of two metrics and the trim of its journal."""
    records, _ = decode(left_behind.read_bytes())
    (row,) = db.list_journals()
    db.apply_journal(row.id, records[:3], None, 0)
    assert losses(rows) == [0, 1]
    assert outcomes(db) == [("delivered", 1)]
    assert losses(rows) == [0, 1, 2]


def test_a_workspace_may_be_moved_before(left_behind: Path, tmp_path: Path) -> None:
    assert left_behind.exists()
    new = tmp_path / "moved"
    new.mkdir()
    for name in ("experiments.db", "experiments.db-wal", "experiments.db-shm", "run_1"):
        shutil.move(tmp_path / name, new / name)
    with DatabaseManager(str(new / "experiments.db"), use_sqlite=True) as db:
        assert len(db.get_epoch_metrics(0, 1)) == 3


def test_the_end_of_a_torn_one_is_put_aside(
    left_behind: Path, db: DatabaseManager, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    with left_behind.open("ab") as file:
        file.write(b"\xc1 what the death of the machine left")
    assert outcomes(db) == [("torn", 4)]
    assert losses(rows) == [0, 1, 2]
    assert left_behind.with_suffix(".torn").exists()
    assert str(left_behind) in caplog.text
    assert outcomes(db) == []


def test_the_beginning_of_a_record_is_no_damage(
    left_behind: Path, db: DatabaseManager, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that is killed in the middle of a long write leaves it."""
    whole = msgpack.packb((5, "a name", 0.5))
    with left_behind.open("ab") as file:
        file.write(whole[:-1])
    assert outcomes(db) == [("delivered", 4)]
    assert losses(rows) == [0, 1, 2]
    assert caplog.text == ""
    assert list(left_behind.parent.iterdir()) == []


def test_one_that_the_database_refuses_is_put_aside(
    db: DatabaseManager, tmp_path: Path, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal.create(tmp_path)
    db.register_journal(journal.path, None)
    journal.append(owner_record(experiment_owner(4711)), metric_values(MetricPoint("loss", 1.0)))
    journal.close()
    assert outcomes(db) == [("refused", 0)]
    assert journal.path.with_suffix(".refused").exists()
    assert "FOREIGN KEY" in caplog.text
    assert losses(rows) == []


def test_one_of_an_attempt_that_was_superseded_is_never_written(
    left_behind: Path, db: DatabaseManager, run: TrialRunRow, rows: Rows
) -> None:
    db.start_trial_run(run.trial_id, run.number)
    assert outcomes(db) == []
    assert losses(rows) == []
    assert left_behind.exists()


KILLED = """
import os, random, signal, sys
from pathlib import Path
from experiment_manager.common.common import Level
from experiment_manager.trackers.plugins.database_tracker import DatabaseTracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

workspace, acknowledged = Path(sys.argv[1]), int(sys.argv[2])
manager = TrackerManager([DatabaseTracker(workspace)])
for epoch in range(100_000):
    with TrackScope(manager, Level.EPOCH, epoch):
        for batch in range(random.randint(0, 20)):
            manager.track("batch_loss", float(epoch), step=batch)
            os.write(acknowledged, b"s")
        manager.track_dict({"loss": float(epoch), "acc": {"cat": 0.5, "dog": float("nan")}})
    os.write(acknowledged, b"E")
"""


def kill_after(workspace: Path, calls: int) -> str:
    """Let a real process record, kill it after so many calls; the calls that had returned."""
    reader, writer = os.pipe()
    command = [sys.executable, "-c", KILLED, str(workspace), str(writer)]
    with subprocess.Popen(command, pass_fds=[writer]) as process:
        os.close(writer)
        seen = b""
        while len(seen) < calls:
            seen += os.read(reader, calls - len(seen))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    while more := os.read(reader, 65536):
        seen += more
    os.close(reader)
    return seen.decode()


@pytest.mark.parametrize("calls", [1, 2, 50, 777, 3000, 12_345])
def test_a_killed_process_loses_and_doubles_nothing(tmp_path: Path, calls: int) -> None:
    seen = kill_after(tmp_path, calls)
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        history = db.get_epoch_history(1)
    scalars = [metric for _, metric in history if metric.type == "batch_loss"]
    epochs = [index for index, metric in history if metric.type == "loss"]
    # One call may have written and been killed before it could say so.
    assert 0 <= len(scalars) - seen.count("s") <= 1
    assert epochs == list(range(len(epochs)))
    assert 0 <= len(epochs) - seen.count("E") <= 1
    assert len([m for _, m in history if m.type == "acc"]) == len(epochs)
