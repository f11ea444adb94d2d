"""The strip plot: every run is a point, and no run is lost unseen."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from experiment_manager.results.plots.final import final_plot
from experiment_manager.results.samples import Sample, UnknownFieldError

MakeSample = Callable[..., Sample]


def test_the_best_trial_comes_first_and_one_without_a_value_last(sample: MakeSample) -> None:
    samples = [sample("none", [None]), sample("low", [0.5, 0.6]), sample("high", [0.7, 0.8])]
    assert [s.name for s in final_plot(samples, "test_acc").strips] == ["high", "low", "none"]
    order = final_plot(samples, "test_acc", higher_is_better=False).strips
    assert [strip.name for strip in order] == ["low", "high", "none"]


def test_every_finite_value_is_a_point_and_the_rest_is_counted(sample: MakeSample) -> None:
    plot = final_plot([sample("a", [0.5, None, 0.7, math.nan])], "test_acc")
    (strip,) = plot.strips
    assert strip.values == (0.5, 0.7)
    assert strip.n_text == "n = 2 of 4"
    assert "2 runs without a value: 1 not recorded, 1 not finite." in plot.caption


def test_the_interval_is_that_of_the_mean(sample: MakeSample) -> None:
    (strip,) = final_plot([sample("a", [0.5, 0.6, 0.7])], "test_acc").strips
    assert strip.interval == strip.summary.interval(0.95)
    assert strip.n_text == "n = 3"


def test_a_single_run_has_no_interval_and_the_caption_says_why(sample: MakeSample) -> None:
    plot = final_plot([sample("a", [0.5])], "test_acc")
    assert math.isnan(plot.strips[0].interval.low)
    assert "No interval: that takes two runs with different values." in plot.caption


def test_an_interval_of_two_runs_does_not_make_the_values_one_point(sample: MakeSample) -> None:
    plot = final_plot([sample("a", [0.5, 0.6])], "test_acc")
    low, high = plot.x_limits
    assert high - low < 0.5
    assert "Intervals go on beyond the picture." in plot.caption


def test_of_more_trials_than_a_picture_has_room_for_the_best_are_shown(
    sample: MakeSample,
) -> None:
    plot = final_plot([sample(f"trial {n}", [n / 100, None]) for n in range(100)], "test_acc")
    assert [strip.name for strip in plot.strips] == [f"trial {n}" for n in range(99, 39, -1)]
    assert "The best 60 of 100." in plot.caption
    assert "100 runs without a value" in plot.caption


def test_the_axis_has_a_unit(sample: MakeSample) -> None:
    assert final_plot([sample("a", [0.5])], "test_acc").x_label == "test_acc (share of 1)"
    assert final_plot([sample("a", [93.0])], "test_acc").x_label == "test_acc"


def test_without_a_value_there_is_no_plot(sample: MakeSample) -> None:
    with pytest.raises(UnknownFieldError, match="No run that succeeded has a finite 'test_acc'"):
        final_plot([sample("a", [None, math.nan])], "test_acc")
