"""Any plot as one page that needs no network."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from experiment_manager.results.plots.confusion import ConfusionPlot
from experiment_manager.results.plots.curves import CurvesPlot
from experiment_manager.results.plots.final import FinalPlot
from experiment_manager.results.plots.importance import ImportancePlot
from experiment_manager.results.plots.interactive.confusion import draw_confusion
from experiment_manager.results.plots.interactive.curves import draw_curves
from experiment_manager.results.plots.interactive.final import draw_final
from experiment_manager.results.plots.interactive.importance import draw_importance
from experiment_manager.results.plots.interactive.parallel import draw_parallel
from experiment_manager.results.plots.parallel import ParallelPlot

_DRAWERS: dict[type, Callable[[Any], Any]] = {
    CurvesPlot: draw_curves,
    FinalPlot: draw_final,
    ImportancePlot: draw_importance,
    ParallelPlot: draw_parallel,
    ConfusionPlot: draw_confusion,
}
CONFIG = {"responsive": True, "displaylogo": False}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 1rem; }}
h1 {{ font-size: 1.3rem; overflow-wrap: anywhere; }}
figure {{ margin: 0; }}
.plot {{ background: white; border-radius: .5rem; padding: .5rem; overflow-x: auto; }}
.plot > div {{ min-width: {min_width}px; }}
figcaption {{ margin-top: .5rem; font-size: .9rem; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1>{title}</h1>
<figure>
<div class="plot">{plot}</div>
<figcaption>{caption}</figcaption>
</figure>
</body>
</html>
"""
ROOM_FOR_AXIS_PX = 130


def draw_page(
    plot: CurvesPlot | FinalPlot | ImportancePlot | ParallelPlot | ConfusionPlot,
) -> str:
    """The plot as HTML of some five megabytes, which are Plotly's script.

    Raises:
        MissingDependencyError: Plotly is not installed.
    """
    figure = _DRAWERS[type(plot)](plot)
    axes = len(plot.axes) if isinstance(plot, ParallelPlot) else 0
    return PAGE.format(
        title=html.escape(plot.title),
        caption=html.escape(plot.caption),
        min_width=axes * ROOM_FOR_AXIS_PX,
        plot=figure.to_html(full_html=False, include_plotlyjs=True, config=CONFIG),
    )
