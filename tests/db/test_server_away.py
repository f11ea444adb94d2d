"""A server that is killed, hangs or stays away neither stops a training nor costs it a row."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from experiment_manager.common.common import Level
from experiment_manager.db import delivery
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.experiment import Experiment
from experiment_manager.testing.configs import write_configs
from experiment_manager.testing.servers import MariaDBServer
from experiment_manager.testing.waiting import wait_until
from experiment_manager.trackers.plugins.database_tracker import DatabaseTracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

TRAINING = """
from experiment_manager import Pipeline


class Training(Pipeline):
    @Pipeline.run_wrapper
    def run(self, config):
        for epoch in range(3):
            self.run_epoch(epoch)
        self.run_metrics["test_acc"] = 0.5

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx):
        self.epoch_metrics["loss"] = 1 / (epoch_idx + 1)
"""
LOGGER = logging.getLogger("test_server_away")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(delivery, "LONGEST_RETRY_S", 0.2)


@pytest.fixture
def url(mariadb: MariaDBServer) -> Iterator[str]:
    """An empty database on a server that runs again after the test, whatever became of it."""
    url = mariadb.create_database()
    yield url
    if not mariadb.is_running:
        mariadb.start()


@pytest.fixture
def training(url: str, tmp_path: Path) -> Iterator[TrackerManager]:
    """A run that has begun."""
    manager = TrackerManager([DatabaseTracker(tmp_path, url=url)])
    manager.report_to(LOGGER)
    manager.on_start(Level.TRIAL_RUN)
    yield manager
    manager.close()


def train(manager: TrackerManager, first: int, last: int) -> None:
    for epoch in range(first, last):
        with TrackScope(manager, Level.EPOCH, epoch):
            manager.track("batch_loss", float(epoch), step=epoch)
            manager.track_dict({"loss": float(epoch), "acc": {"cat": 0.5}}, step=epoch)


def epochs_in(url: str) -> list[int]:
    """The epochs of the only run, each as often as it has a loss."""
    with DatabaseManager.from_url(url, read_only=True) as db:
        history = db.get_epoch_history(1)
    assert sum(metric.type == "batch_loss" for _, metric in history) * 3 == len(history)
    return [index for index, metric in history if metric.type == "loss"]


def test_a_server_that_is_killed_and_started_again_gets_every_epoch_once(
    training: TrackerManager,
    mariadb: MariaDBServer,
    url: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    train(training, 0, 20)
    mariadb.kill()
    train(training, 20, 200)
    wait_until(lambda: "The training goes on" in caplog.text)
    mariadb.start()
    wait_until(lambda: "is back" in caplog.text)
    train(training, 200, 220)
    training.on_end(Level.TRIAL_RUN)
    assert epochs_in(url) == list(range(220))
    assert list(tmp_path.glob("journal_*")) == []


def test_a_server_killed_again_and_again_under_load_gets_every_epoch_once(
    training: TrackerManager, mariadb: MariaDBServer, url: str
) -> None:
    for round_ in range(4):
        train(training, 300 * round_, 300 * round_ + 300)
        mariadb.kill()
        train(training, 300 * round_ + 300, 300 * round_ + 300)
        mariadb.start()
    training.on_end(Level.TRIAL_RUN)
    assert epochs_in(url) == list(range(1200))


def test_a_server_that_stays_away_leaves_a_journal_for_the_next_opening(
    training: TrackerManager,
    mariadb: MariaDBServer,
    url: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    train(training, 0, 20)
    mariadb.kill()
    train(training, 20, 50)
    training.on_end(Level.TRIAL_RUN)
    training.close()
    assert "experiment-manager db sync" in caplog.text
    assert len(list(tmp_path.glob("journal_*"))) == 1
    mariadb.start()
    DatabaseManager.from_url(url).close()
    assert epochs_in(url) == list(range(50))
    with DatabaseManager.from_url(url, read_only=True) as db:
        run = db.get_trial_run(1)
        assert db.list_journals() == []
    assert run is not None
    assert run.status == "completed"
    assert list(tmp_path.glob("journal_*")) == []


def test_an_experiment_runs_on_an_empty_server_and_keeps_its_password_out_of_files(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    folder = write_configs(
        tmp_path / "configs",
        trials=[{"name": "small", "repeat": 2}],
        base={"pipeline": "server_training:Training"},
        env={"database": {"url": "${oc.env:DATABASE_URL}"}},
    )
    (folder / "server_training.py").write_text(TRAINING, encoding="utf-8")
    experiment = Experiment.create(folder)
    assert [run.is_missing for run in experiment.status()] == [True, True]
    summary = experiment.run()
    assert [run.metrics for run in summary.runs] == [{"test_acc": 0.5}] * 2
    assert not any(run.is_missing for run in Experiment.create(folder).status())
    password = str(make_url(url).password)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not any(password in path.read_text("utf-8", "replace") for path in files)
    assert not any(path.name.startswith("journal_") for path in files)


def test_a_server_that_hangs_is_not_waited_for(
    training: TrackerManager, mariadb: MariaDBServer, url: str
) -> None:
    train(training, 0, 10)
    mariadb.pause()
    try:
        train(training, 10, 200)  # would never return if it waited for the server
    finally:
        mariadb.resume()
    training.on_end(Level.TRIAL_RUN)
    assert epochs_in(url) == list(range(200))
