"""The trackers of the package keep the contract, and the contract can tell who does not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from experiment_manager.testing.recording import RecordingTracker
from experiment_manager.testing.tracker_contract import TrackerContract
from experiment_manager.trackers.plugins.database_tracker import DatabaseTracker
from experiment_manager.trackers.plugins.log_tracker import LogTracker
from experiment_manager.trackers.tracker import Tracker


class TestDatabaseTracker(TrackerContract):
    def make_tracker(self, folder: Path) -> Tracker:
        return DatabaseTracker(folder)

    def values_of(self, folder: Path, metric: str) -> list[float]:
        with closing(sqlite3.connect(folder / "experiments.db")) as connection:
            sql = "SELECT total_val FROM METRIC WHERE type = ? ORDER BY id"
            return [value for (value,) in connection.execute(sql, [metric])]


class TestLogTracker(TrackerContract):
    def make_tracker(self, folder: Path) -> Tracker:
        return LogTracker(folder)

    def values_of(self, folder: Path, metric: str) -> list[float]:
        lines = (folder / "metrics.log").read_text(encoding="utf-8").splitlines()
        words = [word for line in lines for word in line.split()]
        return [float(w.partition("=")[2]) for w in words if w.startswith(f"{metric}=")]


class TestRecordingTracker(TrackerContract):
    def setup_method(self) -> None:
        self.made: list[RecordingTracker] = []

    def make_tracker(self, folder: Path) -> Tracker:
        self.made.append(RecordingTracker())
        return self.made[-1]

    def values_of(self, folder: Path, metric: str) -> list[float]:
        calls = [call for tracker in self.made for call in tracker.named("track")]
        points = [point for call in calls for point in call.points]
        return [p.value for p in points if p.name == metric and p.value is not None]


BROKEN = """
from experiment_manager.testing.recording import RecordingTracker
from experiment_manager.testing.tracker_contract import TrackerContract


class Broken(RecordingTracker):
    closed = False

    def track(self, points, context):
        for point in points:
            if point.per_label is not None:
                point.per_label.clear()
            else:
                round(point.value)

    def log_params(self, params, context):
        del context
        params.pop("none", None)

    def on_add_artifact(self, artifact_path, artifact_type, context):
        artifact_path.unlink(missing_ok=True)

    def close(self):
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class TestBroken(TrackerContract):
    def make_tracker(self, folder):
        return Broken()

    def values_of(self, folder, metric):
        return []
"""


def test_the_suite_finds_what_a_broken_tracker_does_wrong(
    failures_of: Callable[[str], set[str]],
) -> None:
    assert failures_of(BROKEN) == {
        "test_leaves_the_points_as_they_are",
        "test_takes_every_kind_of_metric",
        "test_takes_parameters",
        "test_takes_a_file_at_every_level",
        "test_closes_twice",
        "test_has_recorded_after_a_flush",
        "test_keeps_every_epoch_in_order",
        "test_still_has_it_after_closing",
        "test_works_beside_another_on_the_same_place",
    }


def test_the_suite_asks_for_a_tracker(failures_of: Callable[[str], set[str]]) -> None:
    source = (
        "from experiment_manager.testing.tracker_contract import TrackerContract\n"
        "class TestNothing(TrackerContract): pass\n"
    )
    assert "test_is_a_tracker" in failures_of(source)
