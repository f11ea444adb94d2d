"""Parallel coordinates as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiment_manager.common.imports import require
from experiment_manager.results.plots.parallel import Axis, ParallelPlot
from experiment_manager.results.plots.static.canvas import (
    SMALL_SIZE,
    TEXT_SIZE,
    Words,
    create_panels,
    plain,
)
from experiment_manager.results.plots.style import EXTRA, FEATURE, INK, LINE_SCALE, MUTED, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT_IN = 3.6


def draw_parallel(plot: ParallelPlot, words: Words, width_in: float) -> Figure:
    """The figure of the lines, the colour of each from its metric."""
    panels = create_panels(words, width_in=width_in, height_in=HEIGHT_IN)
    axes = panels.axes[0]
    ends = min(plot.values), max(plot.values)
    scale = require("matplotlib.colors", EXTRA, FEATURE).Normalize(*ends)
    colours = require("matplotlib.colors", EXTRA, FEATURE).LinearSegmentedColormap.from_list(
        "lines", LINE_SCALE
    )
    mappable = require("matplotlib.cm", EXTRA, FEATURE).ScalarMappable(scale, colours)
    for line in range(len(plot.values)):
        heights = [axis.places[line] for axis in plot.axes]
        axes.plot(heights, color=mappable.to_rgba(plot.values[line]), lw=1.3, alpha=0.8)
    for place, axis in enumerate(plot.axes):
        _draw_axis(axes, place, axis)
    axes.set_xlim(-0.1, len(plot.axes) - 0.9)
    axes.set_ylim(-0.04, 1.04)
    axes.set_axis_off()
    bar = panels.figure.colorbar(mappable, ax=axes, fraction=0.04, pad=0.02)
    bar.set_label(plain(plot.value_label), size=TEXT_SIZE, color=INK)
    bar.ax.tick_params(labelsize=SMALL_SIZE, colors=INK)
    bar.outline.set_visible(False)
    return panels.figure


def _draw_axis(axes: Axes, place: int, axis: Axis) -> None:
    """Draw it with its ticks, those of the first one outside of the lines."""
    axes.plot([place, place], [0, 1], color=MUTED, lw=1)
    axes.text(place, 1.07, plain(axis.label), ha="center", size=TEXT_SIZE, color=INK)
    for height, text in axis.ticks.items():
        side, align = (0.03, "left") if place else (-0.03, "right")
        label = axes.text(place + side, height, plain(text), ha=align, va="center", color=INK)
        label.set_fontsize(SMALL_SIZE)
        label.set_bbox({"facecolor": PAPER, "alpha": 0.75, "linewidth": 0, "pad": 0.5})
