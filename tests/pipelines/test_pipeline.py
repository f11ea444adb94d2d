"""The lifecycle: every line of the table in Pipeline's docstring, and what trackers hear."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Level, Metric, RunStatus
from experiment_manager.common.errors import EarlyStop
from experiment_manager.common.signals import Terminated
from experiment_manager.config.paths import Directory
from experiment_manager.environment import Environment
from experiment_manager.pipelines.pipeline import Pipeline
from experiment_manager.testing.recording import RecordingTracker
from experiment_manager.trackers.tracker_manager import TrackerManager

Body = Callable[["Training"], Any]
EpochBody = Callable[["Training", int], Any]


class Training(Pipeline):
    """Three epochs, unless told otherwise."""

    def __init__(
        self, env: Environment, run: Body | None = None, epoch: EpochBody | None = None
    ) -> None:
        super().__init__(env)
        self._run_body = run or Training.all_epochs
        self._epoch_body = epoch
        self.returned: list[Any] = []

    @Pipeline.run_wrapper
    def run(self, config: Any) -> Any:
        return self._run_body(self)

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx: int) -> Any:
        self.epoch_metrics["loss"] = 1 / (epoch_idx + 1)
        return self._epoch_body(self, epoch_idx) if self._epoch_body else None

    def all_epochs(self) -> None:
        for index in range(3):
            self.returned.append(self.run_epoch(index))


@pytest.fixture
def tracker() -> RecordingTracker:
    return RecordingTracker()


@pytest.fixture
def env(tmp_path: Path, tracker: RecordingTracker) -> Iterator[Environment]:
    with Environment({}, Directory(tmp_path), TrackerManager([tracker])) as env:
        yield env


def raising(error: BaseException, at: int = 1) -> EpochBody:
    """An epoch's body that raises in one of the epochs."""

    def body(_training: Training, index: int) -> None:
        if index == at:
            raise error

    return body


def run_raising(error: BaseException) -> Body:
    def body(_training: Training) -> None:
        raise error

    return body


def ends_of(tracker: RecordingTracker, level: Level) -> list[RunStatus]:
    return [call.given["status"] for call in tracker.named("on_end") if call.level is level]


def log_of(env: Environment) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in env.log_dir.glob("*.log"))


# What a body returned.


@pytest.mark.parametrize("status", [status for status in RunStatus if status.is_ended])
def test_a_status_that_run_returned_is_its_status(env: Environment, status: RunStatus) -> None:
    training = Training(env, run=lambda _: status)
    assert training.run(None) is status
    assert training.outcome.status is status


@pytest.mark.parametrize("returned", [None, 0, False, "failed", RunStatus.RUNNING])
def test_anything_else_that_run_returned_is_completed(env: Environment, returned: object) -> None:
    assert Training(env, run=lambda _: returned).run(None) is RunStatus.COMPLETED


@pytest.mark.parametrize("status", [status for status in RunStatus if status.is_ended])
def test_a_status_that_an_epoch_returned_is_its_status(
    env: Environment, tracker: RecordingTracker, status: RunStatus
) -> None:
    training = Training(env, epoch=lambda _self, _index: status)
    training.run(None)
    assert training.returned == [status] * 3
    assert ends_of(tracker, Level.EPOCH) == [status] * 3


def test_an_epoch_that_returned_nothing_is_completed(env: Environment) -> None:
    training = Training(env)
    training.run(None)
    assert training.returned == [RunStatus.COMPLETED] * 3


# What left a body.


def test_an_early_stop_from_run_is_stopped(env: Environment) -> None:
    training = Training(env, run=run_raising(EarlyStop("enough")))
    assert training.run(None) is RunStatus.STOPPED
    assert log_of(env) == ""


def test_an_early_stop_from_an_epoch_leaves_the_loop(
    env: Environment, tracker: RecordingTracker
) -> None:
    training = Training(env, epoch=raising(EarlyStop("enough")))
    assert training.run(None) is RunStatus.STOPPED
    assert ends_of(tracker, Level.EPOCH) == [RunStatus.COMPLETED, RunStatus.STOPPED]
    assert log_of(env) == ""


