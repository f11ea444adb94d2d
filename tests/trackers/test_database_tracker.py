"""The rows that the database tracker leaves behind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Level, Metric, RunStatus
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.trackers.plugins.database_tracker import DatabaseTracker, database_url
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

Query = Callable[[Path, str], list[tuple[Any, ...]]]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[TrackerManager]:
    manager = TrackerManager([DatabaseTracker(tmp_path)], name="digits")
    yield manager
    manager.close()


def start_run(manager: TrackerManager, number: int = 1) -> None:
    manager.on_start(Level.TRIAL_RUN, number, seed=7, config_hash="abc")


def test_nothing_is_made_before_something_happens(tmp_path: Path) -> None:
    DatabaseTracker(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_a_row_below_its_trial_and_experiment(
    manager: TrackerManager, tmp_path: Path, query: Query
) -> None:
    manager.on_start(Level.EXPERIMENT, "digits", description="a comparison")
    manager.on_start(Level.TRIAL, "small")
    start_run(manager, 3)
    sql = (
        "SELECT e.title, e.description, t.name, r.number, r.seed, r.config_hash, r.status, "
        "r.attempt FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id "
        "JOIN EXPERIMENT e ON e.id = t.experiment_id"
    )
    expected = ("digits", "a comparison", "small", 3, 7, "abc", "running", 1)
    assert query(tmp_path, sql) == [expected]


@pytest.mark.parametrize("status", [s for s in RunStatus if s.is_ended and s.value != "lost"])
def test_the_end_has_status_time_and_error(
    manager: TrackerManager, tmp_path: Path, query: Query, status: RunStatus
) -> None:
    start_run(manager)
    manager.on_end(Level.TRIAL_RUN, status, "Traceback: x")
    sql = "SELECT status, error, end_time >= start_time FROM TRIAL_RUN"
    assert query(tmp_path, sql) == [(status.value, "Traceback: x", 1)]


def test_metrics_of_an_epoch_are_linked_to_it(
    manager: TrackerManager, tmp_path: Path, query: Query
) -> None:
    start_run(manager)
    with TrackScope(manager, Level.EPOCH, 4):
        manager.track_dict({Metric.TRAIN_LOSS: 0.5, "f1": 0.25}, step=4)
    sql = (
        "SELECT l.epoch_idx, m.type, m.total_val FROM EPOCH_METRIC l "
        "JOIN METRIC m ON m.id = l.metric_id ORDER BY m.id"
    )
    assert query(tmp_path, sql) == [(4, "train_loss", 0.5), (4, "f1", 0.25)]


def test_metrics_of_the_run_are_its_results(
    manager: TrackerManager, tmp_path: Path, query: Query
) -> None:
    start_run(manager)
    manager.track(Metric.TEST_ACC, 0.9)
    sql = (
        "SELECT s.trial_run_id, m.type, m.total_val FROM RESULTS s JOIN RESULTS_METRIC l "
        "ON l.trial_run_id = s.trial_run_id JOIN METRIC m ON m.id = l.metric_id"
    )
    assert query(tmp_path, sql) == [(1, "test_acc", 0.9)]


def test_an_epoch_or_batch_without_metrics_is_a_row_too(
    manager: TrackerManager, tmp_path: Path, query: Query
) -> None:
    start_run(manager)
    with TrackScope(manager, Level.EPOCH, 0), TrackScope(manager, Level.BATCH, 2):
        pass
    assert query(tmp_path, "SELECT idx FROM EPOCH") == [(0,)]
    assert query(tmp_path, "SELECT epoch_idx, idx FROM BATCH") == [(0, 2)]


def test_batch_metrics_are_linked_to_their_batch(
    manager: TrackerManager, tmp_path: Path, query: Query
) -> None:
    start_run(manager)
    with TrackScope(manager, Level.EPOCH, 1), TrackScope(manager, Level.BATCH, 2):
        manager.track("loss", 0.5)
    sql = "SELECT epoch_idx, batch_idx FROM BATCH_METRIC"
    assert query(tmp_path, sql) == [(1, 2)]
    assert query(tmp_path, "SELECT count(*) FROM EPOCH_METRIC") == [(0,)]


def test_per_label_values_and_matrices_come_back(manager: TrackerManager, tmp_path: Path) -> None:
    start_run(manager)
    manager.track_dict({"acc": {"cat": 0.5, "dog": math.inf}, Metric.CONFUSION: [[3, 1], [0, 4]]})
    with DatabaseManager.from_url(database_url(tmp_path), read_only=True) as db:
        rows = {metric.type: metric for _, metric in db.get_final_metrics(1)}
    assert rows["acc"].total_val is None
    assert rows["acc"].per_label_val == {"cat": 0.5, "dog": math.inf}
    assert rows["confusion"].total_val == 0.875
    assert rows["confusion"].per_label_val == {"labels": ["0", "1"], "rows": [[3, 1], [0, 4]]}


def test_nan_and_infinities_come_back(manager: TrackerManager, tmp_path: Path) -> None:
    start_run(manager)
    manager.track_dict({"nan": math.nan, "inf": -math.inf})
    with DatabaseManager.from_url(database_url(tmp_path), read_only=True) as db:
        values = {metric.type: metric.total_val for _, metric in db.get_final_metrics(1)}
    assert str(values) == "{'nan': nan, 'inf': -inf}"


def test_metrics_above_the_run_belong_to_trial_and_experiment(
    manager: TrackerManager, tmp_path: Path
) -> None:
    manager.on_start(Level.EXPERIMENT)
    manager.track("of_experiment", 1)
    manager.on_start(Level.TRIAL)
    manager.track("of_trial", 2, step=3)
    manager.flush()
    with DatabaseManager.from_url(database_url(tmp_path), read_only=True) as db:
        assert [metric.type for metric in db.get_trial_metrics(1)] == ["of_trial"]
        assert "of_experiment" in [metric.type for metric in db.get_experiment_metrics(1)]


def test_parameters_belong_to_what_is_open(manager: TrackerManager, tmp_path: Path) -> None:
    manager.on_start(Level.EXPERIMENT)
    manager.log_params({"a": 1})
    manager.on_start(Level.TRIAL)
    manager.log_params({"b": "x"})
    start_run(manager)
    manager.log_params({"c": {"d": [1, 2]}})
    with DatabaseManager.from_url(database_url(tmp_path), read_only=True) as db:
        assert db.get_experiment_parameters(1) == {"a": 1}
        assert db.get_trial_parameters(1) == {"b": "x"}
        assert db.get_trial_run_parameters(1) == {"c.d": [1, 2]}


@pytest.mark.parametrize(
    "value",
    [
        0,
        1.0,
        0.1 + 0.2,
        1e22,
        2**53 + 1,
        2**70,
        "12",
        "NaN",
        "",
        True,
        None,
        [],
        [1, [2.0]],
        "🎯'\"",
    ],
)
def test_parameters_come_back_as_they_went_in(
    manager: TrackerManager, tmp_path: Path, value: object
) -> None:
    manager.log_params({"value": value})
    with DatabaseManager.from_url(database_url(tmp_path), read_only=True) as db:
        read = db.get_trial_run_parameters(1)["value"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("level", "table"),
    [
        (Level.EXPERIMENT, "EXPERIMENT_ARTIFACT"),
        (Level.TRIAL, "TRIAL_ARTIFACT"),
        (Level.TRIAL_RUN, "TRIAL_RUN_ARTIFACT"),
        (Level.PIPELINE, "TRIAL_RUN_ARTIFACT"),
        (Level.EPOCH, "EPOCH_ARTIFACT"),
        (Level.BATCH, "BATCH_ARTIFACT"),
    ],
)
def test_an_artifact_is_linked_at_its_level(
    manager: TrackerManager, tmp_path: Path, query: Query, level: Level, table: str
) -> None:
    start_run(manager)
    manager.on_start(Level.PIPELINE)
    manager.on_start(Level.EPOCH, 0)
    manager.on_start(Level.BATCH, 0)
    manager.on_add_artifact(level, tmp_path / "plot.png", artifact_type="plot")
    sql = f"SELECT a.type, a.location FROM {table} l JOIN ARTIFACT a ON a.id = l.artifact_id"
    assert query(tmp_path, sql) == [("plot", "plot.png")]


def test_a_file_inside_the_workspace_is_stored_relative_to_it(
    manager: TrackerManager, tmp_path: Path, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    manager.on_add_artifact(Level.TRIAL_RUN, "digits/model.bin")
    manager.on_add_artifact(Level.TRIAL_RUN, tmp_path.parent / "elsewhere.bin")
    locations = [location for (location,) in query(tmp_path, "SELECT location FROM ARTIFACT")]
    assert locations == ["digits/model.bin", str(tmp_path.parent / "elsewhere.bin")]


def test_a_file_is_inside_the_workspace_by_whichever_path_it_is_reached(
    tmp_path: Path, query: Query
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to("real")
    (tmp_path / "linked" / "data").symlink_to(tmp_path)
    manager = TrackerManager([DatabaseTracker(tmp_path / "linked")])
    for path in ("linked/a.bin", "real/b.bin", "linked/../linked/c.bin", "linked/data/d.bin"):
        manager.on_add_artifact(Level.EXPERIMENT, tmp_path / path)
    manager.on_add_artifact(Level.EXPERIMENT, tmp_path / "linked/../outside.bin")
    manager.close()
    locations = [found for (found,) in query(tmp_path / "real", "SELECT location FROM ARTIFACT")]
    assert locations[:-1] == ["a.bin", "b.bin", "c.bin", "data/d.bin"]
    assert Path(locations[-1]).is_absolute()


def test_a_checkpoint_of_an_epoch_is_an_artifact_of_it(
    manager: TrackerManager, tmp_path: Path, query: Query
) -> None:
    start_run(manager)
    with TrackScope(manager, Level.EPOCH, 5):
        manager.on_checkpoint(object(), tmp_path / "model.pt", {Metric.VAL_ACC: 0.9})
    sql = (
        "SELECT l.epoch_idx, a.type, a.location FROM EPOCH_ARTIFACT l "
        "JOIN ARTIFACT a ON a.id = l.artifact_id"
    )
    assert query(tmp_path, sql) == [(5, "checkpoint", "model.pt")]


def test_experiments_and_trials_are_found_again_by_name(tmp_path: Path, query: Query) -> None:
    for _ in range(2):
        again = TrackerManager([DatabaseTracker(tmp_path)], name="digits")
        again.on_start(Level.TRIAL, "small")
        again.close()
    assert query(tmp_path, "SELECT title FROM EXPERIMENT") == [("digits",)]
    assert query(tmp_path, "SELECT name FROM TRIAL") == [("small",)]


def test_runs_by_hand_get_the_next_number(
    manager: TrackerManager, tmp_path: Path, query: Query
) -> None:
    for _ in range(3):
        with TrackScope(manager, Level.TRIAL_RUN):
            manager.track("score", 1)
    sql = "SELECT number, status FROM TRIAL_RUN ORDER BY id"
    assert query(tmp_path, sql) == [(1, "completed"), (2, "completed"), (3, "completed")]


def test_a_planned_run_that_starts_again_replaces_its_dead_attempt(
    tmp_path: Path, query: Query
) -> None:
    for value in (0.1, 0.2):
        manager = TrackerManager([DatabaseTracker(tmp_path)], name="digits")
        start_run(manager)
        manager.log_params({f"p{value}": value})
        manager.track("loss", value, step=0)
        manager.track("score", value)
        manager.on_add_artifact(Level.TRIAL_RUN, f"{value}.png")
        for tracker in manager.trackers:  # as a killed process would: nothing is ended
            tracker.close()
    assert query(tmp_path, "SELECT number, attempt, status FROM TRIAL_RUN") == [(1, 2, "running")]
    assert query(tmp_path, "SELECT type, total_val FROM METRIC ORDER BY id") == [
        ("loss", 0.2),
        ("score", 0.2),
    ]
    assert query(tmp_path, "SELECT name FROM TRIAL_RUN_PARAMETER") == [("p0.2",)]
    assert query(tmp_path, "SELECT location FROM ARTIFACT") == [(str(Path.cwd() / "0.2.png"),)]


def test_another_database_can_be_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'mine.db'}"
    manager = TrackerManager([DatabaseTracker(tmp_path / "workspace", url=url)])
    manager.track("loss", 1)
    manager.close()
    assert (tmp_path / "mine.db").exists()
    assert list((tmp_path / "workspace").iterdir()) == []
