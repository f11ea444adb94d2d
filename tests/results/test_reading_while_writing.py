"""Frames show one state of a database, and hold up nobody who writes into it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results import open_results
from experiment_manager.results.frames.epochs import epoch_table

WRITER = """
import itertools, sys
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager

with DatabaseManager.from_url(sys.argv[1]) as db:
    trial = db.create_trial(db.create_experiment("live").id, "small")
    run = db.start_trial_run(trial.id, 1).id
    for epoch in itertools.count():
        value = float(epoch)
        db.record_epoch(run, epoch, [MetricPoint("loss", value), MetricPoint("acc", value)])
        if epoch == 0:
            print("begun", flush=True)
"""


@pytest.fixture(params=["sqlite", "mariadb", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/experiments.db"
    return str(request.getfixturevalue(request.param).create_database())


def test_whole_epochs_are_seen_while_a_process_writes(url: str) -> None:
    command = [sys.executable, "-c", WRITER, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "begun\n"
            results = open_results(url)
            seen = 0
            while seen < 20:
                frame = results.epochs()
                numbers = list(map(float, range(len(frame))))
                assert frame["metrics.loss"].tolist() == numbers
                assert frame["metrics.acc"].tolist() == numbers
                assert results.runs()["metrics.loss"][0] >= len(frame) - 1 >= seen - 1
                seen = len(frame)
            assert writer.poll() is None
        finally:
            writer.kill()


def test_a_frame_that_is_being_read_holds_no_writer_up(url: str) -> None:
    with DatabaseManager.from_url(url) as db:
        trial = db.create_trial(db.create_experiment("live").id, "small")
        run = db.start_trial_run(trial.id, 1).id
        db.record_epoch(run, 0, [MetricPoint("loss", 0.5)])
        results = open_results(url)
        parts = results.selection.parts()
        part = next(parts)
        assert len(epoch_table(part)) == 1
        db.record_epoch(run, 1, [MetricPoint("loss", 0.25)])
        assert len(epoch_table(part)) == 1
        assert len(results.epochs()) == 2
        parts.close()
