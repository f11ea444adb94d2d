"""The lines of the experiment's log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiment_manager.common.common import Level, Metric, RunStatus
from experiment_manager.trackers.plugins.log_tracker import LogTracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[TrackerManager]:
    manager = TrackerManager([LogTracker(tmp_path)])
    manager.on_start(Level.EXPERIMENT, "digits")
    manager.on_start(Level.TRIAL, "small")
    manager.on_start(Level.TRIAL_RUN, 2)
    yield manager
    manager.close()


def lines_in(folder: Path) -> list[str]:
    """The lines without their time stamps."""
    stamp = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| ")
    lines = (folder / "metrics.log").read_text(encoding="utf-8").splitlines()
    assert all(stamp.match(line) for line in lines)
    return [stamp.sub("", line) for line in lines]


def test_a_run_has_a_line_for_start_and_end(manager: TrackerManager, tmp_path: Path) -> None:
    manager.on_end(Level.TRIAL_RUN)
    assert lines_in(tmp_path) == ["digits small run 2 | started", "digits small run 2 | completed"]


def test_a_failure_shows_the_last_line_of_its_traceback(
    manager: TrackerManager, tmp_path: Path
) -> None:
    error = "Traceback (most recent call last):\n  File x\nValueError: bad input\n"
    manager.on_end(Level.TRIAL_RUN, RunStatus.FAILED, error)
    assert lines_in(tmp_path)[-1] == "digits small run 2 | failed: ValueError: bad input"


def test_an_epochs_numbers_are_one_line(manager: TrackerManager, tmp_path: Path) -> None:
    with TrackScope(manager, Level.EPOCH, 3):
        manager.track_dict({Metric.VAL_LOSS: 0.123456789, "acc": {"cat": 1}}, step=3)
    assert lines_in(tmp_path)[-1] == "digits small run 2 epoch 3 | val_loss=0.123457 acc/cat=1"


def test_a_matrix_is_no_line(manager: TrackerManager, tmp_path: Path) -> None:
    manager.track(Metric.CONFUSION, [[1, 1], [0, 2]])
    assert lines_in(tmp_path) == ["digits small run 2 | started"]


def test_parameters_and_files_are_lines(manager: TrackerManager, tmp_path: Path) -> None:
    manager.log_params({"optimizer": {"lr": 0.1}, "layers": [64, 32]})
    manager.on_add_artifact(Level.TRIAL_RUN, "plot.png", "plot")
    assert lines_in(tmp_path)[-2:] == [
        "digits small run 2 | parameters: optimizer.lr=0.1 layers=[64, 32]",
        "digits small run 2 | plot: plot.png",
    ]


def test_whatever_it_is_told_stays_one_line(manager: TrackerManager, tmp_path: Path) -> None:
    manager.log_params({"note": "first\nsecond"})
    manager.on_add_artifact(Level.TRIAL_RUN, "a\nb.png", "plot")
    assert len(lines_in(tmp_path)) == 3


def test_an_earlier_log_is_continued(manager: TrackerManager, tmp_path: Path) -> None:
    manager.track("a", 1)
    other = TrackerManager([LogTracker(tmp_path)])
    other.track("b", 2)
    other.close()
    assert [line.partition(" | ")[2] for line in lines_in(tmp_path)][:3] == [
        "started",
        "a=1",
        "started",
    ]
