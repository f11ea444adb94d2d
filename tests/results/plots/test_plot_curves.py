"""Learning curves: what is averaged, what is drawn, and what the caption says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from scipy import stats

from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.plots.bands import Band
from experiment_manager.results.plots.curve import curve_of, load_steps
from experiment_manager.results.plots.curves import curves_plot
from experiment_manager.results.plots.style import COLOURS, MOST_STYLES
from experiment_manager.results.samples import Sample, UnknownFieldError
from experiment_manager.results.selection import select_runs

MakeSample = Callable[..., Sample]
FULL = {0: 3.0, 1: 2.0, 2: 1.0}
NONE = math.nan


def plot_histories(
    sample: MakeSample, *runs: Mapping[int, float]
) -> tuple[Sample, dict[str, Mapping[int, float]]]:
    small = sample("small", [0.5] * len(runs))
    return small, {o.run.name: run for o, run in zip(small.outcomes, runs, strict=True)}


# One curve.


def test_the_mean_is_of_the_runs_that_have_a_value_at_the_epoch() -> None:
    curve = curve_of("a", [FULL, {0: 5.0, 1: 4.0}], Band.RANGE)
    assert curve.steps == (0, 1, 2)
    assert curve.mean == (4.0, 3.0, 1.0)
    assert curve.n == (2, 2, 1)


def test_where_runs_are_missing_the_curve_is_only_partial() -> None:
    curve = curve_of("a", [FULL, {0: 5.0, 1: 4.0}], Band.RANGE)
    assert curve.whole == pytest.approx((4.0, 3.0, NONE), nan_ok=True)
    assert curve.partial == pytest.approx((NONE, 3.0, 1.0), nan_ok=True)
    assert curve.last_whole == 3.0
    assert not curve.is_whole


def test_nan_and_infinity_are_no_part_of_the_mean() -> None:
    curve = curve_of("a", [{0: 1.0, 1: math.nan}, {0: 2.0, 1: 4.0}, {0: math.inf}], Band.RANGE)
    assert curve.mean == (1.5, 4.0)
    assert (curve.n, curve.n_runs) == ((2, 1), 3)


def test_an_epoch_without_any_finite_value_is_left_out() -> None:
    assert curve_of("a", [{0: 1.0, 1: math.nan, 2: 3.0}], Band.RANGE).steps == (0, 2)


def test_the_confidence_band_is_that_of_student() -> None:
    values = [0.1, 0.4, 0.3]
    curve = curve_of("a", [{0: value} for value in values], Band.CONFIDENCE)
    expected = stats.t.interval(0.95, 2, loc=sum(values) / 3, scale=stats.sem(values))
    assert (curve.low[0], curve.high[0]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("band", "ends"), [(Band.RANGE, (1.0, 6.0)), (Band.DEVIATION, (3 - 7**0.5, 3 + 7**0.5))]
)
def test_other_bands_are_the_range_and_the_deviation(
    band: Band, ends: tuple[float, float]
) -> None:
    curve = curve_of("a", [{0: 1.0}, {0: 2.0}, {0: 6.0}], band)
    assert (curve.low[0], curve.high[0]) == pytest.approx(ends)


@pytest.mark.parametrize("band", Band)
def test_one_run_has_no_band(band: Band) -> None:
    assert math.isnan(curve_of("a", [FULL], band).low[0])


def test_a_thinned_curve_keeps_its_ends_and_its_spike() -> None:
    spiky = {epoch: 100.0 if epoch == 4321 else 1.0 for epoch in range(10_000)}
    curve = curve_of("a", [spiky], Band.RANGE, most_points=50)
    assert len(curve.steps) <= 50
    assert {0, 4321, 9999} <= set(curve.steps)
    assert curve.n_steps == 10_000


# All curves.


def test_the_caption_says_how_many_runs_and_what_the_band_is(sample: MakeSample) -> None:
    small, histories = plot_histories(sample, FULL, FULL)
    caption = curves_plot([small], histories, "val_loss").caption
    assert "Mean of 2 runs" in caption
    assert "95% confidence interval of the mean (Student's t)" in caption
    assert "Faint" not in caption


def test_the_caption_says_where_runs_are_missing(sample: MakeSample) -> None:
    small, histories = plot_histories(sample, FULL, {0: 1.0})
    assert "Faint lines" in curves_plot([small], histories, "val_loss").caption


def test_runs_that_recorded_nothing_are_counted(sample: MakeSample) -> None:
    small, histories = plot_histories(sample, FULL, FULL, {})
    plot = curves_plot([small], histories, "val_loss")
    assert plot.curves[0].curve.n_runs == 2
    assert "1 run of 3 recorded none." in plot.caption


def test_a_thinned_plot_says_so(sample: MakeSample) -> None:
    small, histories = plot_histories(sample, {epoch: 1.0 * epoch for epoch in range(100)})
    caption = curves_plot([small], histories, "val_loss", most_points=10).caption
    assert "of 100 epochs" in caption


def test_labels_tell_the_numbers_of_runs_where_these_differ(sample: MakeSample) -> None:
    small, large = sample("small", [0.5, 0.5]), sample("large", [0.5])
    histories = {o.run.name: FULL for one in (small, large) for o in one.outcomes}
    labels = [styled.label for styled in curves_plot([small, large], histories, "loss").curves]
    assert labels == ["small (n = 2)", "large (n = 1)"]


def test_curves_differ_in_more_than_their_colour(sample: MakeSample) -> None:
    samples = [sample(f"trial {n}", [0.5]) for n in range(MOST_STYLES)]
    histories = {o.run.name: FULL for one in samples for o in one.outcomes}
    styles = [styled.style for styled in curves_plot(samples, histories, "loss").curves]
    assert {style.colour for style in styles} == set(COLOURS)
    assert len({style.marker for style in styles}) == MOST_STYLES


@pytest.mark.parametrize(("metric", "best"), [("val_loss", "trial 0"), ("val_acc", "trial 29")])
def test_of_many_curves_the_best_are_coloured(sample: MakeSample, metric: str, best: str) -> None:
    samples = [sample(f"trial {n}", [0.5]) for n in range(30)]
    histories = {one.outcomes[0].run.name: {0: float(n)} for n, one in enumerate(samples)}
    plot = curves_plot(samples, histories, metric)
    assert sum(not styled.is_background for styled in plot.curves) == MOST_STYLES
    assert plot.curves[0].curve.name == best
    assert f"the best {MOST_STYLES} of 30" in plot.caption


def test_a_wide_band_does_not_hide_the_curve(sample: MakeSample) -> None:
    small, histories = plot_histories(sample, {0: 0.0, 1: 1.0}, {0: 0.5, 1: 0.6})
    plot = curves_plot([small], histories, "val_loss")
    assert min(plot.curves[0].curve.low) < plot.y_limits[0]
    assert "Bands go on beyond the picture." in plot.caption


def test_the_range_of_the_runs_is_never_cut(sample: MakeSample) -> None:
    small, histories = plot_histories(sample, {0: 0.0, 1: 0.1}, {0: 9.0, 1: 9.1})
    plot = curves_plot([small], histories, "val_loss", band=Band.RANGE)
    assert plot.y_limits[0] < 0
    assert plot.y_limits[1] > 9.1


@pytest.mark.parametrize("run", [{}, {0: math.nan}])
def test_without_a_finite_value_there_is_no_plot(
    sample: MakeSample, run: Mapping[int, float]
) -> None:
    small, histories = plot_histories(sample, run)
    with pytest.raises(UnknownFieldError, match="finite 'val_loss' of an epoch"):
        curves_plot([small], histories, "val_loss")


# From the database.


def test_histories_are_read_of_runs_of_any_status(tmp_path: Path) -> None:
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small").id
        for number in (1, 2):
            run = db.start_trial_run(trial, number).id
            db.record_epoch(run, 0, [MetricPoint("loss", 2.0), MetricPoint("acc", 0.5)])
            db.record_epoch(run, 1, [MetricPoint("loss", 9.0), MetricPoint("loss", 1.0)])
        db.update_trial_run_status(run, RunStatus.FAILED, "ValueError: no")
        found = load_steps(db, select_runs(db), "loss")
    assert found == {"digits/small/1": {0: 2.0, 1: 1.0}, "digits/small/2": {0: 2.0, 1: 1.0}}
