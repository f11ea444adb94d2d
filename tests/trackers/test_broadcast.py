"""What a tracker's failure means: it depends on the phase."""

from __future__ import annotations

import logging
from typing import ClassVar

import pytest

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.testing.recording import RecordingTracker
from experiment_manager.trackers.tracker_manager import TrackerManager

RECORDING = ("track", "log_params", "on_add_artifact", "on_checkpoint")


class RequiredTracker(RecordingTracker):
    required: ClassVar[bool] = True


def record(manager: TrackerManager, name: str) -> None:
    """One call that ends in the tracker's method of that name."""
    if name == "track":
        manager.track("loss", 1)
    elif name == "log_params":
        manager.log_params({"lr": 0.1})
    elif name == "on_add_artifact":
        manager.on_add_artifact(Level.TRIAL_RUN, "plot.png")
    else:
        manager.on_checkpoint(object(), "model.bin")


# Starting.


@pytest.mark.parametrize("name", ["on_create", "on_start"])
@pytest.mark.parametrize("level", [level for level in Level if not level.is_below(Level.PIPELINE)])
def test_a_failure_while_starting_raises(name: str, level: Level) -> None:
    manager = TrackerManager([RecordingTracker(failing=[name])])
    with pytest.raises(OSError, match=name):
        manager.on_start(level)


@pytest.mark.parametrize("name", ["on_create", "on_start"])
@pytest.mark.parametrize("level", [Level.EPOCH, Level.BATCH])
def test_a_failure_at_an_epochs_start_does_not_stop_the_training(
    name: str, level: Level, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = RecordingTracker()
    manager = TrackerManager([tracker])
    manager.on_start(Level.TRIAL_RUN)
    tracker.failing = [name]
    manager.on_start(level)
    assert len(caplog.records) == 1


# Running.


@pytest.mark.parametrize("name", RECORDING)
def test_a_failure_while_running_mutes_the_tracker(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = RecordingTracker(failing=[name]), RecordingTracker()
    manager = TrackerManager([broken, whole])
    for _ in range(3):
        record(manager, name)
    record(manager, "track")
    assert len(broken.named(name)) == 1
    assert len(whole.named(name)) == (4 if name == "track" else 3)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "RecordingTracker" in caplog.text
    assert f"{name} was told to fail" in caplog.text


@pytest.mark.parametrize("name", RECORDING)
def test_a_required_tracker_raises_while_running(name: str) -> None:
    manager = TrackerManager([RequiredTracker(failing=[name])])
    with pytest.raises(OSError, match=name):
        record(manager, name)


def test_a_muted_tracker_is_reported_once_whatever_else_it_fails_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    manager = TrackerManager([RecordingTracker(failing=[*RECORDING, "on_end", "close"])])
    for name in RECORDING:
        record(manager, name)
    manager.close()
    assert len(caplog.records) == 1


def test_a_muted_tracker_is_still_ended_and_closed() -> None:
    broken = RecordingTracker(failing=["track"])
    manager = TrackerManager([broken])
    manager.track("loss", 1)
    manager.close()
    assert len(broken.named("on_end")) == 3
    assert len(broken.named("close")) == 1


def test_an_interrupt_inside_of_a_tracker_is_never_muted() -> None:
    class Interrupted(RecordingTracker):
        def track(self, points: object, context: object) -> None:
            raise KeyboardInterrupt

    manager = TrackerManager([Interrupted()])
    with pytest.raises(KeyboardInterrupt):
        manager.track("loss", 1)


def test_children_know_which_trackers_are_muted(caplog: pytest.LogCaptureFixture) -> None:
    broken = RecordingTracker(failing=["track"])
    parent = TrackerManager([broken])
    child = parent.create_child("child")
    child.track("loss", 1)
    parent.track("loss", 1)
    parent.create_child("other").track("loss", 1)
    assert len(broken.named("track")) == 1
    assert len(caplog.records) == 1


def test_a_failure_is_reported_to_the_logger_that_was_named() -> None:
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.Logger("mine")  # noqa: LOG001 - one that nobody else holds
    logger.addHandler(handler)
    manager = TrackerManager([RecordingTracker(failing=["track"])])
    manager.report_to(logger)
    manager.track("loss", 1)
    assert len(messages) == 1


# Ending.


def test_all_are_ended_last_first_whatever_one_does() -> None:
    order: list[str] = []

    class Named(RecordingTracker):
        def __init__(self, name: str) -> None:
            super().__init__(failing=["on_end", "close"] if name == "b" else [])
            self.name = name

        def on_end(
            self,
            level: Level,
            context: object,
            status: RunStatus = RunStatus.COMPLETED,
            error: str | None = None,
        ) -> None:
            order.append(f"{self.name} ends {level.name}")
            super().on_end(level, context, status, error)  # type: ignore[arg-type]

        def close(self) -> None:
            order.append(f"{self.name} closes")
            super().close()

    manager = TrackerManager([Named("a"), Named("b"), Named("c")])
    manager.on_start(Level.EXPERIMENT)
    manager.on_start(Level.TRIAL)
    manager.close()
    assert order == [
        *("c ends TRIAL", "b ends TRIAL", "a ends TRIAL"),
        *("c ends EXPERIMENT", "b ends EXPERIMENT", "a ends EXPERIMENT"),
        *("c closes", "b closes", "a closes"),
    ]


def test_a_failure_while_ending_is_reported_and_does_not_raise(
    caplog: pytest.LogCaptureFixture,
) -> None:
    manager = TrackerManager([RecordingTracker(failing=["on_end"])])
    manager.on_start(Level.EXPERIMENT)
    manager.on_end(Level.EXPERIMENT)
    assert "failed while ending" in caplog.text


def test_a_required_trackers_failure_is_raised_after_the_others_were_ended() -> None:
    first, required = RecordingTracker(), RequiredTracker(failing=["on_end"])
    manager = TrackerManager([first, required])
    manager.on_start(Level.EXPERIMENT)
    with pytest.raises(OSError, match="on_end"):
        manager.on_end(Level.EXPERIMENT)
    assert len(first.named("on_end")) == 1


def test_a_required_trackers_failing_end_does_not_keep_anything_open() -> None:
    first, required = RecordingTracker(), RequiredTracker(failing=["on_end"])
    manager = TrackerManager([first, required])
    manager.track("loss", 1)
    with pytest.raises(OSError, match="on_end"):
        manager.close()
    assert len(first.named("on_end")) == 3
    assert len(first.named("close")) == 1
    assert len(required.named("close")) == 1


def test_ending_an_outer_level_goes_on_after_a_failure() -> None:
    required = RequiredTracker(failing=["on_end"])
    manager = TrackerManager([required])
    manager.on_start(Level.TRIAL_RUN)
    manager.on_start(Level.EPOCH)
    with pytest.raises(OSError, match="on_end"):
        manager.on_end(Level.TRIAL_RUN)
    assert [call.level for call in required.named("on_end")] == [Level.EPOCH, Level.TRIAL_RUN]
    assert manager.context.level is Level.TRIAL


def test_a_tracker_that_fails_in_every_end_is_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    manager = TrackerManager([RecordingTracker(failing=["on_end", "close"])])
    manager.track("loss", 1)
    manager.close()
    assert len(caplog.records) == 1


def test_closing_twice_is_harmless() -> None:
    tracker = RecordingTracker()
    manager = TrackerManager([tracker])
    manager.on_start(Level.EXPERIMENT)
    manager.close()
    manager.close()
    assert len(tracker.named("on_end")) == 1
