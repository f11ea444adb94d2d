"""What is under way to a server survives the death of the process."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.events import Event
from experiment_manager.trackers.spool import Spool

RUN = Context(Level.TRIAL_RUN, "digits", "small", 1, "digits/small/1")
EPOCH = RUN.entering(Level.EPOCH, epoch=3)
MATRIX = {"labels": ["cat", "Infinity"], "rows": [[1.0, 0.0], [0.0, 1.0]]}
EVENTS = (
    Event("track", EPOCH, 7.5, Level.EPOCH, (MetricPoint("loss", 0.1 + 0.2, None, 3),)),
    Event("track", EPOCH, 7.5, Level.EPOCH, (MetricPoint("low", -math.inf),)),
    Event("track", EPOCH, 7.5, Level.EPOCH, (MetricPoint("acc", None, {"cat": math.inf}),)),
    Event("track", EPOCH, 7.5, Level.EPOCH, (MetricPoint("confusion", 1.0, MATRIX),)),
    Event("log_params", RUN, 7.5, Level.TRIAL_RUN, params={"lr": 0.1, "layers": [64, 32]}),
    Event("on_end", RUN, 7.5, Level.TRIAL_RUN, status=RunStatus.FAILED, error="Traceback:\n x"),
    Event("on_checkpoint", EPOCH, 7.5, Level.EPOCH, path=Path("/a b"), artifact_type="checkpoint"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.jsonl"


def test_a_dead_processes_events_are_found_by_the_next_one(path: Path) -> None:
    spool = Spool(path)
    for event in EVENTS:
        spool.append(event)
    assert Spool(path).leftovers() == list(EVENTS)


def test_what_is_being_sent_comes_first(path: Path) -> None:
    spool = Spool(path)
    spool.append(EVENTS[0])
    spool.begin_sending()
    spool.append(EVENTS[1])
    assert Spool(path).leftovers() == list(EVENTS[:2])


def test_what_has_arrived_is_gone(path: Path) -> None:
    spool = Spool(path)
    spool.append(EVENTS[0])
    spool.begin_sending()
    spool.append(EVENTS[1])
    spool.settle()
    assert Spool(path).leftovers() == [EVENTS[1]]


def test_a_line_that_was_cut_off_is_left_out(path: Path) -> None:
    spool = Spool(path)
    spool.append(EVENTS[0])
    spool.append(EVENTS[1])
    path.write_text(path.read_text("utf-8")[:-3], "utf-8")
    assert Spool(path).leftovers() == [EVENTS[0]]


@pytest.mark.parametrize("is_kept", [False, True])
def test_files_are_found_again_where_the_spool_was_moved_with_them(
    tmp_path: Path, is_kept: bool
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    spool = Spool(before / "spool.jsonl")
    spool.append(EVENTS[-1]._replace(path=before / "artifacts" / "epoch_3.pt"))
    if is_kept:
        spool.keep(spool.leftovers())
    before.rename(after)
    (event,) = Spool(after / "spool.jsonl").leftovers()
    assert event.path == after / "artifacts" / "epoch_3.pt"


def test_only_what_is_kept_stays(path: Path) -> None:
    spool = Spool(path)
    for event in EVENTS:
        spool.append(event)
    spool.begin_sending()
    spool.keep(EVENTS[:1])
    spool.append(EVENTS[1])
    assert Spool(path).leftovers() == list(EVENTS[:2])
    spool.keep(())
    assert list(path.parent.iterdir()) == []


def test_what_no_other_attempt_can_go_on_with_is_not_kept(path: Path) -> None:
    Spool(path).append(Event("track", Context(Level.TRIAL, "digits", "small"), 7.5))
    assert not path.exists()
