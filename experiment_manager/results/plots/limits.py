"""Which part of an axis is shown."""

from __future__ import annotations

import math
from collections.abc import Collection

MARGIN = 0.05  # of the span, on either side
REACH = 0.75  # of the span: how far beyond the values an interval is followed


def view_limits(values: Collection[float], ends: Collection[float]) -> tuple[float, float]:
    """The ends of an axis that shows all values, and intervals as far as they let one see these.

    With two repeats Student's interval is some nine standard deviations wide to either side:
    on an axis that held it all, nothing else could be seen.

    Args:
        values: Finite.
        ends: Of intervals; NaN for those that are unknown.

    Returns:
        The lower and the upper end, apart from each other; 0 and 1 where there is nothing.

    Example:
        >>> view_limits([1.0, 2.0], [1.25, 50.0])
        (0.95, 2.8)
    """
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    span = high - low or max(abs(high) * 0.1, 1e-9)
    known = [end for end in ends if math.isfinite(end)]
    bottom = max(min([low, *known]), low - REACH * span)
    top = min(max([high, *known]), high + REACH * span)
    return bottom - MARGIN * span, top + MARGIN * span


def goes_beyond(limits: tuple[float, float], ends: Collection[float]) -> bool:
    """True where an interval goes on outside of the picture."""
    return any(end < limits[0] or end > limits[1] for end in ends)
