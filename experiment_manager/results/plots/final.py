"""The final value of a metric: every run as a point, every mean with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiment_manager.results.plots.limits import goes_beyond, view_limits
from experiment_manager.results.plots.text import (
    caption_of,
    left_out_text,
    metric_label,
    short_names,
)
from experiment_manager.results.samples import Sample, UnknownFieldError
from experiment_manager.results.selection import ranked
from experiment_manager.results.statistics.describe import Summary, describe
from experiment_manager.results.statistics.estimate import has_converged
from experiment_manager.results.statistics.intervals import Interval
from experiment_manager.results.statistics.metric_names import is_higher_better

MOST_STRIPS = 60


@dataclass(frozen=True)
class Strip:
    """The repeats of a trial.

    Attributes:
        name: Of the trial.
        label: The name as far as an axis has room.
        values: The finite ones.
        summary: Of all its runs.
        interval: Of the mean, at 95 percent; NaN where there are fewer than two values.
    """

    name: str
    label: str
    values: tuple[float, ...]
    summary: Summary
    interval: Interval

    @property
    def n_text(self) -> str:
        """How many values there are, and of how many runs where some have none."""
        n, n_runs = self.summary.n, self.summary.n_runs
        return f"n = {n}" if n == n_runs else f"n = {n} of {n_runs}"


@dataclass(frozen=True)
class FinalPlot:
    """What a strip and interval plot shows.

    Attributes:
        title: Its heading.
        x_label: Of the axis, with the unit where it is known.
        x_limits: Its ends.
        strips: The best first.
        caption: What the numbers rest on.
    """

    title: str
    x_label: str
    x_limits: tuple[float, float]
    strips: tuple[Strip, ...]
    caption: str


def final_plot(
    samples: Sequence[Sample], metric: str, *, higher_is_better: bool | None = None
) -> FinalPlot:
    """The final values of some samples, of more than sixty those of the best.

    Args:
        samples: The runs in groups.
        metric: Its name.
        higher_is_better: Its direction; None to take it from the name.

    Raises:
        UnknownFieldError: No run that succeeded has a finite value.
        MissingDependencyError: SciPy, for the intervals, is not installed.
    """
    is_up = is_higher_better(metric) if higher_is_better is None else higher_is_better
    labels = short_names([sample.name for sample in samples])
    found = [_strip(sample, label) for sample, label in zip(samples, labels, strict=True)]
    strips = ranked(found, lambda strip: strip.summary.mean, reverse=is_up)[:MOST_STRIPS]
    values = [value for strip in strips for value in strip.values]
    if not values:
        raise UnknownFieldError(f"No run that succeeded has a finite {metric!r} to draw")
    ends = [end for strip in strips for end in (strip.interval.low, strip.interval.high)]
    limits = view_limits(values, ends)
    n_not_finite = sum(strip.summary.n_not_finite for strip in found)
    caption = caption_of(
        "Points: the runs. Diamonds: their mean.",
        _interval_sentence(strips),
        left_out_text(samples, n_not_finite),
        f"The best {len(strips)} of {len(found)}." if len(strips) < len(found) else "",
        "Intervals go on beyond the picture." if goes_beyond(limits, ends) else "",
    )
    return FinalPlot(
        f"Final {metric}",
        metric_label(metric, values),
        limits,
        tuple(strips),
        caption,
    )


def _strip(sample: Sample, label: str) -> Strip:
    summary = describe(sample.values)
    values = [v for v in sample.values if v is not None and has_converged(v)]
    return Strip(sample.name, label, tuple(values), summary, summary.interval())


def _interval_sentence(strips: Sequence[Strip]) -> str:
    known = [not math.isnan(strip.interval.low) for strip in strips]
    if not any(known):
        return "No interval: that takes two runs with different values."
    text = "Bars: 95% confidence interval of the mean (Student's t)"
    return f"{text}." if all(known) else f"{text}, where two runs have different values."
