"""Parallel coordinates: where each line crosses each axis."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from experiment_manager.results.plots.errors import PlotError
from experiment_manager.results.plots.parallel import parallel_plot
from experiment_manager.results.samples import Sample, UnknownFieldError

MakeSample = Callable[..., Sample]


def test_each_setting_is_an_axis_and_the_metric_the_last_one(sweep: list[Sample]) -> None:
    plot = parallel_plot(sweep, "test_acc")
    assert [axis.label for axis in plot.axes] == ["batch", "lr", "test_acc"]
    assert len(plot.names) == 12
    assert all(0 <= place <= 1 for axis in plot.axes for place in axis.places)


def test_a_line_crosses_names_at_their_ticks(sample: MakeSample) -> None:
    samples = [sample(name, [0.5], optimizer=name) for name in ("sgd", "adam", "rmsprop")]
    axis = parallel_plot(samples, "test_acc").axes[0]
    assert [axis.ticks[place] for place in axis.places] == ["sgd", "adam", "rmsprop"]


def test_numbers_over_two_decades_are_on_a_logarithmic_axis(sample: MakeSample) -> None:
    samples = [sample(f"trial {n}", [n / 9], lr=10.0**-n) for n in range(9)]
    plot = parallel_plot(samples, "test_acc")
    assert plot.axes[0].is_log
    assert plot.axes[0].places[4] == pytest.approx(0.5)
    assert "Logarithmic: lr." in plot.caption


def test_the_metric_is_the_mean_over_repeats(sample: MakeSample) -> None:
    samples = [sample("a", [0.5, 0.7], lr=1), sample("b", [0.1, 0.3], lr=2)]
    plot = parallel_plot(samples, "test_acc")
    assert plot.values == pytest.approx((0.6, 0.2))
    assert "the mean test_acc over 2 runs" in plot.caption


def test_trials_without_a_value_are_left_out_and_counted(sample: MakeSample) -> None:
    samples = [sample("a", [0.5], lr=1), sample("b", [0.6], lr=2), sample("c", [math.nan], lr=3)]
    plot = parallel_plot(samples, "test_acc")
    assert plot.names == ("a", "b")
    assert "1 trial without a value left out." in plot.caption


def test_axes_that_there_is_no_room_for_are_named(sample: MakeSample) -> None:
    settings = {f"setting_{n}": 1 for n in range(9)}
    samples = [
        sample("a", [0.5], **settings),
        sample("b", [0.6], **dict.fromkeys(settings, 2)),
    ]
    plot = parallel_plot(samples, "test_acc")
    assert len(plot.axes) == 9
    assert "No room for: setting_8." in plot.caption


def test_trials_that_do_not_differ_are_refused(sample: MakeSample) -> None:
    with pytest.raises(PlotError, match="do not differ in any setting"):
        parallel_plot([sample("a", [0.5], lr=1)], "test_acc")


def test_trials_without_any_value_are_refused(sample: MakeSample) -> None:
    with pytest.raises(UnknownFieldError, match="No run that succeeded has a finite 'test_acc'"):
        parallel_plot([sample("a", [None], lr=1), sample("b", [None], lr=2)], "test_acc")
