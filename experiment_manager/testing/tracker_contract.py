"""What every tracker must do, as tests to inherit."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Level, Metric, RunStatus
from experiment_manager.common.metrics import MetricPoint, to_points
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker import Tracker
from experiment_manager.trackers.tracker_manager import TrackerManager

EXPERIMENT = Context(Level.EXPERIMENT, experiment="contract")
TRIAL = EXPERIMENT.entering(Level.TRIAL, trial="first")
RUN = TRIAL.entering(Level.TRIAL_RUN, run=1, run_key="contract/first/1")
PIPELINE = RUN.entering(Level.PIPELINE)
EPOCH = PIPELINE.entering(Level.EPOCH, epoch=0)
BATCH = EPOCH.entering(Level.BATCH, batch=0)
DOWN_TO_BATCH = (EXPERIMENT, TRIAL, RUN, PIPELINE, EPOCH, BATCH)
DOWN_TO_PIPELINE = DOWN_TO_BATCH[:4]
WITH_METRICS = (EXPERIMENT, TRIAL, RUN, EPOCH, BATCH)

CONFUSION = {"labels": ["cat", "dog"], "rows": [[3, 1], [0, 4]]}
ODD_NAMES = ("f1, macro", 'the "best"', "it's", "größe 🎯", "100%", "a/b", "a.b", "x" * 200)
ODD_PARAMS: dict[str, Any] = {
    "none": None,
    "flag": True,
    "layers": [64, 32],
    "empty": {},
    "optimizer.name": "adam",
    "path": Path("data"),
    "nan": math.nan,
    "text": "two\nlines, 'quotes' and \"more\" " * 50,
}


def level_of(context: Context) -> Level:
    """The level of one of the contexts above."""
    if context.level is None:
        raise ValueError("nothing is open in an empty context")
    return context.level


def open_all(tracker: Tracker, contexts: Sequence[Context]) -> None:
    """Create and start an entity for each context, from the top down."""
    for context in contexts:
        details = {"seed": 7, "config_hash": "abc", "config": {"seed": 7}}
        level = level_of(context)
        tracker.on_create(level, context, **(details if level is Level.TRIAL_RUN else {}))
        tracker.on_start(level, context)


def end_all(
    tracker: Tracker,
    contexts: Sequence[Context],
    status: RunStatus = RunStatus.COMPLETED,
    error: str | None = None,
) -> None:
    """End the entity of each context, from the bottom up."""
    for context in reversed(contexts):
        tracker.on_end(level_of(context), context, status=status, error=error)


class TrackerContract:
    """Inherit it in a class ``Test...`` and make the tracker; override the rest as it fits.

    The tests call the tracker as a :class:`~experiment_manager.trackers.tracker_manager.\
TrackerManager` does, so whatever it raises is seen and not muted.
    """

    def make_tracker(self, folder: Path) -> Tracker:
        """A tracker that writes below ``folder``, which exists."""
        raise NotImplementedError(f"{type(self).__name__} does not define make_tracker()")

    def values_of(self, folder: Path, metric: str) -> list[float] | None:
        """What is recorded in ``folder`` under a metric, in order.

        None, as here, where the tracker keeps nothing that can be read again; the tests that
        need it are skipped then.
        """

    def _recorded(self, folder: Path, metric: str) -> list[float]:
        values = self.values_of(folder, metric)
        if values is None:
            pytest.skip("values_of() is not defined for this tracker")
        return values

    @pytest.fixture
    def tracker(self, tmp_path: Path) -> Iterator[Tracker]:
        """The tracker under test."""
        tracker = self.make_tracker(tmp_path)
        yield tracker
        tracker.close()

    @pytest.fixture
    def in_run(self, tracker: Tracker) -> Iterator[Tracker]:
        """The tracker under test inside of a run."""
        open_all(tracker, DOWN_TO_PIPELINE)
        yield tracker
        end_all(tracker, DOWN_TO_PIPELINE)

    # The life of entities.

    def test_is_a_tracker(self, tracker: Tracker) -> None:
        assert isinstance(tracker, Tracker)
        assert isinstance(tracker.required, bool)

    def test_lives_through_all_six_levels(self, tracker: Tracker) -> None:
        open_all(tracker, DOWN_TO_BATCH)
        end_all(tracker, DOWN_TO_BATCH)

    def test_starts_inside_a_trial_that_others_created(self, tracker: Tracker) -> None:
        open_all(tracker, [RUN, PIPELINE, EPOCH])
        tracker.track(to_points({Metric.VAL_LOSS: 0.5}), EPOCH)
        end_all(tracker, [RUN, PIPELINE, EPOCH])

    def test_records_a_run_that_has_no_number(self, tracker: Tracker) -> None:
        by_hand = TRIAL.entering(Level.TRIAL_RUN, run=None, run_key="some-key")
        open_all(tracker, [EXPERIMENT, TRIAL, by_hand])
        tracker.track(to_points({"score": 1}), by_hand)
        end_all(tracker, [EXPERIMENT, TRIAL, by_hand])

    def test_takes_runs_of_several_trials_one_after_the_other(self, tracker: Tracker) -> None:
        for trial in ("first", "second"):
            for number in (1, 2):
                inside = EXPERIMENT.entering(Level.TRIAL, trial=trial)
                key = f"contract/{trial}/{number}"
                run = inside.entering(Level.TRIAL_RUN, run=number, run_key=key)
                open_all(tracker, [run])
                tracker.track(to_points({"score": number}), run)
                end_all(tracker, [run])

    def test_may_claim_a_planned_run_before_it_begins(self, tracker: Tracker) -> None:
        open_all(tracker, [EXPERIMENT, TRIAL])
        tracker.claim(1, TRIAL, "abc")
        open_all(tracker, [RUN, PIPELINE])
        end_all(tracker, DOWN_TO_PIPELINE)

    def test_may_claim_a_run_that_never_begins(self, tracker: Tracker) -> None:
        open_all(tracker, [EXPERIMENT, TRIAL])
        tracker.claim(1, TRIAL, None)
        end_all(tracker, [EXPERIMENT, TRIAL])

    @pytest.mark.parametrize("status", [s for s in RunStatus if s.is_ended])
    def test_takes_every_final_status(self, tracker: Tracker, status: RunStatus) -> None:
        open_all(tracker, DOWN_TO_PIPELINE)
        end_all(tracker, DOWN_TO_PIPELINE, status)

    @pytest.mark.parametrize("error", ["", "Traceback:\n  File 'x'\nValueError: {0} 100% é\n"])
    def test_takes_the_traceback_of_a_failure(self, tracker: Tracker, error: str) -> None:
        open_all(tracker, DOWN_TO_PIPELINE)
        end_all(tracker, DOWN_TO_PIPELINE, RunStatus.FAILED, error)

    def test_ends_an_epoch_without_metrics(self, in_run: Tracker) -> None:
        open_all(in_run, [EPOCH])
        end_all(in_run, [EPOCH])

    # Metrics.

    @pytest.mark.parametrize("context", WITH_METRICS, ids=lambda c: c.level.name)
    def test_takes_metrics_at_every_level(self, tracker: Tracker, context: Context) -> None:
        above = DOWN_TO_BATCH[: DOWN_TO_BATCH.index(context) + 1]
        open_all(tracker, above)
        tracker.track(to_points({Metric.TRAIN_LOSS: 0.5, "f1": 1}, step=3), context)
        end_all(tracker, above)

    @pytest.mark.parametrize(
        "metrics",
        [
            {"acc": {"cat": 0.5, "dog": 1.0}},
            {Metric.CONFUSION: CONFUSION},
            {Metric.CONFUSION: [[0, 0], [0, 0]]},
            {Metric.CUSTOM: [("f1", 0.5), ("recall", 0.25)]},
            {"loss": math.nan, "top": math.inf, "low": -math.inf, "acc": {"cat": math.nan}},
            {"tiny": 5e-324, "huge": 1.7e308, "zero": -0.0, "count": 2**53},
            dict.fromkeys(ODD_NAMES, 1.0),
        ],
        ids=[
            "per label",
            "confusion",
            "empty confusion",
            "custom",
            "non-finite",
            "range",
            "names",
        ],
    )
    def test_takes_every_kind_of_metric(self, in_run: Tracker, metrics: dict[Any, Any]) -> None:
        open_all(in_run, [EPOCH])
        in_run.track(to_points(metrics, step=0), EPOCH)
        end_all(in_run, [EPOCH])
        in_run.track(to_points(metrics), RUN)

    def test_takes_a_label_beside_a_total(self, in_run: Tracker) -> None:
        in_run.track([MetricPoint("f1", 0.5, {"cat": 0.25, "dog": 0.75})], RUN)

    def test_takes_no_metrics_at_all(self, in_run: Tracker) -> None:
        in_run.track((), EPOCH)

    def test_leaves_the_points_as_they_are(self, in_run: Tracker) -> None:
        points = to_points({"acc": {"cat": 0.5}, Metric.CONFUSION: CONFUSION}, step=0)
        before = copy.deepcopy(points)
        in_run.track(points, EPOCH)
        assert points == before

    def test_has_recorded_after_a_flush(self, in_run: Tracker, tmp_path: Path) -> None:
        in_run.track(to_points({"loss": 0.5}, step=0), EPOCH)
        in_run.flush()
        assert self._recorded(tmp_path, "loss") == [0.5]

    def test_keeps_every_epoch_in_order(self, in_run: Tracker, tmp_path: Path) -> None:
        for index in range(3):
            inside = PIPELINE.entering(Level.EPOCH, epoch=index)
            open_all(in_run, [inside])
            in_run.track(to_points({"loss": float(index)}, step=index), inside)
            end_all(in_run, [inside])
        in_run.flush()
        assert self._recorded(tmp_path, "loss") == [0.0, 1.0, 2.0]

    def test_still_has_it_after_closing(self, tmp_path: Path) -> None:
        tracker = self.make_tracker(tmp_path)
        open_all(tracker, DOWN_TO_PIPELINE)
        tracker.track(to_points({"loss": 0.25}, step=0), EPOCH)
        end_all(tracker, DOWN_TO_PIPELINE)
        tracker.close()
        assert self._recorded(tmp_path, "loss") == [0.25]

    def test_works_beside_another_on_the_same_place(self, in_run: Tracker, tmp_path: Path) -> None:
        other = self.make_tracker(tmp_path)
        second = TRIAL.entering(Level.TRIAL_RUN, run=2, run_key="contract/first/2")
        open_all(other, [second])
        other.track(to_points({"loss": 2.0}), second)
        in_run.track(to_points({"loss": 1.0}), RUN)
        end_all(other, [second])
        other.close()
        in_run.flush()
        assert sorted(self._recorded(tmp_path, "loss")) == [1.0, 2.0]

    # Parameters and files.

    @pytest.mark.parametrize("context", [EXPERIMENT, TRIAL, RUN], ids=lambda c: c.level.name)
    def test_takes_parameters(self, tracker: Tracker, context: Context) -> None:
        above = DOWN_TO_BATCH[: DOWN_TO_BATCH.index(context) + 1]
        params = dict(ODD_PARAMS)
        open_all(tracker, above)
        tracker.log_params(params, context)
        end_all(tracker, above)
        assert params == ODD_PARAMS

    def test_takes_no_parameters_at_all(self, in_run: Tracker) -> None:
        in_run.log_params({}, RUN)

    def test_takes_the_same_parameters_again(self, in_run: Tracker) -> None:
        in_run.log_params({"lr": 0.1}, RUN)
        in_run.log_params({"lr": 0.1, "depth": 3}, RUN)

    @pytest.mark.parametrize("context", WITH_METRICS, ids=lambda c: c.level.name)
    def test_takes_a_file_at_every_level(
        self, tracker: Tracker, context: Context, tmp_path: Path
    ) -> None:
        file = tmp_path / "a plot, 'größe'.png"
        file.write_bytes(b"png")
        above = DOWN_TO_BATCH[: DOWN_TO_BATCH.index(context) + 1]
        open_all(tracker, above)
        tracker.on_add_artifact(file, "plot", context)
        end_all(tracker, above)
        assert file.read_bytes() == b"png"

    def test_takes_a_file_of_an_epoch_that_has_no_metrics_yet(
        self, in_run: Tracker, tmp_path: Path
    ) -> None:
        file = tmp_path / "model.bin"
        file.write_bytes(b"1")
        open_all(in_run, [EPOCH])
        in_run.on_add_artifact(file, "model", EPOCH)
        in_run.track(to_points({"loss": 1}, step=0), EPOCH)
        end_all(in_run, [EPOCH])

    def test_takes_the_same_file_again(self, in_run: Tracker, tmp_path: Path) -> None:
        file = tmp_path / "model.bin"
        file.write_bytes(b"1")
        in_run.on_add_artifact(file, "model", RUN)
        in_run.on_add_artifact(file, "model", RUN)

    @pytest.mark.parametrize("context", [RUN, EPOCH], ids=lambda c: c.level.name)
    def test_takes_a_checkpoint(self, in_run: Tracker, context: Context, tmp_path: Path) -> None:
        file = tmp_path / "model.bin"
        file.write_bytes(b"weights")
        points = to_points({Metric.VAL_ACC: 0.9, "acc": {"cat": 0.5}})
        in_run.on_checkpoint(object(), file, points, context)

    # The end.

    def test_closes_twice(self, tmp_path: Path) -> None:
        tracker = self.make_tracker(tmp_path)
        open_all(tracker, DOWN_TO_BATCH)
        end_all(tracker, DOWN_TO_BATCH)
        tracker.close()
        tracker.close()

    def test_closes_unused(self, tmp_path: Path) -> None:
        self.make_tracker(tmp_path).close()

    def test_closes_inside_of_a_run(self, tmp_path: Path) -> None:
        tracker = self.make_tracker(tmp_path)
        open_all(tracker, DOWN_TO_BATCH)
        tracker.close()

    def test_a_manager_never_mutes_it(
        self, tracker: Tracker, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        file = tmp_path / "model.bin"
        file.write_bytes(b"1")
        manager = TrackerManager([], borrowed=[tracker])
        manager.track(Metric.TRAIN_LOSS, 0.5, step=1)
        manager.log_params({"optimizer": {"lr": 0.1}})
        manager.on_add_artifact(Level.EPOCH, file, "model")
        manager.on_checkpoint(object(), file, {Metric.VAL_ACC: 0.9})
        manager.close()
        assert caplog.records == []
