"""What a training records is safe when the call returns, and soon in the database, once."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import QueryError, RunTakenError
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db import delivery, engine, journal
from experiment_manager.db import recorder as recorder_module
from experiment_manager.db.keys import (
    batch_owner,
    epoch_owner,
    experiment_owner,
    results_owner,
    run_owner,
    trial_owner,
)
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.recorder import Recorder
from experiment_manager.db.rows import TrialRunRow
from experiment_manager.testing.waiting import wait_until

Rows = Callable[..., list[tuple[Any, ...]]]
LOGGER = logging.getLogger("test_recorder")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where journals go."""
    return tmp_path / "run_1"


@pytest.fixture
def recorder(db: DatabaseManager, folder: Path) -> Iterator[Recorder]:
    recorder = Recorder(db, folder, LOGGER)
    yield recorder
    recorder.close()


def point(name: str, value: float, step: int | None = None) -> MetricPoint:
    return MetricPoint(name, value, None, step)


def names_and_values(rows: Rows) -> list[tuple[Any, ...]]:
    return rows("SELECT type, total_val FROM METRIC ORDER BY id")


def test_every_owner_gets_what_was_recorded_of_it(
    recorder: Recorder, db: DatabaseManager, run: TrialRunRow
) -> None:
    recorder.record_metrics(experiment_owner(1), [point("of_experiment", 1)])
    recorder.record_metrics(trial_owner(1), [point("of_trial", 2)])
    recorder.record_metric(epoch_owner(run.id, 0), point("loss", 3))
    recorder.record_metric(batch_owner(run.id, 0, 7), point("grad", 4))
    recorder.record_metric(epoch_owner(run.id, 0), point("loss", 5))
    recorder.record_metric(results_owner(run.id), point("acc", 6))
    recorder.record_parameters(run_owner(run.id), {"layers": [8, 4], "lr": float("nan")})
    recorder.record_artifact(epoch_owner(run.id, 0), "checkpoint", "model.pt")
    recorder.record_status(run_owner(run.id), RunStatus.FAILED, "Traceback")
    recorder.close()
    assert [m.total_val for m in db.get_epoch_metrics(0, run.id)] == [3, 5]
    assert [m.total_val for m in db.get_batch_metrics(7, 0, run.id)] == [4]
    assert [m.total_val for m in db.get_results_metrics(run.id)] == [6]
    assert {m.type for m in db.get_experiment_metrics(1)} >= {"of_experiment", "of_trial"}
    parameters = db.get_trial_run_parameters(run.id)
    assert parameters["layers"] == [8, 4]
    assert parameters["lr"] != parameters["lr"]
    assert [a.location for a in db.get_epoch_artifacts(0, run.id)] == ["model.pt"]
    ended = db.get_trial_run(run.id)
    assert ended is not None
    assert (ended.status, ended.error) == ("failed", "Traceback")


def test_a_record_is_in_the_journal_when_the_call_returns(
    recorder: Recorder, run: TrialRunRow, folder: Path
) -> None:
    recorder.record_metric(epoch_owner(run.id, 0), point("first", 0.5))
    recorder.record_metric(epoch_owner(run.id, 0), point("second", 0.25, step=3))
    (path,) = folder.iterdir()
    records, _ = journal.decode(path.read_bytes())
    assert [record[1:] for record in records][1:] == [("first", 0.5, None), ("second", 0.25, 3)]


def test_a_journal_that_was_delivered_leaves_nothing(
    recorder: Recorder, run: TrialRunRow, folder: Path, db: DatabaseManager
) -> None:
    recorder.record_metric(epoch_owner(run.id, 0), point("loss", 0.5))
    assert [row.trial_run_id for row in db.list_journals()] == [run.id]
    recorder.close()
    assert list(folder.iterdir()) == []
    assert db.list_journals() == []


