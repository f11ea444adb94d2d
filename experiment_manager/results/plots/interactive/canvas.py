"""A figure of Plotly, and what all of them have in common."""

from __future__ import annotations

import html
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from experiment_manager.common.imports import require
from experiment_manager.results.plots.style import EXTRA, FEATURE, GRID, INK, MUTED

TEXT_SIZE = 13
ROW_PX, HEAD_PX, LABEL_SHIFT_PX = 54, 90, 9
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


def plotly() -> ModuleType:
    """The module ``plotly.graph_objects``.

    Raises:
        MissingDependencyError: Plotly is not installed.
    """
    return require("plotly.graph_objects", EXTRA, FEATURE)


def create_figure(traces: list[Any], *, height_px: int, **layout: Any) -> Any:
    """A figure of these traces on white, its texts in the common font."""
    return plotly().Figure(
        traces,
        {
            "height": height_px,
            "font": {"family": FONT, "size": TEXT_SIZE, "color": INK},
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "margin": {"l": 10, "r": 10, "t": 20, "b": 10},
            "hoverlabel": {"align": "left"},
            **layout,
        },
    )


def axis(title: str = "", **options: Any) -> dict[str, Any]:
    """An axis with quiet lines, wide enough for its labels."""
    return {
        "title": {"text": plain(title)},
        "gridcolor": GRID,
        "linecolor": MUTED,
        "zeroline": False,
        "automargin": True,
        **options,
    }


def plain(text: str) -> str:
    """The text as it is: Plotly reads some HTML and formulas between dollars in it otherwise."""
    return html.escape(" ".join(text.split()), quote=False).replace("$", "&#36;")


def row_labels(labels: Sequence[str]) -> list[dict[str, Any]]:
    """Labels above the rows 0, 1, ..., where a phone has more room than beside them."""
    return [
        {
            "text": plain(label),
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": row,
            "yanchor": "bottom",
            "yshift": LABEL_SHIFT_PX,
            "showarrow": False,
        }
        for row, label in enumerate(labels)
    ]


def row_axis(count: int) -> dict[str, Any]:
    """The axis of so many rows, the first one at the top, its labels left to ``row_labels``."""
    return axis(range=[count - 0.4, -0.75], showticklabels=False, showgrid=False)
