"""Where a call lands in the hierarchy, and what the trackers hear of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiment_manager.common.common import Level, Metric, RunStatus
from experiment_manager.common.errors import EarlyStop, MetricError, TrackingError
from experiment_manager.common.signals import Terminated
from experiment_manager.testing.recording import RecordingTracker
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope


@pytest.fixture
def tracker() -> RecordingTracker:
    return RecordingTracker()


@pytest.fixture
def manager(tracker: RecordingTracker) -> TrackerManager:
    return TrackerManager([tracker], name="bare")


def open_down_to(manager: TrackerManager, level: Level) -> None:
    for each in Level:
        if not each.is_below(level):
            manager.on_create(each)
            manager.on_start(each)


# Without any on_create.


def test_a_bare_track_opens_experiment_trial_and_run(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    manager.track(Metric.TRAIN_LOSS, 0.5)
    assert tracker.lifecycle() == [
        "on_create EXPERIMENT",
        "on_start EXPERIMENT",
        "on_create TRIAL",
        "on_start TRIAL",
        "on_create TRIAL_RUN",
        "on_start TRIAL_RUN",
    ]


def test_implicit_entities_have_default_names(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    manager.track("loss", 1)
    context = tracker.named("track")[0].context
    assert (context.experiment, context.trial, context.run) == ("bare", "default", None)
    assert context.run_key


def test_a_second_bare_track_stays_in_the_same_run(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    manager.track("loss", 1)
    manager.track("loss", 2)
    first, second = tracker.named("track")
    assert first.context == second.context
    assert len(tracker.named("on_create")) == 3


def test_the_step_of_a_bare_track_is_an_epoch(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    manager.track("loss", 1, step=7)
    call = tracker.named("track")[0]
    assert (call.context.level, call.context.epoch) == (Level.EPOCH, 7)
    assert call.points[0].step == 7


def test_without_a_step_it_is_a_result_of_the_run(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    manager.track("score", 1)
    assert tracker.named("track")[0].context.epoch is None


def test_bare_parameters_belong_to_the_run(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    manager.log_params({"optimizer": {"name": "sgd", "lr": 0.1}, "layers": [64, 32]})
    call = tracker.named("log_params")[0]
    assert call.given == {"optimizer.name": "sgd", "optimizer.lr": 0.1, "layers": [64, 32]}
    assert call.context.contains(Level.TRIAL_RUN)


@pytest.mark.parametrize("level", list(Level))
def test_a_bare_artifact_opens_what_its_level_needs(
    manager: TrackerManager, tracker: RecordingTracker, level: Level
) -> None:
    manager.on_add_artifact(level, "plot.png", artifact_type="plot")
    call = tracker.named("on_add_artifact")[0]
    assert call.context.level is level
    assert call.given == {"path": Path("plot.png"), "type": "plot"}
    opened = {created.level for created in tracker.named("on_create")}
    assert opened == {
        each
        for each in (Level.EXPERIMENT, Level.TRIAL, Level.TRIAL_RUN)
        if not each.is_below(level)
    }


def test_an_epoch_artifact_outside_of_an_epoch_goes_to_the_last_one(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    manager.track("loss", 1, step=4)
    manager.on_add_artifact(Level.EPOCH, "model.bin")
    assert tracker.named("on_add_artifact")[0].context.epoch == 4


def test_a_bare_checkpoint_belongs_to_the_run(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    network = object()
    manager.on_checkpoint(network, checkpoint_path="m.pt", metrics={Metric.VAL_ACC: 0.95})
    call = tracker.named("on_checkpoint")[0]
    assert call.given == {"network": network, "path": Path("m.pt")}
    assert [(point.name, point.value) for point in call.points] == [("val_acc", 0.95)]
    assert call.context.contains(Level.TRIAL_RUN)


def test_an_explicit_run_replaces_the_implicit_one(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    manager.track("loss", 1)
    manager.on_create(Level.TRIAL_RUN, 5)
    assert [call.level for call in tracker.named("on_end")] == [Level.TRIAL_RUN]
    assert manager.context.run == 5


# The explicit hierarchy.


def test_contexts_name_the_entity_and_its_parents(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    manager.on_create(Level.EXPERIMENT, "digits", description="a comparison")
    manager.on_create(Level.TRIAL, trial_name="small")
    manager.on_create(Level.TRIAL_RUN, 2, seed=1)
    manager.on_create(Level.PIPELINE)
    manager.on_create(Level.EPOCH, epoch_idx=3)
    manager.on_create(Level.BATCH, index=9)
    run = Context(Level.TRIAL_RUN, "digits", "small", 2, "digits/small/2")
    assert [call.context for call in tracker.named("on_create")] == [
        Context(Level.EXPERIMENT, "digits"),
        Context(Level.TRIAL, "digits", "small"),
        run,
        run.entering(Level.PIPELINE),
        run.entering(Level.EPOCH, epoch=3),
        run.entering(Level.BATCH, epoch=3, batch=9),
    ]
    assert [dict(call.given) for call in tracker.named("on_create")] == [
        {"description": "a comparison"},
        {},
        {"seed": 1},
        {},
        {},
        {},
    ]


@pytest.mark.parametrize("level", list(Level))
def test_start_and_end_come_with_the_context_of_the_creation(
    manager: TrackerManager, tracker: RecordingTracker, level: Level
) -> None:
    open_down_to(manager, level)
    manager.on_end(level, RunStatus.STOPPED)
    created, started = tracker.named("on_create")[-1], tracker.named("on_start")[-1]
    ended = tracker.named("on_end")[0]
    assert created.level is started.level is ended.level is level
    assert created.context == started.context == ended.context
    assert ended.given["status"] is RunStatus.STOPPED


@pytest.mark.parametrize(
    "level", [level for level in Level if level is not Level.PIPELINE], ids=lambda v: v.name
)
def test_a_metric_lands_at_the_level_that_is_open(
    manager: TrackerManager, tracker: RecordingTracker, level: Level
) -> None:
    open_down_to(manager, level)
    manager.track("loss", 0.5)
    assert tracker.named("track")[0].context.level is level


def test_inside_an_epoch_the_step_is_only_a_step(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    open_down_to(manager, Level.PIPELINE)
    manager.on_start(Level.EPOCH, 2)
    manager.track("loss", 1, step=150)
    call = tracker.named("track")[0]
    assert (call.context.epoch, call.points[0].step) == (2, 150)


def test_epochs_and_batches_without_a_number_are_counted(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    open_down_to(manager, Level.PIPELINE)
    for _ in range(2):
        manager.on_start(Level.EPOCH)
        for _ in range(2):
            manager.on_start(Level.BATCH)
            manager.on_end(Level.BATCH)
        manager.on_end(Level.EPOCH)
    batches = [c.context for c in tracker.named("on_start") if c.level is Level.BATCH]
    assert [(b.epoch, b.batch) for b in batches] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_epochs_are_counted_anew_in_each_run(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    open_down_to(manager, Level.TRIAL)
    for number in (1, 2):
        manager.on_start(Level.TRIAL_RUN, number)
        manager.on_start(Level.EPOCH)
        manager.on_end(Level.TRIAL_RUN)
    epochs = [c.context for c in tracker.named("on_start") if c.level is Level.EPOCH]
    assert [(e.run, e.epoch) for e in epochs] == [(1, 0), (2, 0)]


def test_an_epoch_without_a_pipeline_is_legal(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    manager.on_start(Level.EPOCH)
    assert tracker.lifecycle()[-2:] == ["on_create EPOCH", "on_start EPOCH"]
    assert "on_create PIPELINE" not in tracker.lifecycle()


def test_ending_a_level_ends_what_is_open_below_it_first(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    open_down_to(manager, Level.BATCH)
    manager.on_end(Level.TRIAL_RUN, RunStatus.FAILED, "Traceback")
    ended = tracker.named("on_end")
    assert [call.level for call in ended] == [
        Level.BATCH,
        Level.EPOCH,
        Level.PIPELINE,
        Level.TRIAL_RUN,
    ]
    assert {call.given["error"] for call in ended} == {"Traceback"}
    assert manager.context.level is Level.TRIAL


def test_two_trials_in_one_experiment_share_it(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    manager.on_start(Level.EXPERIMENT, "digits")
    for name in ("small", "large"):
        manager.on_start(Level.TRIAL, name)
        manager.on_end(Level.TRIAL)
    trials = [c.context for c in tracker.named("on_start") if c.level is Level.TRIAL]
    assert [(t.experiment, t.trial) for t in trials] == [("digits", "small"), ("digits", "large")]


# Calls in the wrong order.


@pytest.mark.parametrize("level", list(Level))
def test_creating_an_open_level_again_is_refused(manager: TrackerManager, level: Level) -> None:
    open_down_to(manager, level)
    with pytest.raises(TrackingError, match=rf"on_end\({level.name}\) first"):
        manager.on_create(level)


def test_creating_above_what_is_open_is_refused(manager: TrackerManager) -> None:
    open_down_to(manager, Level.EPOCH)
    with pytest.raises(TrackingError, match=r"on_create\(TRIAL\).*on_end\(TRIAL\) first"):
        manager.on_create(Level.TRIAL)


def test_starting_twice_is_refused(manager: TrackerManager) -> None:
    manager.on_start(Level.EXPERIMENT)
    with pytest.raises(TrackingError, match="has been started already"):
        manager.on_start(Level.EXPERIMENT)


@pytest.mark.parametrize("level", list(Level))
def test_ending_what_was_never_opened_is_refused(manager: TrackerManager, level: Level) -> None:
    with pytest.raises(TrackingError, match=rf"on_end\({level.name}\)"):
        manager.on_end(level)


def test_ending_twice_is_refused(manager: TrackerManager) -> None:
    open_down_to(manager, Level.TRIAL)
    manager.on_end(Level.TRIAL)
    with pytest.raises(TrackingError):
        manager.on_end(Level.TRIAL)


def test_a_refused_call_changes_nothing(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    open_down_to(manager, Level.EPOCH)
    context, calls = manager.context, list(tracker.calls)
    with pytest.raises(TrackingError):
        manager.on_create(Level.TRIAL)
    assert manager.context == context
    assert tracker.calls == calls


@pytest.mark.parametrize("value", ["high", None, [1, 2], object()])
def test_what_is_no_number_is_refused_and_nothing_recorded(
    manager: TrackerManager, tracker: RecordingTracker, value: object
) -> None:
    with pytest.raises(MetricError, match="'acc'"):
        manager.track_dict({"loss": 1.0, "acc": value})
    assert tracker.named("track") == []


def test_a_step_is_an_integer(manager: TrackerManager) -> None:
    with pytest.raises(TypeError):
        manager.track("loss", 1, step=1.5)  # type: ignore[arg-type]


# The points.


def test_every_tracker_gets_the_same_frozen_points() -> None:
    first, second = RecordingTracker(), RecordingTracker()
    manager = TrackerManager([first, second])
    manager.track_dict({Metric.VAL_ACC: 0.5, "acc": {"cat": 1}}, step=1)
    given, again = first.named("track")[0], second.named("track")[0]
    assert given.points is again.points
    assert given.context is again.context
    with pytest.raises(AttributeError):
        given.points[0].value = 1.0  # type: ignore[misc]


def test_metrics_that_are_not_tracked_reach_no_tracker(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    untracked = [Metric.NETWORK, Metric.DATA, Metric.LABELS, Metric.STATUS]
    manager.track_dict(dict.fromkeys(untracked, object()))
    assert tracker.calls == []
    manager.track_dict({Metric.NETWORK: object(), Metric.VAL_ACC: 1})
    assert [point.name for point in tracker.named("track")[0].points] == ["val_acc"]


# Children and borrowed trackers.


def test_a_child_starts_at_its_parents_place(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    open_down_to(manager, Level.EXPERIMENT)
    child = manager.create_child("small")
    child.on_create(Level.TRIAL, "small")
    assert tracker.named("on_create")[-1].context == Context(Level.TRIAL, "bare", "small")
    assert manager.context.level is Level.EXPERIMENT


def test_closing_a_child_ends_what_it_opened_and_closes_no_tracker(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    open_down_to(manager, Level.EXPERIMENT)
    child = manager.create_child("small")
    child.on_start(Level.TRIAL, "small")
    child.close()
    assert [call.level for call in tracker.named("on_end")] == [Level.TRIAL]
    assert tracker.named("close") == []


def test_a_child_cannot_end_what_its_parent_opened(manager: TrackerManager) -> None:
    open_down_to(manager, Level.EXPERIMENT)
    with pytest.raises(TrackingError):
        manager.create_child("small").on_end(Level.EXPERIMENT)


def test_closing_ends_everything_and_then_closes_the_trackers(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    open_down_to(manager, Level.EPOCH)
    manager.close(RunStatus.ABORTED)
    assert tracker.lifecycle()[-5:] == [
        f"on_end {name}" for name in ("EPOCH", "PIPELINE", "TRIAL_RUN", "TRIAL", "EXPERIMENT")
    ]
    assert {call.given["status"] for call in tracker.named("on_end")} == {RunStatus.ABORTED}
    assert tracker.calls[-1].name == "close"


def test_borrowed_trackers_record_and_are_left_open() -> None:
    own, borrowed = RecordingTracker(), RecordingTracker()
    manager = TrackerManager([own], borrowed=[borrowed])
    manager.track("loss", 1)
    manager.close()
    assert len(own.named("close")) == 1
    assert borrowed.named("close") == []
    assert borrowed.calls == [call for call in own.calls if call.name != "close"]


def test_a_manager_inside_a_trial_does_not_end_it() -> None:
    tracker = RecordingTracker()
    inside = Context().entering_trial("digits", "small")
    manager = TrackerManager([tracker], inside)
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.close()
    assert tracker.lifecycle() == ["on_create TRIAL_RUN", "on_start TRIAL_RUN", "on_end TRIAL_RUN"]


# TrackScope.


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("x"), RunStatus.FAILED),
        (EarlyStop("x"), RunStatus.STOPPED),
        (StopIteration(), RunStatus.STOPPED),
        (KeyboardInterrupt(), RunStatus.ABORTED),
        (Terminated(), RunStatus.ABORTED),
        (SystemExit(143), RunStatus.FAILED),
    ],
)
def test_a_scope_ends_by_what_left_it(
    manager: TrackerManager, tracker: RecordingTracker, error: BaseException, status: RunStatus
) -> None:
    with pytest.raises(type(error)), TrackScope(manager, Level.TRIAL_RUN):
        raise error
    assert tracker.named("on_end")[0].given["status"] is status


def test_a_scope_that_is_left_quietly_is_completed(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    with TrackScope(manager, Level.EXPERIMENT, "digits") as entered:
        assert entered is manager
        with TrackScope(manager, level=Level.TRIAL, trial_name="small"):
            manager.track("score", 1)
    assert [str(call.context) for call in tracker.named("on_end")] == ["digits small", "digits"]
    assert {call.given["status"] for call in tracker.named("on_end")} == {RunStatus.COMPLETED}


def test_a_scope_starts_what_was_created_before(
    manager: TrackerManager, tracker: RecordingTracker
) -> None:
    manager.on_create(Level.TRIAL_RUN, 3)
    with TrackScope(manager, Level.TRIAL_RUN):
        pass
    runs = [call for call in tracker.calls if call.level is Level.TRIAL_RUN]
    assert [call.name for call in runs] == ["on_create", "on_start", "on_end"]
