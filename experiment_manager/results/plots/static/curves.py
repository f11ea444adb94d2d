"""Learning curves as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiment_manager.common.imports import require
from experiment_manager.results.plots.curves import CurvesPlot, StyledCurve
from experiment_manager.results.plots.static.canvas import (
    DASHES,
    MARKERS,
    Words,
    create_panels,
    draw_legend,
    dress,
    legend_columns,
)
from experiment_manager.results.plots.style import EXTRA, FEATURE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TALLEST_IN, SHAPE = 3.1, 0.62  # the height, and what it is of the width where that is small
MARKS = 8  # on a curve, so that it is known without its colour


def draw_curves(plot: CurvesPlot, words: Words, width_in: float) -> Figure:
    """The figure of some learning curves."""
    shown = [styled for styled in plot.curves if not styled.is_background]
    labels = [styled.label for styled in shown]
    columns, legend_in = legend_columns(labels, width_in)
    height_in = min(TALLEST_IN, SHAPE * width_in)
    panels = create_panels(words, width_in=width_in, height_in=height_in, legend_in=legend_in)
    axes = panels.axes[0]
    for styled in plot.curves:
        if styled.is_background:
            axes.plot(styled.curve.steps, styled.curve.mean, color=styled.style.colour, lw=0.6)
    handles = [_draw(axes, styled, place) for place, styled in enumerate(shown)]
    draw_legend(panels.legend, handles, labels, columns)
    axes.set_ylim(plot.y_limits)
    ticker = require("matplotlib.ticker", EXTRA, FEATURE)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axes.margins(x=0.02)
    dress(axes, plot.x_label, plot.y_label)
    return panels.figure


def _draw(axes: Axes, styled: StyledCurve, place: int) -> Line2D:
    """Draw the curve; the line for its legend."""
    curve, style = styled.curve, styled.style
    axes.fill_between(
        curve.steps, curve.low, curve.high, color=style.colour, alpha=0.16, linewidth=0
    )
    (line,) = axes.plot(
        curve.steps,
        curve.whole,
        color=style.colour,
        linestyle=DASHES[style.dash],
        linewidth=1.6,
        marker=MARKERS[style.marker],
        markersize=4.5,
        markevery=_marked(len(curve.steps), place),
    )
    axes.plot(curve.steps, curve.partial, color=style.colour, lw=1.0, alpha=0.5)
    return line


def _marked(count: int, place: int) -> list[int]:
    """Where the markers are: not at the same steps for all curves."""
    stride = max(1, count // MARKS)
    return list(range(place * stride // MARKS % stride, count, stride))
