"""A plot as a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from experiment_manager.common.files import write_atomic
from experiment_manager.results.plots.errors import PlotError
from experiment_manager.results.plots.interactive.drawing import draw_page
from experiment_manager.results.plots.static.drawing import Plot, draw_png, draw_svg

WRITERS: Mapping[str, Callable[[Plot], bytes]] = {
    ".png": draw_png,
    ".svg": lambda plot: draw_svg(plot).encode(),
    ".html": lambda plot: draw_page(plot).encode(),
}
"""What makes a file's content, by the ending of its name."""


def check_suffix(path: Path) -> None:
    """Raise a PlotError for a file whose name does not tell the kind of picture."""
    if path.suffix.lower() not in WRITERS:
        raise PlotError(
            f"{path.name!r} does not tell the kind of picture: it should end in one of "
            f"{', '.join(WRITERS)}"
        )


def save_plot(plot: Plot, path: Path) -> None:
    """Write a plot into a file that is there as a whole or not at all.

    Args:
        plot: What it shows.
        path: Ends in ``.png``, ``.svg``, or ``.html`` for an interactive page that needs no
            network.

    Raises:
        PlotError: The name ends otherwise.
        MissingDependencyError: The extra ``plots`` is not installed.
        OSError: The file cannot be written.
    """
    check_suffix(path)
    content = WRITERS[path.suffix.lower()](plot)
    write_atomic(path, lambda beside: beside.write_bytes(content))
