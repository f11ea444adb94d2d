"""Parallel coordinates: each trial is a line through its settings to its metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiment_manager.common.naming import first_of
from experiment_manager.results.plots.errors import PlotError
from experiment_manager.results.plots.settings import Setting, differing_settings
from experiment_manager.results.plots.text import (
    caption_of,
    counts_text,
    metric_label,
    short_names,
    shortened,
)
from experiment_manager.results.samples import Sample, UnknownFieldError
from experiment_manager.results.statistics.describe import Summary, describe
from experiment_manager.results.statistics.wording import counted

MOST_AXES = 8
MOST_TICKS = 6
TICK_LENGTH = 14
DECADES_FOR_LOG = 100.0  # the largest value over the smallest


@dataclass(frozen=True)
class Axis:
    """A vertical axis.

    Attributes:
        label: What stands above it.
        places: Where each line crosses it, from 0 to 1.
        ticks: Texts by their places.
        is_log: Whether equal distances are equal ratios.
    """

    label: str
    places: tuple[float, ...]
    ticks: dict[float, str]
    is_log: bool = False


@dataclass(frozen=True)
class ParallelPlot:
    """What a plot of parallel coordinates shows.

    Attributes:
        title: Its heading.
        axes: Those of the settings, and the metric's at last.
        names: The trial of each line.
        values: The metric of each line.
        value_label: The metric with its unit where it is known.
        caption: What the numbers rest on.
    """

    title: str
    axes: tuple[Axis, ...]
    names: tuple[str, ...]
    values: tuple[float, ...]
    value_label: str
    caption: str


def parallel_plot(samples: Sequence[Sample], metric: str) -> ParallelPlot:
    """The trials of a sweep with the settings in which they differ.

    Args:
        samples: The trials, whose means over their repeats are shown.
        metric: Its name.

    Raises:
        UnknownFieldError: No run that succeeded has a finite value.
        PlotError: There are no settings in which trials with a value differ.
    """
    summaries = {sample.name: describe(sample.values) for sample in samples}
    trials = [sample for sample in samples if summaries[sample.name].n]
    if not trials:
        raise UnknownFieldError(f"No run that succeeded has a finite {metric!r} to draw")
    settings = differing_settings(trials)
    if not settings:
        raise PlotError("The trials do not differ in any setting, so there is no axis.")
    shown = settings[:MOST_AXES]
    values = tuple(summaries[trial.name].mean for trial in trials)
    label = metric_label(metric, values)
    labels = short_names([setting.name for setting in shown], TICK_LENGTH)
    axes = [_axis(name, setting) for name, setting in zip(labels, shown, strict=True)]
    caption = caption_of(
        _lines_sentence([summaries[trial.name] for trial in trials], metric),
        _missing_sentence(len(samples) - len(trials)),
        _log_sentence(axes),
        _left_out_sentence(settings[MOST_AXES:]),
    )
    return ParallelPlot(
        f"Settings and {metric}",
        (*axes, _number_axis(shortened(metric, TICK_LENGTH), values)),
        tuple(trial.name for trial in trials),
        values,
        label,
        caption,
    )


def _axis(label: str, setting: Setting) -> Axis:
    levels = setting.levels
    if setting.is_numeric and len(levels) > MOST_TICKS:
        return _number_axis(label, setting.values)
    texts = short_names(list(levels.values()), TICK_LENGTH)
    place_of = {key: place / (len(levels) - 1) for place, key in enumerate(levels)}
    ticks = dict(zip(place_of.values(), texts, strict=True))
    if len(ticks) > 2 * MOST_TICKS:  # names that nobody could read
        ticks = {place: ticks[place] for place in (0.0, 1.0)}
    return Axis(label, tuple(place_of[key] for key in setting.keys), ticks)


def _number_axis(label: str, values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    is_log = low > 0 and high / low >= DECADES_FOR_LOG
    ends = (math.log(low), math.log(high)) if is_log else (float(low), float(high))
    span = (ends[1] - ends[0]) or 1.0
    positions = [((math.log(v) if is_log else v) - ends[0]) / span for v in values]
    steps = [place / (MOST_TICKS - 1) for place in range(MOST_TICKS)]
    at = {place: ends[0] + place * span for place in steps} if high > low else {0.0: ends[0]}
    ticks = {p: f"{math.exp(v) if is_log else v:.3g}" for p, v in at.items()}
    return Axis(label, tuple(positions), ticks, is_log)


def _lines_sentence(summaries: Sequence[Summary], metric: str) -> str:
    runs = [summary.n for summary in summaries]
    mean = f"the mean {metric} over {counts_text(runs, 'run')}" if max(runs) > 1 else metric
    return f"Each of {counted(len(runs), 'line')} is a trial, coloured by {mean}."


def _missing_sentence(count: int) -> str:
    return f"{counted(count, 'trial')} without a value left out." if count else ""


def _log_sentence(axes: Sequence[Axis]) -> str:
    names = [axis.label for axis in axes if axis.is_log]
    return f"Logarithmic: {', '.join(names)}." if names else ""


def _left_out_sentence(settings: Sequence[Setting]) -> str:
    names = [setting.name for setting in settings]
    return f"No room for: {first_of(names, MOST_TICKS)}." if names else ""
