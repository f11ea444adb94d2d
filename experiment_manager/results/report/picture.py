"""A plot as SVG that is part of a page and takes its colours from there."""

from __future__ import annotations

import re

from experiment_manager.results.plots.static.drawing import Plot, draw_bare_svg
from experiment_manager.results.plots.style import BEHIND, GRID, INK, MUTED, PAPER
from experiment_manager.results.report.markup import Markup, tag

WIDTH_IN = 4.0  # on a phone, texts of 8 points are then some 9 pixels high
COLOURS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    BEHIND: "var(--behind)",
    GRID: "var(--grid)",
    PAPER: "var(--card)",
}


def figure(plot: Plot, name: str) -> Markup:
    """The plot below its title and above its caption.

    Args:
        plot: What it shows.
        name: Begins the ids in it, which are the same in every picture of Matplotlib.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
    """
    picture = Markup(_fitted(draw_bare_svg(plot, WIDTH_IN), name))
    labelled = tag("div", picture, role="img", aria_label=plot.title)
    return tag("figure", tag("h3", plot.title), labelled, tag("figcaption", plot.caption))


def _fitted(svg: str, name: str) -> str:
    """The element alone, without notes, its size left to the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    for colour, variable in COLOURS.items():
        svg = svg.replace(colour, variable)
    return svg
