"""Confusion matrices as an interactive figure."""

from __future__ import annotations

from typing import Any

from experiment_manager.common.imports import require
from experiment_manager.results.plots.confusion import ConfusionPlot, Matrix
from experiment_manager.results.plots.interactive.canvas import (
    axis,
    create_figure,
    plain,
    plotly,
)
from experiment_manager.results.plots.style import COLOUR_SCALE, EXTRA, FEATURE

ROW_PX, GAP_PX = 380, 110


def draw_confusion(plot: ConfusionPlot) -> Any:
    """The figure: one matrix below the other, so that a phone has room for them."""
    rows = len(plot.matrices)
    height_px = rows * (ROW_PX + GAP_PX)
    figure = require("plotly.subplots", EXTRA, FEATURE).make_subplots(
        rows=rows,
        cols=1,
        subplot_titles=[plain(matrix.label) for matrix in plot.matrices],
        vertical_spacing=GAP_PX / height_px if rows > 1 else 0,
    )
    for row, matrix in enumerate(plot.matrices, start=1):
        figure.add_trace(_heat_map(matrix), row=row, col=1)
    figure.update_layout(create_figure([], height_px=height_px).layout)
    figure.update_layout(margin={"t": 40})
    for row, matrix in enumerate(plot.matrices, start=1):
        ticks = {
            "tickvals": list(matrix.ticks),
            "ticktext": list(map(plain, matrix.ticks.values())),
        }
        figure.update_xaxes(axis(plot.x_label, constrain="domain", **ticks), row=row, col=1)
        figure.update_yaxes(axis(plot.y_label, autorange="reversed", **ticks), row=row, col=1)
    return figure


def _heat_map(matrix: Matrix) -> Any:
    return plotly().Heatmap(
        z=matrix.shares,
        zmin=0,
        zmax=1,
        colorscale=COLOUR_SCALE,
        showscale=False,
        text=[[f"{count:.4g}" for count in row] for row in matrix.counts],
        texttemplate="%{text}" if matrix.has_numbers else None,
        customdata=[
            [
                f"true {plain(true)}, predicted {plain(predicted)}:"
                f"<br>{matrix.counts[i][j]:.4g} samples, {matrix.shares[i][j]:.1%} of the class"
                for j, predicted in enumerate(matrix.labels)
            ]
            for i, true in enumerate(matrix.labels)
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )
