"""The importance of settings as an interactive figure."""

from __future__ import annotations

from typing import Any

from experiment_manager.results.plots.importance import Importance, ImportancePlot
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
from experiment_manager.results.plots.style import COLOURS, INK

BAR, CHANCE_PX = 0.32, 24


def draw_importance(plot: ImportancePlot) -> Any:
    """The figure; what is under the pointer tells the numbers."""
    rows = list(range(len(plot.settings)))
    texts = [_text(one) for one in plot.settings]
    bars = plotly().Bar(
        x=[one.share for one in plot.settings],
        y=rows,
        orientation="h",
        width=BAR,
        marker={"color": COLOURS[0]},
        text=texts,
        textposition="none",
        hoverinfo="text",
    )
    chance = plotly().Scatter(
        x=[one.chance for one in plot.settings],
        y=rows,
        mode="markers",
        marker={
            "symbol": "line-ns",
            "size": CHANCE_PX / 2,
            "line": {"color": INK, "width": 2},
        },
        text=texts,
        hoverinfo="text",
    )
    return create_figure(
        [bars, chance],
        height_px=HEAD_PX + ROW_PX * len(rows),
        xaxis=axis(plot.x_label, range=[0, 1]),
        yaxis=row_axis(len(rows)),
        annotations=row_labels([one.label for one in plot.settings]),
        showlegend=False,
    )


def _text(one: Importance) -> str:
    return (
        f"<b>{plain(one.name)}</b><br>{one.share:.3f} of the variance, {one.n_groups} groups"
        f"<br>chance stays under {one.chance:.3f}"
    )
