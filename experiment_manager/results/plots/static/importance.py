"""The importance of settings as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiment_manager.results.plots.importance import ImportancePlot
from experiment_manager.results.plots.static.canvas import Words, create_panels, dress
from experiment_manager.results.plots.static.rows import Rows
from experiment_manager.results.plots.style import COLOURS, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_importance(plot: ImportancePlot, words: Words, width_in: float) -> Figure:
    """The figure of some bars, each with the line that chance stays under."""
    rows = Rows([one.label for one in plot.settings])
    panels = create_panels(words, width_in=width_in, height_in=rows.height_in(width_in))
    axes = panels.axes[0]
    for row, one in enumerate(plot.settings):
        axes.barh([row], [one.share], height=0.36, color=COLOURS[0])
        axes.plot([one.chance, one.chance], [row - 0.24, row + 0.24], color=INK, lw=1.6)
    axes.set_xlim(0, 1)
    dress(axes, plot.x_label, lines="x")
    rows.name(axes, width_in)
    return panels.figure
