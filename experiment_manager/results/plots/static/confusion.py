"""Confusion matrices as a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from experiment_manager.results.plots.confusion import ConfusionPlot, Matrix
from experiment_manager.results.plots.static.canvas import (
    SMALL_SIZE,
    TEXT_SIZE,
    Words,
    create_panels,
    dress,
    letters_in,
    plain,
)
from experiment_manager.results.plots.style import COLOUR_SCALE, INK
from experiment_manager.results.plots.text import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_IN = 2.0
TITLE_SHARE = 0.8  # of a panel's width
UPRIGHT = 2  # letters; longer names of columns are turned
DARK_UP_TO = 0.5  # share: below, the colour is dark and the number on it white


def draw_confusion(plot: ConfusionPlot, words: Words, width_in: float) -> Figure:
    """The figure of one matrix for each trial, as many in a row as have room."""
    columns = max(1, min(len(plot.matrices), math.floor(width_in / PANEL_IN)))
    rows = math.ceil(len(plot.matrices) / columns)
    panels = create_panels(
        words,
        width_in=width_in,
        height_in=rows * width_in / columns,
        grid=(rows, columns),
    )
    for axes, matrix in zip(panels.axes, plot.matrices, strict=False):
        _draw(axes, matrix, letters_in(TITLE_SHARE * width_in / columns, TEXT_SIZE))
    for axes in panels.axes[::columns]:
        axes.set_ylabel(plot.y_label, size=TEXT_SIZE, color=INK)
    for axes in panels.axes[max(0, len(plot.matrices) - columns) : len(plot.matrices)]:
        axes.set_xlabel(plot.x_label, size=TEXT_SIZE, color=INK)
    for axes in panels.axes[len(plot.matrices) :]:
        axes.set_axis_off()
    return panels.figure


def _draw(axes: Axes, matrix: Matrix, most_letters: int) -> None:
    axes.imshow(matrix.shares, cmap=COLOUR_SCALE, vmin=0, vmax=1)
    dress(axes, lines="none")
    axes.set_title(plain(shortened(matrix.label, most_letters)), size=TEXT_SIZE, color=INK)
    places, names = list(matrix.ticks), list(map(plain, matrix.ticks.values()))
    axes.set_xticks(places, names, rotation=45 if max(map(len, names)) > UPRIGHT else 0)
    axes.set_yticks(places, names)
    if matrix.has_numbers:
        _write_numbers(axes, matrix)


def _write_numbers(axes: Axes, matrix: Matrix) -> None:
    for row, counts in enumerate(matrix.counts):
        for column, count in enumerate(counts):
            is_dark = matrix.shares[row][column] < DARK_UP_TO
            axes.text(
                column,
                row,
                f"{count:.4g}",
                ha="center",
                va="center",
                size=SMALL_SIZE - max(0, len(matrix.labels) - 5) / 3,
                color="white" if is_dark else "black",
            )
