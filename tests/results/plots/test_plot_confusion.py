"""Confusion matrices over repeats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_manager.common.common import Metric
from experiment_manager.common.confusion import ConfusionMatrix
from experiment_manager.common.metrics import to_points
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.plots.confusion import confusion_plot, load_confusions
from experiment_manager.results.plots.errors import PlotError
from experiment_manager.results.samples import Sample, UnknownFieldError
from experiment_manager.results.selection import select_runs

MakeSample = Callable[..., Sample]
ANIMALS = ConfusionMatrix(["cat", "dog"], [[3, 1], [0, 4]])


def test_counts_are_added_up_over_the_repeats(sample: MakeSample) -> None:
    trial = sample("small", [0.5, 0.5, 0.5])
    first, second, _ = (outcome.run.name for outcome in trial.outcomes)
    plot = confusion_plot([trial], {first: ANIMALS, second: ANIMALS})
    (matrix,) = plot.matrices
    assert matrix.counts == ((6, 2), (0, 8))
    assert matrix.n_runs == 2
    assert "added up over 2 runs." in plot.caption


def test_the_colour_is_the_share_of_the_true_class(sample: MakeSample) -> None:
    trial = sample("small", [0.5])
    counts = ConfusionMatrix(["cat", "dog"], [[3, 1], [0, 0]])
    (matrix,) = confusion_plot([trial], {trial.outcomes[0].run.name: counts}).matrices
    assert matrix.shares == ((0.75, 0.25), (0.0, 0.0))


def test_trials_without_a_matrix_are_counted(sample: MakeSample) -> None:
    with_one, without = sample("small", [0.5]), sample("large", [0.5])
    plot = confusion_plot([with_one, without], {with_one.outcomes[0].run.name: ANIMALS})
    assert [matrix.name for matrix in plot.matrices] == ["small"]
    assert "1 trial without a matrix." in plot.caption


def test_more_than_there_is_room_for_are_left_out_and_counted(sample: MakeSample) -> None:
    trials = [sample(f"trial {n}", [0.5]) for n in range(12)]
    plot = confusion_plot(trials, {one.outcomes[0].run.name: ANIMALS for one in trials})
    assert len(plot.matrices) == 9
    assert "The first 9 of 12." in plot.caption


def test_many_classes_have_no_numbers_and_fewer_names(sample: MakeSample) -> None:
    trial = sample("small", [0.5])
    names = [f"class {n}" for n in range(100)]
    large = ConfusionMatrix(names, [[1.0] * 100] * 100)
    (matrix,) = confusion_plot([trial], {trial.outcomes[0].run.name: large}).matrices
    assert not matrix.has_numbers
    assert len(matrix.ticks) <= 12


def test_different_classes_cannot_be_added_up(sample: MakeSample) -> None:
    trial = sample("small", [0.5, 0.5])
    first, second = (outcome.run.name for outcome in trial.outcomes)
    other = ConfusionMatrix(["cat", "cow"], [[3, 1], [0, 4]])
    with pytest.raises(PlotError, match="'small' have different classes"):
        confusion_plot([trial], {first: ANIMALS, second: other})


def test_without_a_matrix_there_is_no_plot(sample: MakeSample) -> None:
    with pytest.raises(UnknownFieldError, match="No run has recorded a confusion matrix"):
        confusion_plot([sample("small", [0.5])], {})


def test_a_run_has_the_matrix_of_its_results_or_else_of_its_last_epoch(tmp_path: Path) -> None:
    def points(count: int) -> tuple[object, ...]:
        return to_points({Metric.CONFUSION: [[count, 0], [0, 1]]})

    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small").id
        first, second, _ = (db.start_trial_run(trial, number).id for number in (1, 2, 3))
        for run in (first, second):
            db.record_epoch(run, 0, points(1))  # type: ignore[arg-type]
            db.record_epoch(run, 1, points(2))  # type: ignore[arg-type]
        db.record_results(first, points(3))  # type: ignore[arg-type]
        found = load_confusions(db, select_runs(db))
    assert {name: matrix.rows[0][0] for name, matrix in found.items()} == {
        "digits/small/1": 3,
        "digits/small/2": 2,
    }
