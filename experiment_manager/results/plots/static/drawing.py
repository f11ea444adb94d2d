"""Any plot as PNG or SVG."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from experiment_manager.results.plots.confusion import ConfusionPlot
from experiment_manager.results.plots.curves import CurvesPlot
from experiment_manager.results.plots.final import FinalPlot
from experiment_manager.results.plots.importance import ImportancePlot
from experiment_manager.results.plots.parallel import ParallelPlot
from experiment_manager.results.plots.static.canvas import Words
from experiment_manager.results.plots.static.confusion import draw_confusion
from experiment_manager.results.plots.static.curves import draw_curves
from experiment_manager.results.plots.static.final import draw_final
from experiment_manager.results.plots.static.importance import draw_importance
from experiment_manager.results.plots.static.parallel import draw_parallel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Plot = CurvesPlot | FinalPlot | ImportancePlot | ParallelPlot | ConfusionPlot

WIDTH_IN = 7.0
DOTS_PER_INCH = 200
_DRAWERS: dict[type, Callable[[Any, Words, float], Figure]] = {
    CurvesPlot: draw_curves,
    FinalPlot: draw_final,
    ImportancePlot: draw_importance,
    ParallelPlot: draw_parallel,
    ConfusionPlot: draw_confusion,
}


def draw_png(plot: Plot) -> bytes:
    """The plot on white with title and caption, seven inches wide at 200 dots per inch.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
    """
    return _written(_drawn(plot, Words(plot.title, plot.caption), WIDTH_IN), "png", "white")


def draw_svg(plot: Plot) -> str:
    """The same as SVG.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
    """
    figure = _drawn(plot, Words(plot.title, plot.caption), WIDTH_IN)
    return _written(figure, "svg", "white").decode()


def draw_bare_svg(plot: Plot, width_in: float) -> str:
    """The plot alone as SVG, without title, caption and background.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
    """
    return _written(_drawn(plot, Words(), width_in), "svg", "none").decode()


def _drawn(plot: Plot, words: Words, width_in: float) -> Figure:
    return _DRAWERS[type(plot)](plot, words, width_in)


def _written(figure: Figure, suffix: str, background: str) -> bytes:
    content = io.BytesIO()
    metadata = {"Date": None} if suffix == "svg" else None  # the same runs, the same picture
    with warnings.catch_warnings():
        # A letter that the font does not have is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(
            content,
            format=suffix,
            dpi=DOTS_PER_INCH,
            facecolor=background,
            metadata=metadata,
            bbox_inches="tight",
            pad_inches=0.08,
        )
    return content.getvalue()