@pytest.mark.parametrize("place", ["run", "epoch"])
def test_a_stray_next_is_stopped_with_a_warning_that_shows_its_place(
    env: Environment, place: str
) -> None:
    def stray(*_: Any) -> None:
        next(iter([]))

    training = Training(env, run=stray) if place == "run" else Training(env, epoch=stray)
    assert training.run(None) is RunStatus.STOPPED
    log = log_of(env)
    assert "WARNING" in log
    assert f"{__file__}, line" in log
    assert "in stray" in log


def test_a_stray_next_inside_of_a_generator_is_stopped_too(env: Environment) -> None:
    def stray(_training: Training) -> list[object]:
        def batches() -> Iterator[object]:
            yield next(iter([]))

        return list(batches())

    assert Training(env, run=stray).run(None) is RunStatus.STOPPED
    assert "WARNING" in log_of(env)


def test_an_exception_from_run_is_failed_logged_and_not_raised(
    env: Environment, tracker: RecordingTracker
) -> None:
    training = Training(env, run=run_raising(ZeroDivisionError("one by none")))
    assert training.run(None) is RunStatus.FAILED
    assert "ZeroDivisionError: one by none" in str(training.outcome.traceback)
    assert log_of(env).count("Traceback") == 1
    ended = tracker.named("on_end")[0]
    assert ended.given == {"status": RunStatus.FAILED, "error": training.outcome.traceback}


def test_an_exception_from_an_epoch_makes_it_return_failed(
    env: Environment, tracker: RecordingTracker
) -> None:
    training = Training(env, run=lambda self: self.returned.append(self.run_epoch(1)))
    training._epoch_body = raising(ValueError("x"))
    assert training.run(None) is RunStatus.FAILED
    assert training.returned == [RunStatus.FAILED]
    assert ends_of(tracker, Level.EPOCH) == [RunStatus.FAILED]
    assert log_of(env).count("Traceback") == 1


@pytest.mark.parametrize("returned", [None, RunStatus.COMPLETED, RunStatus.STOPPED])
def test_after_an_epochs_exception_the_run_is_failed_whatever_it_returns(
    env: Environment, returned: object
) -> None:
    def body(training: Training) -> object:
        training.run_epoch(1)
        return returned

    assert Training(env, body, raising(ValueError("x"))).run(None) is RunStatus.FAILED


def test_the_next_epoch_after_an_exception_raises_it(env: Environment) -> None:
    error = ValueError("x")
    training = Training(env, epoch=raising(error, at=0))
    assert training.run(None) is RunStatus.FAILED
    assert training.returned == [RunStatus.FAILED]
    assert training.outcome.error is error
    assert log_of(env).count("Traceback") == 1


@pytest.mark.parametrize("place", ["run", "epoch"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), Terminated(), GeneratorExit()])
def test_an_interrupt_is_aborted_and_raised_again_after_everything_was_closed(
    env: Environment, tracker: RecordingTracker, place: str, error: BaseException
) -> None:
    in_run = place == "run"
    training = Training(env, run_raising(error) if in_run else None, raising(error))
    with pytest.raises(type(error)) as raised:
        training.run(None)
    assert raised.value is error
    assert training.outcome.status is RunStatus.ABORTED
    assert ends_of(tracker, Level.PIPELINE) == [RunStatus.ABORTED]
    assert ends_of(tracker, Level.EPOCH)[1:] == ([] if in_run else [RunStatus.ABORTED])


def test_an_early_stop_that_run_caught_is_stopped(env: Environment) -> None:
    def body(training: Training) -> None:
        try:
            training.all_epochs()
        except EarlyStop:
            training.run_metrics["best"] = 1

    training = Training(env, body, raising(EarlyStop("x")))
    assert training.run(None) is RunStatus.STOPPED
    assert training.run_metrics == {"best": 1}


def test_a_failure_after_a_caught_early_stop_is_failed(env: Environment) -> None:
    def body(training: Training) -> None:
        try:
            training.all_epochs()
        except StopIteration:
            raise ValueError("later") from None

    assert Training(env, body, raising(EarlyStop("x"))).run(None) is RunStatus.FAILED