def test_what_waits_is_delivered_soon_though_nothing_more_is_recorded(
    recorder: Recorder, run: TrialRunRow, rows: Rows
) -> None:
    recorder.record_metric(epoch_owner(run.id, 0), point("first", 1))
    recorder.record_metric(epoch_owner(run.id, 0), point("second", 2))
    wait_until(lambda: len(names_and_values(rows)) == 2)


def test_many_metrics_come_in_order_through_trims(
    recorder: Recorder, run: TrialRunRow, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_RECORDS", 50)
    monkeypatch.setattr(journal.Journal.trim, "__kwdefaults__", {"at_least": 500})
    owner = epoch_owner(run.id, 4)
    for number in range(1000):
        recorder.record_metric(owner, point("loss", float(number), number))
    recorder.close()
    assert rows("SELECT total_val, step FROM METRIC ORDER BY id") == [(n, n) for n in range(1000)]
    links = "SELECT trial_run_id, epoch_idx, count(*) FROM EPOCH_METRIC GROUP BY 1, 2"
    assert rows(links) == [(run.id, 4, 1000)]


def test_the_latest_value_of_each_metric_is_kept(
    recorder: Recorder, run: TrialRunRow, rows: Rows
) -> None:
    for epoch in range(3):
        values = [point("loss", 1 - epoch / 10, epoch), point("acc", epoch / 10, epoch)]
        recorder.record_metrics(epoch_owner(run.id, epoch), values)
    recorder.record_metric(epoch_owner(run.id, 3), point("loss", float("inf"), 3))
    recorder.close()
    latest = "SELECT type, total_val, non_finite, step FROM LATEST_METRIC ORDER BY type"
    assert rows(latest) == [("acc", 0.2, None, 2), ("loss", None, "inf", 3)]


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (MetricPoint("\ud800", 1.0), "EPOCH"),
        (MetricPoint("x" * 256, 1.0), "255"),
        (MetricPoint("loss", 1.0, None, 2**63), "step of the metric 'loss'"),
    ],
)
def test_what_cannot_be_stored_is_refused_at_once(
    recorder: Recorder, run: TrialRunRow, rows: Rows, bad: MetricPoint, named: str
) -> None:
    owner = epoch_owner(run.id, 0)
    recorder.record_metric(owner, point("before", 1))
    with pytest.raises(QueryError, match=named):
        recorder.record_metric(owner, bad)
    recorder.record_metric(owner, point("after", 2))
    recorder.close()
    assert names_and_values(rows) == [("before", 1), ("after", 2)]


