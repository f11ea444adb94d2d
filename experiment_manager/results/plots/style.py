"""Colours that everybody can tell apart, each with a line and a marker of its own.

The colours are those of M. Okabe and K. Ito (2008), Color universal design, without the yellow,
which is lost on white, and with the colour of the text for their black, which is lost on black.
"""

from __future__ import annotations

from dataclasses import dataclass

EXTRA, FEATURE = "plots", "Drawing plots"
INK, MUTED, BEHIND, GRID, PAPER = "#202124", "#5f6368", "#a3a7ad", "#dadce0", "#fefefe"
"""Of texts, lesser texts, curves that stand back, the lines behind the data, and all below.

The report puts colours of its own in their place, by day and by night.
"""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", INK)
DASHES = ("solid", "dash", "dot", "dashdot")
MARKERS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "x", "star")
MOST_STYLES = len(COLOURS)
COLOUR_SCALE = "cividis"
"""From dark blue to yellow, even in grey; the name is the same in both libraries."""
LINE_SCALE = ("#00224e", "#213b6e", "#4c556c", "#6c6e72", "#8e8978", "#b1a570", "#cbb969")
"""The same for lines, without the end that is lost on white."""


@dataclass(frozen=True)
class Style:
    """How the line of one curve looks.

    Attributes:
        colour: As ``#rrggbb``.
        dash: One of ``DASHES``.
        marker: One of ``MARKERS``.
    """

    colour: str
    dash: str
    marker: str


BACKGROUND = Style(BEHIND, "solid", "circle")
"""Of curves that are there for comparison only."""


def style_of(place: int) -> Style:
    """The style of the curve at this place, from 0; no two of the first seven share a colour.

    Example:
        >>> style_of(0).dash, style_of(1).dash, style_of(7) == style_of(0)
        ('solid', 'dash', False)
    """
    return Style(
        COLOURS[place % len(COLOURS)],
        DASHES[place % len(DASHES)],
        MARKERS[place % len(MARKERS)],
    )
