"""The lines that programs read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from experiment_manager.common.common import Level
from experiment_manager.testing.tracker_contract import TrackerContract
from experiment_manager.trackers.plugins.json_lines_tracker import JsonLinesTracker
from experiment_manager.trackers.tracker import Tracker
from experiment_manager.trackers.tracker_manager import TrackerManager

WRITER = """
import sys
from pathlib import Path
from experiment_manager.trackers.plugins.json_lines_tracker import JsonLinesTracker
from experiment_manager.trackers.tracker_manager import TrackerManager

manager = TrackerManager([JsonLinesTracker(Path(sys.argv[1]))])
for step in range(500):
    manager.track("loss", float(step), step=step)
manager.close()
"""


def lines_in(folder: Path, file: str = "metrics.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / file).read_text("utf-8").splitlines()]


def values_in(folder: Path, metric: str) -> list[float]:
    points = [point for line in lines_in(folder) for point in line.get("metrics", ())]
    return [point["value"] for point in points if point["name"] == metric]


class TestContract(TrackerContract):
    def make_tracker(self, folder: Path) -> Tracker:
        return JsonLinesTracker(folder)

    def values_of(self, folder: Path, metric: str) -> list[float]:
        return values_in(folder, metric)


def test_every_call_is_a_line_in_order(tmp_path: Path) -> None:
    manager = TrackerManager([JsonLinesTracker(tmp_path)])
    manager.on_start(Level.EXPERIMENT, "digits")
    manager.track("loss", 0.5)
    manager.close()
    lines = lines_in(tmp_path)
    assert [line["method"] for line in lines] == ["on_create", "on_start", "track", "on_end"]
    assert {line["experiment"] for line in lines} == {"digits"}
    assert [line["time_s"] for line in lines] == sorted(line["time_s"] for line in lines)


def test_the_file_may_have_another_name(tmp_path: Path) -> None:
    manager = TrackerManager([JsonLinesTracker(tmp_path, file="events.jsonl")])
    manager.track("loss", 0.5, step=1)
    manager.close()
    assert lines_in(tmp_path, "events.jsonl")


def test_a_line_is_there_when_the_call_returns(tmp_path: Path) -> None:
    tracker = JsonLinesTracker(tmp_path)
    TrackerManager([tracker]).track("loss", 0.5, step=1)
    assert values_in(tmp_path, "loss") == [0.5]
    tracker.close()


def test_it_writes_no_file_before_there_is_something_to_write(tmp_path: Path) -> None:
    JsonLinesTracker(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_processes_share_the_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen(command) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    expected = sorted(3 * [float(step) for step in range(500)])
    assert sorted(values_in(tmp_path, "loss")) == expected
