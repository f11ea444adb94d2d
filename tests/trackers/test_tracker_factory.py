"""Trackers from env.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.errors import UnknownTypeError
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.testing.recording import RecordingTracker
from experiment_manager.trackers.plugins.database_tracker import DatabaseTracker
from experiment_manager.trackers.plugins.log_tracker import LogTracker
from experiment_manager.trackers.tracker_factory import TrackerFactory


class MyTracker(RecordingTracker):
    def __init__(self, project: str, workspace: Path) -> None:
        super().__init__()
        self.project = project
        self.workspace = workspace


@pytest.fixture(autouse=True)
def _registered() -> None:
    YAMLSerializable.register("mine")(MyTracker)


def kinds(config: dict[str, Any], tmp_path: Path) -> list[type]:
    trackers = TrackerFactory.create_all(config, tmp_path, tmp_path, tmp_path)
    return [type(tracker) for tracker in trackers]


def test_database_and_log_are_always_there(tmp_path: Path) -> None:
    assert kinds({}, tmp_path) == [DatabaseTracker, LogTracker]
    assert kinds({"trackers": None}, tmp_path) == [DatabaseTracker, LogTracker]


@pytest.mark.parametrize("name", ["log", "LogTracker"])
def test_naming_one_of_them_does_not_double_it(name: str, tmp_path: Path) -> None:
    assert kinds({"trackers": [{"type": name}]}, tmp_path) == [DatabaseTracker, LogTracker]


@pytest.mark.parametrize("name", ["mine", "MyTracker"])
def test_a_custom_one_gets_its_keys_and_the_workspace(name: str, tmp_path: Path) -> None:
    config = {"trackers": [{"type": name, "project": "digits"}]}
    tracker = TrackerFactory.create_all(config, tmp_path, tmp_path / "logs", tmp_path / "run")[-1]
    assert isinstance(tracker, MyTracker)
    assert (tracker.project, tracker.workspace) == ("digits", tmp_path)


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownTypeError, match="Did you mean 'database'"):
        TrackerFactory.create("databse", {}, workspace=tmp_path, log_dir=tmp_path)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"type": "mine"}, "'project' is missing"),
        ({"type": "mine", "project": "x", "projct": "y"}, "Did you mean 'project'"),
        ({"type": "early_stopping"}, "unknown tracker type 'early_stopping'"),
        ({"type": "nothing_like_it"}, "Known: "),
    ],
)
def test_a_wrong_entry_is_described(entry: dict[str, Any], complaint: str) -> None:
    assert any(complaint in problem for problem in TrackerFactory.check(entry))


def test_a_right_entry_has_no_problem() -> None:
    assert TrackerFactory.check({"type": "mine", "project": "x"}) == []
