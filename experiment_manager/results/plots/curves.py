"""Learning curves: a metric by epoch, as the mean and a band over repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from experiment_manager.results.plots.bands import Band
from experiment_manager.results.plots.curve import Curve, Steps, curve_of
from experiment_manager.results.plots.limits import goes_beyond, view_limits
from experiment_manager.results.plots.style import BACKGROUND, MOST_STYLES, Style, style_of
from experiment_manager.results.plots.text import (
    caption_of,
    counts_text,
    metric_label,
    short_names,
)
from experiment_manager.results.samples import Sample, UnknownFieldError
from experiment_manager.results.selection import ranked
from experiment_manager.results.statistics.metric_names import is_higher_better
from experiment_manager.results.statistics.wording import counted


@dataclass(frozen=True)
class StyledCurve:
    """A curve and how it is drawn.

    Attributes:
        curve: Its numbers.
        label: Its name as far as a legend has room, with the number of runs where these differ.
        style: Its colour, dash and marker.
    """

    curve: Curve
    label: str
    style: Style

    @property
    def is_background(self) -> bool:
        """True for one that stands back, without a band."""
        return self.style is BACKGROUND


@dataclass(frozen=True)
class CurvesPlot:
    """What a plot of learning curves shows.

    Attributes:
        title: Its heading.
        x_label: Of the horizontal axis.
        y_label: Of the vertical axis, with the unit where it is known.
        y_limits: Ends of the vertical axis.
        curves: In the order of the legend.
        caption: What the numbers rest on.
    """

    title: str
    x_label: str
    y_label: str
    y_limits: tuple[float, float]
    curves: tuple[StyledCurve, ...]
    caption: str


def curves_plot(
    samples: Sequence[Sample],
    histories: Mapping[str, Steps],
    metric: str,
    *,
    band: Band = Band.CONFIDENCE,
    most_points: int | None = None,
) -> CurvesPlot:
    """The learning curves of some samples, of runs of any status.

    Of more than seven samples the best are coloured, and the others are a grey background.

    Args:
        samples: The runs in groups.
        histories: What ``load_steps`` gives for their runs.
        metric: Its name.
        band: What is shown around the mean.
        most_points: Draw no more epochs of a curve than this, at least 4, and say so; None for
            all.

    Raises:
        UnknownFieldError: No run recorded a finite value of the metric in an epoch.
        MissingDependencyError: SciPy, for the confidence interval, is not installed.
    """
    recorded = {sample.name: _recorded(sample, histories) for sample in samples}
    curves = [curve_of(name, runs, band, most_points) for name, runs in recorded.items() if runs]
    curves = [curve for curve in curves if curve.steps]
    if not curves:
        raise UnknownFieldError(
            f"No run has a finite {metric!r} of an epoch, so there is no curve to draw. Metrics "
            "that are recorded at the end alone are shown by 'plot final'."
        )
    styled = _styled(curves, metric)
    means = [value for curve in curves for value in curve.mean]
    ends = [end for s in styled if not s.is_background for end in (*s.curve.low, *s.curve.high)]
    recorded_ends = [end for end in ends if isfinite(end)] if band is Band.RANGE else []
    limits = view_limits([*means, *recorded_ends], ends)
    caption = caption_of(
        _mean_sentence(curves, band),
        _partial_sentence(curves),
        _silent_sentence(samples, histories),
        _background_sentence(styled),
        "Bands go on beyond the picture." if goes_beyond(limits, ends) else "",
        _thinned_sentence(curves),
    )
    label = metric_label(metric, means)
    return CurvesPlot(f"{metric} by epoch", "epoch", label, limits, styled, caption)


def _recorded(sample: Sample, histories: Mapping[str, Steps]) -> list[Steps]:
    """The histories of its runs that have one."""
    found = (histories.get(outcome.run.name, {}) for outcome in sample.outcomes)
    return [steps for steps in found if steps]


def _styled(curves: Sequence[Curve], metric: str) -> tuple[StyledCurve, ...]:
    labels = short_names([curve.name for curve in curves])
    if len({curve.n_runs for curve in curves}) > 1:
        labels = [f"{label} (n = {c.n_runs})" for label, c in zip(labels, curves, strict=True)]
    if len(curves) <= MOST_STYLES:
        styles = [style_of(place) for place in range(len(curves))]
        return tuple(map(StyledCurve, curves, labels, styles))
    labelled = zip(curves, labels, strict=True)
    best_first = ranked(
        labelled, lambda pair: pair[0].last_whole, reverse=is_higher_better(metric)
    )
    return tuple(
        StyledCurve(curve, label, style_of(place) if place < MOST_STYLES else BACKGROUND)
        for place, (curve, label) in enumerate(best_first)
    )


def _mean_sentence(curves: Sequence[Curve], band: Band) -> str:
    counts = [curve.n_runs for curve in curves]
    if max(counts) == 1:
        return "One run of each (n = 1): there is no band." if len(counts) > 1 else "One run."
    each = " each" if len(counts) > 1 else ""
    return f"Mean of {counts_text(counts, 'run')}{each}; band: {band.text}."


def _partial_sentence(curves: Sequence[Curve]) -> str:
    if all(curve.is_whole for curve in curves):
        return ""
    return "Faint lines: the mean of those runs that go on, or are finite, where others are not."


def _silent_sentence(samples: Sequence[Sample], histories: Mapping[str, Steps]) -> str:
    runs = [outcome.run for sample in samples for outcome in sample.outcomes]
    silent = sum(not histories.get(run.name) for run in runs)
    return f"{counted(silent, 'run')} of {len(runs)} recorded none." if silent else ""


def _background_sentence(styled: Sequence[StyledCurve]) -> str:
    if len(styled) <= MOST_STYLES:
        return ""
    return (
        f"Coloured: the best {MOST_STYLES} of {len(styled)}, by the last epoch that all runs of "
        "each reached; grey: the others."
    )


def _thinned_sentence(curves: Sequence[Curve]) -> str:
    longest = max(curves, key=lambda curve: curve.n_steps)
    if longest.n_steps == len(longest.steps):
        return ""
    return (
        f"Drawn are {len(longest.steps)} of {longest.n_steps} epochs: of each stretch those with "
        "the lowest and the highest mean."
    )
