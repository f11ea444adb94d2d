"""A figure of Matplotlib: a grid of panels, perhaps a legend, and words above and below.

Figures are made and drawn by themselves: no window, no current figure, no global setting.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from experiment_manager.common.imports import require
from experiment_manager.results.plots.style import EXTRA, FEATURE, GRID, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXT_SIZE, SMALL_SIZE, TITLE_SIZE = 9.0, 8.0, 11.0  # points
POINTS_PER_INCH = 72
LETTER_WIDTH = 0.56  # of the text's size, on average
KEY_WIDTH_IN = 0.65  # of a line in a legend with the space around it
LINE_HEIGHT_IN = 0.18

DASHES: dict[str, Any] = {
    "solid": "-",
    "dash": (0, (5, 2)),
    "dot": (0, (1, 1.5)),
    "dashdot": (0, (5, 2, 1, 2)),
}
MARKERS = {
    "circle": "o",
    "square": "s",
    "triangle-up": "^",
    "diamond": "D",
    "triangle-down": "v",
    "x": "x",
    "star": "*",
}

Lines = Literal["x", "y", "both", "none"]


@dataclass(frozen=True)
class Words:
    """What stands around the panels.

    Attributes:
        title: Above them; empty for nothing.
        caption: Below them; empty for nothing.
    """

    title: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Panels:
    """The panels of a figure.

    Attributes:
        figure: The whole.
        axes: The panels, row by row.
        legend: Where the legend has its place, if there is one.
    """

    figure: Figure
    axes: Sequence[Axes]
    legend: Axes


def create_panels(
    words: Words,
    *,
    width_in: float,
    height_in: float,
    legend_in: float = 0.0,
    grid: tuple[int, int] = (1, 1),
) -> Panels:
    """An empty figure.

    Args:
        words: What stands around the panels.
        width_in: Its width in inches.
        height_in: The height of all panels together; legend and caption come on top.
        legend_in: The height of the legend.
        grid: Number of rows and columns.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
    """
    lines = textwrap.wrap(words.caption, letters_in(width_in, SMALL_SIZE))
    heights = [height_in, legend_in + 0.01, len(lines) * LINE_HEIGHT_IN + 0.01]
    figure: Figure = require("matplotlib.figure", EXTRA, FEATURE).Figure(
        figsize=(width_in, sum(heights)), layout="constrained", facecolor="none"
    )
    require("matplotlib.backends.backend_agg", EXTRA, FEATURE).FigureCanvasAgg(figure)
    whole = figure.add_gridspec(3, 1, height_ratios=heights)
    rows, columns = grid
    inner = whole[0].subgridspec(rows, columns)
    axes = [figure.add_subplot(inner[i // columns, i % columns]) for i in range(rows * columns)]
    legend, below = (figure.add_subplot(whole[row]) for row in (1, 2))
    for empty in (legend, below):
        empty.axis("off")
    below.text(
        0, 1, plain("\n".join(lines)), size=SMALL_SIZE, color=MUTED, va="top", in_layout=False
    )
    if words.title:
        figure.suptitle(plain(words.title), x=0.02, ha="left", size=TITLE_SIZE, color=INK)
    return Panels(figure, axes, legend)


def dress(axes: Axes, x_label: str = "", y_label: str = "", *, lines: Lines = "both") -> None:
    """Give a panel its labels and quiet lines.

    Args:
        axes: The panel.
        x_label: Of its horizontal axis.
        y_label: Of its vertical axis.
        lines: Behind the data: ``x``, ``y``, ``both`` or ``none``.
    """
    axes.set_xlabel(plain(x_label), size=TEXT_SIZE, color=INK)
    axes.set_ylabel(plain(y_label), size=TEXT_SIZE, color=INK)
    axes.set_facecolor("none")
    axes.tick_params(labelsize=SMALL_SIZE, colors=INK, labelcolor=INK, length=3)
    if lines != "none":
        axes.grid(visible=True, axis=lines, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(MUTED)


def legend_columns(labels: Sequence[str], width_in: float) -> tuple[int, float]:
    """How many columns a legend of these labels has, and its height in inches."""
    widest = max(map(len, labels), default=0)
    column_in = KEY_WIDTH_IN + widest * LETTER_WIDTH * SMALL_SIZE / POINTS_PER_INCH
    columns = max(1, min(len(labels), math.floor(width_in / column_in)))
    return columns, math.ceil(len(labels) / columns) * LINE_HEIGHT_IN + 0.1


def draw_legend(axes: Axes, handles: Sequence[Any], labels: Sequence[str], columns: int) -> None:
    """Fill the legend's place."""
    legend = axes.legend(
        handles,
        list(map(plain, labels)),
        ncols=columns,
        loc="upper left",
        frameon=False,
        fontsize=SMALL_SIZE,
        labelcolor=INK,
        handlelength=2.6,
        borderaxespad=0,
        labelspacing=0.35,
    )
    legend.set_in_layout(False)


def letters_in(width_in: float, size: float) -> int:
    """How many letters of a size, in points, have room on a line."""
    return int(width_in * POINTS_PER_INCH / (size * LETTER_WIDTH))


def plain(text: str) -> str:
    """The text as it is: a dollar begins no formula."""
    return text.replace("$", r"\$")