@pytest.mark.parametrize("level", [Level.PIPELINE, Level.EPOCH])
def test_an_interrupt_while_a_tracker_is_told_the_end_is_raised(
    tmp_path: Path, level: Level
) -> None:
    class Interrupted(RecordingTracker):
        def on_end(self, at: Level, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
            super().on_end(at, *args, **kwargs)
            if at is level:
                raise KeyboardInterrupt

    tracker = Interrupted()
    with Environment({}, Directory(tmp_path), TrackerManager([tracker])) as env:
        training = Training(env)
        with pytest.raises(KeyboardInterrupt):
            training.run(None)
        assert training.outcome.status is RunStatus.ABORTED
        assert len([call for call in tracker.named("on_start") if call.level is Level.EPOCH]) == (
            3 if level is Level.PIPELINE else 1
        )


# Metrics.


def test_an_epochs_metrics_are_tracked_in_the_epoch_then_cleared(
    env: Environment, tracker: RecordingTracker
) -> None:
    training = Training(env)
    training.run(None)
    tracked = [
        (c.context.epoch, c.points[0].value, c.points[0].step) for c in tracker.named("track")
    ]
    assert tracked == [(0, 1.0, 0), (1, 0.5, 1), (2, 1 / 3, 2)]
    assert training.epoch_metrics == {}


def test_a_failing_epochs_metrics_do_not_reach_the_next_run(env: Environment) -> None:
    training = Training(env, epoch=raising(ValueError("x"), at=0))
    training.run(None)
    assert training.epoch_metrics == {}


def test_what_is_no_metric_fails_the_run_and_names_it(env: Environment) -> None:
    def body(training: Training, _index: int) -> None:
        training.epoch_metrics["accuracy"] = "high"

    training = Training(env, epoch=body)
    assert training.run(None) is RunStatus.FAILED
    assert "'accuracy'" in str(training.outcome.error)


def test_run_metrics_are_results_of_the_run(env: Environment, tracker: RecordingTracker) -> None:
    def body(training: Training) -> None:
        training.run_metrics[Metric.TEST_ACC] = 0.9

    Training(env, body).run(None)
    call = tracker.named("track")[0]
    assert (call.points[0].name, call.context.epoch) == ("test_acc", None)


@pytest.mark.parametrize("error", [ValueError("x"), EarlyStop("x"), KeyboardInterrupt()])
def test_run_metrics_of_a_run_that_did_not_complete_are_kept(
    env: Environment, tracker: RecordingTracker, error: BaseException
) -> None:
    def body(training: Training) -> None:
        training.run_metrics["score"] = 1
        raise error

    training = Training(env, body)
    if isinstance(error, Exception):
        training.run(None)
    else:
        with pytest.raises(KeyboardInterrupt):
            training.run(None)
    assert tracker.named("track")[0].points[0].name == "score"


def test_the_entities_come_and_go_in_order(env: Environment, tracker: RecordingTracker) -> None:
    Training(env, run=lambda self: self.run_epoch(0)).run(None)
    inside = [entry for entry in tracker.lifecycle() if "PIPELINE" in entry or "EPOCH" in entry]
    assert inside == [
        "on_create PIPELINE",
        "on_start PIPELINE",
        "on_create EPOCH",
        "on_start EPOCH",
        "on_end EPOCH",
        "on_end PIPELINE",
    ]


def test_a_pipeline_runs_again_with_a_clean_outcome(env: Environment) -> None:
    training = Training(env, epoch=raising(ValueError("x")))
    assert training.run(None) is RunStatus.FAILED
    training._epoch_body = None
    assert training.run(None) is RunStatus.COMPLETED


# The decorators.


def test_the_epochs_further_arguments_are_the_users_own(env: Environment) -> None:
    class Own(Training):
        @Pipeline.epoch_wrapper
        def run_own(self, number: int, model: str, *, rate: float) -> None:
            self.epoch_metrics[f"{model}/{rate}"] = number

    own = Own(env, run=lambda self: self.run_own(number=4, model="net", rate=0.1))  # type: ignore[attr-defined]
    assert own.run(None) is RunStatus.COMPLETED


def test_a_decorated_method_keeps_its_name_and_documentation() -> None:
    def run_epoch(self: Pipeline, epoch_idx: int) -> None:
        """One epoch."""

    wrapped = Pipeline.epoch_wrapper(run_epoch)
    assert (wrapped.__name__, wrapped.__doc__) == ("run_epoch", "One epoch.")


@pytest.mark.parametrize("decorator", [Pipeline.epoch_wrapper, Pipeline.batch_wrapper])
def test_an_epoch_without_an_index_is_refused_when_it_is_decorated(
    decorator: Callable[..., Any],
) -> None:
    with pytest.raises(TypeError, match="index as its first argument"):
        decorator(lambda self: None)  # noqa: ARG005


@pytest.mark.parametrize("arguments", [(), ("first",), (1.5,)])
def test_an_index_that_is_missing_or_no_integer_fails_the_run(
    env: Environment, arguments: tuple[Any, ...]
) -> None:
    training = Training(env, run=lambda self: self.run_epoch(*arguments))
    assert training.run(None) is RunStatus.FAILED
    assert isinstance(training.outcome.error, TypeError)


def test_a_numpy_index_is_an_index(env: Environment, tracker: RecordingTracker) -> None:
    np = pytest.importorskip("numpy")
    training = Training(env, run=lambda self: self.run_epoch(np.int64(3)))
    assert training.run(None) is RunStatus.COMPLETED
    assert type(tracker.named("track")[0].context.epoch) is int


def test_run_must_be_defined(env: Environment) -> None:
    class Nothing(Pipeline):
        pass

    with pytest.raises(NotImplementedError, match="Nothing does not define run"):
        Nothing(env).run(None)


def test_a_decorated_run_that_calls_its_supers_is_one_run(
    env: Environment, tracker: RecordingTracker
) -> None:
    class Further(Training):
        @Pipeline.run_wrapper
        def run(self, config: Any) -> RunStatus:
            return super().run(config)

    assert Further(env).run(None) is RunStatus.COMPLETED
    assert ends_of(tracker, Level.PIPELINE) == [RunStatus.COMPLETED]


# Batches.


class Batched(Training):
    @Pipeline.batch_wrapper
    def run_batch(self, batch_idx: int, value: float) -> float:
        self.batch_metrics["batch_loss"] = value
        if value < 0:
            raise ValueError("negative")
        return value * 2

    def two_batches(self, _index: int) -> None:
        self.epoch_metrics["sum"] = self.run_batch(0, 1.0) + self.run_batch(1, 2.0)


def test_batch_metrics_are_tracked_in_their_batch(
    env: Environment, tracker: RecordingTracker
) -> None:
    training = Batched(env, run=lambda self: self.run_epoch(5))
    training._epoch_body = Batched.two_batches  # type: ignore[assignment]
    assert training.run(None) is RunStatus.COMPLETED
    contexts = [call.context for call in tracker.named("track")]
    assert [(c.level, c.epoch, c.batch) for c in contexts] == [
        (Level.BATCH, 5, 0),
        (Level.BATCH, 5, 1),
        (Level.EPOCH, 5, None),
    ]
    assert training.batch_metrics == {}


def test_a_batch_gives_back_what_it_returned(env: Environment, tracker: RecordingTracker) -> None:
    training = Batched(env, run=lambda self: self.run_epoch(0))
    training._epoch_body = Batched.two_batches  # type: ignore[assignment]
    training.run(None)
    points = {point.name: point.value for point in tracker.named("track")[-1].points}
    assert points["sum"] == 6.0


def test_a_batch_that_raises_fails_its_epoch_and_is_cleared(
    env: Environment, tracker: RecordingTracker
) -> None:
    training = Batched(env, epoch=lambda self, _: self.run_batch(0, -1.0))  # type: ignore[attr-defined]
    assert training.run(None) is RunStatus.FAILED
    assert training.batch_metrics == {}
    assert ends_of(tracker, Level.BATCH) == [RunStatus.FAILED]
    assert ends_of(tracker, Level.EPOCH) == [RunStatus.FAILED]
