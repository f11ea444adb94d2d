"""The final value of a metric as a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from experiment_manager.results.plots.final import FinalPlot, Strip
from experiment_manager.results.plots.static.canvas import Words, create_panels, dress
from experiment_manager.results.plots.static.rows import Rows
from experiment_manager.results.plots.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BELOW = 0.22  # of a row: how far the points are from the mean, so that neither hides the other


def draw_final(plot: FinalPlot, words: Words, width_in: float) -> Figure:
    """The figure of some strips, one below the other."""
    rows = Rows([strip.label for strip in plot.strips], [s.n_text for s in plot.strips])
    panels = create_panels(words, width_in=width_in, height_in=rows.height_in(width_in))
    axes = panels.axes[0]
    for row, strip in enumerate(plot.strips):
        _draw(axes, strip, row)
    axes.set_xlim(plot.x_limits)
    dress(axes, plot.x_label, lines="x")
    rows.name(axes, width_in)
    return panels.figure


def _draw(axes: Axes, strip: Strip, row: int) -> None:
    below = [row + BELOW] * len(strip.values)
    axes.scatter(strip.values, below, s=16, color=COLOURS[0], alpha=0.85, linewidths=0)
    if not math.isnan(strip.interval.low):
        axes.plot([strip.interval.low, strip.interval.high], [row, row], color=COLOURS[1], lw=2)
    axes.plot([strip.summary.mean], [row], marker="D", markersize=5, color=COLOURS[1])