def test_a_database_that_is_away_stops_nobody_and_gets_all_when_it_is_back(
    file: Path,
    folder: Path,
    rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.01)
    monkeypatch.setattr(delivery, "FIRST_RETRY_S", 0.01)
    with DatabaseManager(str(file), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small")
        run = db.start_trial_run(trial.id, 1)
        recorder = Recorder(db, folder, LOGGER)
        recorder.record_metrics(epoch_owner(run.id, 0), [point("loss", 0.0)])
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for epoch in range(1, 50):
                recorder.record_metrics(epoch_owner(run.id, epoch), [point("loss", float(epoch))])
            wait_until(lambda: "locked" in caplog.text)
            assert str(folder) in caplog.text
            other.execute("ROLLBACK")
        wait_until(lambda: "is back" in caplog.text)
        recorder.close()
    assert names_and_values(rows) == [("loss", epoch) for epoch in range(50)]


def test_a_journal_stays_where_the_database_is_away_until_the_end(
    file: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.01)
    with DatabaseManager(str(file), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small")
        run = db.start_trial_run(trial.id, 1)
        recorder = Recorder(db, folder, LOGGER)
        recorder.record_metrics(epoch_owner(run.id, 0), [point("loss", 0.0)])
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            recorder.record_status(run_owner(run.id), RunStatus.COMPLETED, None)
            recorder.close()
            other.execute("ROLLBACK")
    assert "experiment-manager db sync" in caplog.text
    assert len(list(folder.iterdir())) == 1
    with DatabaseManager(str(file), use_sqlite=True) as db:
        ended = db.get_trial_run(run.id)
    assert ended is not None
    assert ended.status == "completed"
    assert list(folder.iterdir()) == []


def test_a_run_that_was_started_again_takes_nothing_more_of_the_old_attempt(
    recorder: Recorder, db: DatabaseManager, run: TrialRunRow, rows: Rows, folder: Path
) -> None:
    recorder.record_metrics(epoch_owner(run.id, 0), [point("old", 1)])
    db.start_trial_run(run.trial_id, run.number)
    with pytest.raises(RunTakenError, match="the run was removed, or begun again by another"):
        recorder.record_status(run_owner(run.id), RunStatus.COMPLETED, None)
    with pytest.raises(RunTakenError, match="what this process has recorded of it since is disc"):
        recorder.close()
    assert list(folder.iterdir()) == []
    assert rows("SELECT count(*) FROM METRIC") == [(0,)]
    assert rows("SELECT status, attempt FROM TRIAL_RUN") == [("running", 2)]


def test_who_has_started_a_run_again_is_named(
    db: DatabaseManager, folder: Path, run: TrialRunRow
) -> None:
    recorder = Recorder(db, folder, LOGGER)
    recorder.record_metrics(epoch_owner(run.id, 0), [point("old", 1)])
    db.claim_trial_run(run.trial_id, run.number, ProcessIdentity.current())
    db.start_trial_run(run.trial_id, run.number)
    with pytest.raises(RunTakenError, match=f"begun again by {ProcessIdentity.current()}"):
        recorder.record_status(run_owner(run.id), RunStatus.COMPLETED, None)
    with pytest.raises(RunTakenError):
        recorder.close()


def test_an_interrupt_just_after_a_commit_doubles_nothing(
    recorder: Recorder,
    db: DatabaseManager,
    run: TrialRunRow,
    rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit = db.apply_journal

    def commit_and_be_interrupted(*arguments: Any) -> None:
        commit(*arguments)
        raise KeyboardInterrupt

    recorder.record_metrics(epoch_owner(run.id, 0), [point("loss", 0)])
    monkeypatch.setattr(db, "apply_journal", commit_and_be_interrupted)
    with pytest.raises(KeyboardInterrupt):
        recorder.record_parameters(run_owner(run.id), {"lr": 0.1})
    monkeypatch.undo()
    recorder.record_metrics(epoch_owner(run.id, 1), [point("loss", 1)])
    recorder.close()
    assert names_and_values(rows) == [("loss", 0), ("loss", 1)]
    assert db.list_journals() == []


FORKED = """
import logging, os, sys
from pathlib import Path
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.keys import epoch_owner
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.recorder import Recorder

def record(recorder, name):
    for number in range(100):
        recorder.record_metric(epoch_owner(1, 0), MetricPoint(name, float(number)))

folder = Path(sys.argv[1])
db = DatabaseManager(str(folder / "experiments.db"), use_sqlite=True)
db.start_trial_run(db.create_trial(db.create_experiment("e").id, "t").id, 1)
recorder = Recorder(db, folder / "run_1", logging.getLogger())
record(recorder, "before")
children = []
for child in range(3):
    if (pid := os.fork()) == 0:
        record(recorder, f"child_{child}")
        if child == 0:
            recorder.close()
        os._exit(0)  # as multiprocessing ends its children: nothing is closed
    children.append(pid)
record(recorder, "after")
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
recorder.close()
db.close()
"""


def test_forked_processes_record_beside_their_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, str(tmp_path)]
    subprocess.run(command, check=True)
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        values: dict[str, list[float | None]] = {}
        for metric in db.get_epoch_metrics(0, 1):
            values.setdefault(metric.type, []).append(metric.total_val)
    expected = ["before", "after", "child_0", "child_1", "child_2"]
    assert {name: sorted(v) for name, v in values.items()} == {  # type: ignore[type-var]
        name: list(range(100)) for name in expected
    }
    assert list((tmp_path / "run_1").iterdir()) == []
