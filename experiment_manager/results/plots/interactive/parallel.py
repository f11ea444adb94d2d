"""Parallel coordinates as an interactive figure."""

from __future__ import annotations

from typing import Any

from experiment_manager.results.plots.interactive.canvas import create_figure, plain, plotly
from experiment_manager.results.plots.parallel import Axis, ParallelPlot
from experiment_manager.results.plots.style import LINE_SCALE

HEIGHT_PX = 480
ROOM = {"l": 90, "r": 40, "t": 60, "b": 30}


def draw_parallel(plot: ParallelPlot) -> Any:
    """The figure; a stretch of an axis that is marked leaves the lines through it alone."""
    lines = plotly().Parcoords(
        dimensions=[_dimension(axis) for axis in plot.axes],
        line={
            "color": plot.values,
            "colorscale": list(LINE_SCALE),
            "showscale": True,
            "colorbar": {"title": {"text": plain(plot.value_label), "side": "right"}},
        },
    )
    return create_figure([lines], height_px=HEIGHT_PX, margin=ROOM)


def _dimension(axis: Axis) -> dict[str, Any]:
    return {
        "label": plain(axis.label),
        "values": axis.places,
        "range": [0, 1],
        "tickvals": list(axis.ticks),
        "ticktext": list(axis.ticks.values()),  # the one text that Plotly takes as it is
    }
