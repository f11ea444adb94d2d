"""The final value of a metric as an interactive figure."""

from __future__ import annotations

import math
from typing import Any

from experiment_manager.results.plots.final import FinalPlot, Strip
from experiment_manager.results.plots.interactive.canvas import (
    HEAD_PX,
    ROW_PX,
    axis,
    create_figure,
    plain,
    plotly,
    row_axis,
    row_labels,
)
from experiment_manager.results.plots.style import COLOURS

BELOW = 0.2  # of a row


def draw_final(plot: FinalPlot) -> Any:
    """The figure; what is under the pointer tells its run or its interval."""
    points = [trace for row, strip in enumerate(plot.strips) for trace in _traces(strip, row)]
    return create_figure(
        points,
        height_px=HEAD_PX + ROW_PX * len(plot.strips),
        xaxis=axis(plot.x_label, range=list(plot.x_limits)),
        yaxis=row_axis(len(plot.strips)),
        annotations=row_labels([f"{strip.label}, {strip.n_text}" for strip in plot.strips]),
        showlegend=False,
    )


def _traces(strip: Strip, row: int) -> list[Any]:
    points = plotly().Scatter(
        x=strip.values,
        y=[row + BELOW] * len(strip.values),
        mode="markers",
        marker={"color": COLOURS[0], "size": 7, "opacity": 0.6},
        text=[f"<b>{plain(strip.name)}</b><br>a run: {value:.5g}" for value in strip.values],
        hoverinfo="text",
    )
    return [points, _mean(strip, row)] if strip.values else []


def _mean(strip: Strip, row: int) -> Any:
    mean, interval = strip.summary.mean, strip.interval
    text = f"<b>{plain(strip.name)}</b><br>mean {mean:.5g}, {strip.n_text}"
    known = {}
    if not math.isnan(interval.low):
        text += f"<br>95% CI {interval.low:.5g} to {interval.high:.5g}"
        known = {
            "array": [interval.high - mean],
            "arrayminus": [mean - interval.low],
            "symmetric": False,
            "color": COLOURS[1],
            "thickness": 2,
            "width": 0,
        }
    return plotly().Scatter(
        x=[mean],
        y=[row],
        error_x=known,
        mode="markers",
        marker={"symbol": "diamond", "color": COLOURS[1], "size": 10},
        text=[text],
        hoverinfo="text",
    )
