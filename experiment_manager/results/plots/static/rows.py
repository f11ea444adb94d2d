"""Named rows, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiment_manager.results.plots.static.canvas import SMALL_SIZE, plain
from experiment_manager.results.plots.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NARROW_IN = 5.0  # a picture for a phone: names stand above their rows, not beside them
ROW_IN, NAMED_ROW_IN, HEAD_IN = 0.34, 0.46, 0.75
UP = 0.38  # of a row: from its middle to the name above it


@dataclass(frozen=True)
class Rows:
    """The rows 0, 1, ... of a panel, from the top.

    Attributes:
        names: Of each.
        remarks: What is said at the end of each.
    """

    names: Sequence[str]
    remarks: Sequence[str] = ()

    def height_in(self, width_in: float) -> float:
        """The height of the panel in inches."""
        return HEAD_IN + len(self.names) * (NAMED_ROW_IN if width_in < NARROW_IN else ROW_IN)

    def name(self, axes: Axes, width_in: float) -> None:
        """Write the names and the remarks."""
        axes.tick_params(axis="y", length=0)
        is_narrow = width_in < NARROW_IN
        axes.set_ylim(len(self.names) - 0.4, -0.8 if is_narrow else -0.6)
        beside = {} if is_narrow else dict(enumerate(map(plain, self.names)))
        axes.set_yticks(list(beside), list(beside.values()))
        for row, name in enumerate(self.names if is_narrow else ()):
            _write(axes, name, 0.01, row - UP)
        for row, remark in enumerate(self.remarks):
            _write(axes, remark, 1.01, row)


def _write(axes: Axes, text: str, x: float, row: float) -> None:
    axes.annotate(
        plain(text),
        (x, row),
        xycoords=("axes fraction", "data"),
        ha="left",
        va="center",
        size=SMALL_SIZE,
        color=INK,
        annotation_clip=False,
    )
