"""Calls of a tracker as records, and the lines they are written as."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Level, Metric, RunStatus
from experiment_manager.common.metrics import to_points
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.events import Event, EventTracker

RUN = Context(Level.TRIAL_RUN, "digits", "small", run=2, run_key="digits/small/2")
EPOCH = RUN.entering(Level.EPOCH, epoch=3)


class EventList(EventTracker):
    """Keeps the events."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)

    @property
    def line(self) -> dict[str, Any]:
        """The only event, as a reader of the file sees it, without its time."""
        (event,) = self.events
        read: dict[str, Any] = json.loads(event.to_json())
        assert read.pop("time_s") == event.time_s
        return read


@pytest.fixture
def tracker() -> EventList:
    return EventList()


IN_RUN = {"experiment": "digits", "trial": "small", "run": 2, "run_key": "digits/small/2"}
IN_EPOCH = {**IN_RUN, "epoch": 3}


def test_a_creation_has_its_level_and_details(tracker: EventList) -> None:
    tracker.on_create(Level.TRIAL_RUN, RUN, seed=7, config={"lr": 0.1})
    assert tracker.line == {
        "method": "on_create",
        "level": "TRIAL_RUN",
        **IN_RUN,
        "details": {"seed": 7, "config": {"lr": 0.1}},
    }


def test_a_start_has_its_level(tracker: EventList) -> None:
    tracker.on_start(Level.PIPELINE, RUN)
    assert tracker.line == {"method": "on_start", "level": "PIPELINE", **IN_RUN}


def test_an_end_has_status_and_error(tracker: EventList) -> None:
    tracker.on_end(Level.TRIAL_RUN, RUN, RunStatus.FAILED, "ValueError: bad")
    expected = {"method": "on_end", "level": "TRIAL_RUN", **IN_RUN}
    assert tracker.line == {**expected, "status": "failed", "error": "ValueError: bad"}


def test_metrics_are_a_list_at_their_place(tracker: EventList) -> None:
    tracker.track(to_points({Metric.VAL_LOSS: 0.5, "acc": {"cat": 1}}, step=3), EPOCH)
    assert tracker.line == {
        "method": "track",
        "level": "EPOCH",
        **IN_EPOCH,
        "metrics": [
            {"name": "val_loss", "value": 0.5, "step": 3},
            {"name": "acc", "per_label": {"cat": 1.0}, "step": 3},
        ],
    }


def test_parameters_are_those_of_the_moment(tracker: EventList) -> None:
    params = {"lr": 0.1}
    tracker.log_params(params, RUN)
    params["lr"] = 0.2
    assert tracker.line["params"] == {"lr": 0.1}


def test_a_file_has_its_absolute_path_and_type(
    tracker: EventList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tracker.on_add_artifact(Path("plot.png"), "plot", EPOCH)
    assert tracker.line["path"] == str(tmp_path / "plot.png")
    assert tracker.line["artifact_type"] == "plot"


def test_a_checkpoint_has_its_path_and_metrics(tracker: EventList) -> None:
    tracker.on_checkpoint(object(), Path("/data/model.pt"), to_points({"acc": 1.0}), EPOCH)
    line = tracker.line
    assert (line["method"], line["artifact_type"]) == ("on_checkpoint", "checkpoint")
    assert (line["path"], line["metrics"]) == ("/data/model.pt", [{"name": "acc", "value": 1.0}])


def test_nothing_makes_no_event(tracker: EventList) -> None:
    tracker.track((), EPOCH)
    tracker.log_params({}, RUN)
    assert tracker.events == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_survives_as_text(tracker: EventList, value: float) -> None:
    tracker.track(to_points({"loss": value}), RUN)
    (metric,) = tracker.line["metrics"]
    assert isinstance(metric["value"], str)
    assert float(metric["value"]) == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize(
    ("params", "written"),
    [
        ({"path": Path("data")}, {"path": "data"}),
        ({"sizes": (1, 2)}, {"sizes": [1, 2]}),
        ({"nested": {1: math.nan}}, {"nested": {"1": "NaN"}}),
        ({"none": None, "flag": True}, {"none": None, "flag": True}),
        ({"text": "two\nlines, é 🎯 \udc80"}, {"text": "two\nlines, é 🎯 \udc80"}),
    ],
    ids=lambda value: next(iter(value)),
)
def test_whatever_it_holds_is_one_line_of_plain_data(
    tracker: EventList, params: Mapping[str, Any], written: Mapping[str, Any]
) -> None:
    tracker.log_params(params, RUN)
    assert "\n" not in tracker.events[0].to_json()
    assert tracker.line["params"] == written
