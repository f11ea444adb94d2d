"""The laws that a pipeline keeps towards its callbacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Level, Metric, RunStatus
from experiment_manager.common.errors import EarlyStop, RunTakenError
from experiment_manager.common.signals import Terminated
from experiment_manager.config.paths import Directory
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.testing.callback_contract import ScriptedPipeline
from experiment_manager.testing.recording import RecordingTracker
from experiment_manager.trackers.tracker_manager import TrackerManager

EPOCH = {"loss": 0.5}


class Noting(Callback):
    """Notes its calls in a list that several share; raises where it is told to."""

    def __init__(
        self,
        notes: list[str],
        name: str = "a",
        failing: str = "",
        error: type[BaseException] = OSError,
    ) -> None:
        super().__init__()
        self.notes = notes
        self.name = name
        self.failing = failing
        self.error = error
        self.final: dict[Any, Any] | None = None

    def on_start(self) -> None:
        self._note("start")

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> bool | None:
        self._note(f"epoch {epoch_idx}")
        return None

    def on_end(self, metrics: Mapping[Any, Any]) -> None:
        self.final = dict(metrics)
        self._note("end")

    def _note(self, what: str) -> None:
        self.notes.append(f"{self.name} {what}")
        if self.failing and what.startswith(self.failing):
            raise self.error(f"{self.name} {what} was told to fail")


class Answering(Callback):
    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer
        self.epochs = 0

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> Any:
        self.epochs += 1
        return self.answer


@pytest.fixture
def tracker() -> RecordingTracker:
    return RecordingTracker()


@pytest.fixture
def env(tmp_path: Path, tracker: RecordingTracker) -> Iterator[Environment]:
    with Environment({}, Directory(tmp_path), TrackerManager([tracker])) as env:
        yield env


def run(
    env: Environment, callbacks: list[Callback], epochs: list[Any] | None = None
) -> ScriptedPipeline:
    pipeline = ScriptedPipeline(env, [EPOCH, EPOCH] if epochs is None else epochs)
    for callback in callbacks:
        pipeline.register_callback(callback)
    pipeline.run(None)
    return pipeline


# Order.


def test_starts_and_epochs_come_in_order_of_registration_ends_in_reverse(
    env: Environment,
) -> None:
    notes: list[str] = []
    run(env, [Noting(notes, "a"), Noting(notes, "b")], [EPOCH])
    assert notes == ["a start", "b start", "a epoch 0", "b epoch 0", "b end", "a end"]


def test_the_metrics_are_tracked_before_a_callback_sees_them(
    env: Environment, tracker: RecordingTracker
) -> None:
    class Looks(Callback):
        def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
            assert tracker.calls[-1].name == "track"

    assert run(env, [Looks()]).outcome.status is RunStatus.COMPLETED


def test_the_epoch_is_still_open_during_on_epoch_end(
    env: Environment, tracker: RecordingTracker
) -> None:
    class Saves(Callback):
        def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
            env.tracker_manager.on_add_artifact(Level.EPOCH, "plot.png", "plot")

    run(env, [Saves()])
    assert [call.context.epoch for call in tracker.named("on_add_artifact")] == [0, 1]
    names = [call.name for call in tracker.calls]
    assert names.index("on_add_artifact") < names.index("on_end")


def test_run_metrics_are_tracked_before_on_end_and_given_to_it(
    env: Environment, tracker: RecordingTracker
) -> None:
    callback = Noting([])
    run(env, [callback])
    assert callback.final == {Metric.TEST_ACC: 0.9}
    assert tracker.named("track")[-1].points[0].name == "test_acc"


def test_one_that_is_registered_late_starts_at_once(env: Environment) -> None:
    notes: list[str] = []

    class Registering(Callback):
        def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
            if epoch_idx == 0:
                pipeline.register_callback(Noting(notes, "late"))

    pipeline = ScriptedPipeline(env, [EPOCH, EPOCH])
    pipeline.register_callback(Registering())
    pipeline.run(None)
    assert notes[0] == "late start"
    assert notes[-2:] == ["late epoch 1", "late end"]


# The end comes exactly once.


@pytest.mark.parametrize(
    "error",
    [None, ValueError("x"), EarlyStop("x"), StopIteration(), KeyboardInterrupt(), Terminated()],
)
def test_the_end_comes_exactly_once_whatever_happened(
    env: Environment, error: BaseException | None
) -> None:
    notes: list[str] = []
    epochs = [EPOCH] if error is None else [EPOCH, error]
    if error is None or isinstance(error, Exception):
        run(env, [Noting(notes)], epochs)
    else:
        with pytest.raises(type(error)):
            run(env, [Noting(notes)], epochs)
    assert notes.count("a end") == 1
    assert notes[-1] == "a end"


def test_no_end_comes_where_another_process_has_begun_the_run_again(env: Environment) -> None:
    notes: list[str] = []
    run(env, [Noting(notes)], [EPOCH, RunTakenError("begun again")])
    assert notes == ["a start", "a epoch 0"]


@pytest.mark.parametrize("failing", ["start", "epoch 0", "end"])
def test_the_end_comes_to_all_where_one_callback_fails(env: Environment, failing: str) -> None:
    notes: list[str] = []
    pipeline = run(env, [Noting(notes, "a"), Noting(notes, "b", failing), Noting(notes, "c")])
    assert pipeline.outcome.status is RunStatus.FAILED
    assert [note for note in notes if note.endswith("end")] == ["c end", "b end", "a end"]


# Exceptions.


@pytest.mark.parametrize("failing", ["start", "epoch 0", "end"])
def test_an_exception_in_a_callback_fails_the_run(env: Environment, failing: str) -> None:
    pipeline = run(env, [Noting([], failing=failing)])
    assert pipeline.outcome.status is RunStatus.FAILED
    assert f"{failing} was told to fail" in str(pipeline.outcome.error)


def test_after_a_failing_start_no_epoch_is_run(
    env: Environment, tracker: RecordingTracker
) -> None:
    run(env, [Noting([], failing="start")])
    assert tracker.named("track") == []


@pytest.mark.parametrize("failing", ["start", "epoch 1", "end"])
def test_an_interrupt_in_a_callback_is_raised_after_all_were_ended(
    env: Environment, tracker: RecordingTracker, failing: str
) -> None:
    notes: list[str] = []
    callbacks: list[Callback] = [
        Noting(notes, "a"),
        Noting(notes, "b", failing, KeyboardInterrupt),
        Noting(notes, "c"),
    ]
    with pytest.raises(KeyboardInterrupt):
        run(env, callbacks)
    assert [note for note in notes if note.endswith("end")] == ["c end", "b end", "a end"]
    ended = [c.given["status"] for c in tracker.named("on_end") if c.level is Level.PIPELINE]
    assert ended == [RunStatus.ABORTED]


def test_a_failure_and_an_interrupt_together_are_aborted(env: Environment) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(env, [Noting([], failing="end", error=KeyboardInterrupt)], [ValueError("x")])


# Answers.


@pytest.mark.parametrize("answer", [None, True, 1, "go on", [0]])
def test_none_or_a_truthy_answer_goes_on(env: Environment, answer: Any) -> None:
    callback = Answering(answer)
    assert run(env, [callback]).outcome.status is RunStatus.COMPLETED
    assert callback.epochs == 2


@pytest.mark.parametrize("answer", [False, 0, ""])
def test_a_falsy_answer_stops_the_training(env: Environment, answer: Any) -> None:
    callback = Answering(answer)
    assert run(env, [callback]).outcome.status is RunStatus.STOPPED
    assert callback.epochs == 1


def test_numpys_false_is_false(env: Environment) -> None:
    np = pytest.importorskip("numpy")
    assert run(env, [Answering(np.bool_(False))]).outcome.status is RunStatus.STOPPED


def test_all_callbacks_see_the_epoch_after_which_one_stops(env: Environment) -> None:
    after = Answering(None)
    run(env, [Answering(False), after])
    assert after.epochs == 1


def test_the_epoch_is_ended_before_the_stop_takes_effect(
    env: Environment, tracker: RecordingTracker
) -> None:
    pipeline = run(env, [Answering(False)])
    ended = [call for call in tracker.named("on_end") if call.level is Level.EPOCH]
    assert [call.given["status"] for call in ended] == [RunStatus.COMPLETED]
    assert isinstance(pipeline.outcome.error, EarlyStop)
    assert pipeline.epoch_metrics == {}


# The snapshot.


def test_the_snapshot_is_read_only(env: Environment) -> None:
    class Writes(Callback):
        def on_epoch_end(self, epoch_idx: int, metrics: Any) -> None:
            metrics["mine"] = 1

    pipeline = run(env, [Writes()])
    assert isinstance(pipeline.outcome.error, TypeError)


def test_the_snapshot_survives_the_clearing_of_the_dict(env: Environment) -> None:
    kept: list[Mapping[Any, Any]] = []

    class Keeps(Callback):
        def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
            kept.append(metrics)

    run(env, [Keeps()], [{"loss": 1}, {"loss": 2}])
    assert [dict(metrics) for metrics in kept] == [{"loss": 1}, {"loss": 2}]


def test_the_snapshot_has_what_is_not_tracked_too(env: Environment) -> None:
    model = object()
    seen: list[object] = []

    class Sees(Callback):
        def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
            seen.append(metrics[Metric.NETWORK])

    run(env, [Sees()], [{Metric.NETWORK: model}])
    assert seen == [model]
