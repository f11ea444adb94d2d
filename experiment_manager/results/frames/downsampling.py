"""Fewer points of long curves, of which no spike is lost."""

from __future__ import annotations

from itertools import pairwise

from experiment_manager.results.frames.columns import Array, np

LEAST_POINTS = 4


def thinned(curve: Array, values: Array, points: int) -> Array:
    """The places of the rows that stay, in order.

    A curve of more than ``points`` rows is cut into buckets of equally many rows. Of each its
    lowest and its highest value stay, with the first and the last row of the curve: what stays
    are rows as they were recorded, never means of them. NaN counts as the highest.

    Args:
        curve: Which curve each row is of, as an integer; the rows of one are in their order.
        values: The value of each row.
        points: The most rows to keep of each curve, at least 4.
    """
    order = np.argsort(curve, kind="stable")
    starts = np.flatnonzero(np.diff(curve[order])) + 1
    kept = [_kept(rows, values, points) for rows in np.split(order, starts)]
    return np.sort(np.concatenate(kept))


def _kept(rows: Array, values: Array, points: int) -> Array:
    if len(rows) <= points:
        return rows
    own = values[rows]
    low = np.where(np.isnan(own), np.inf, own)
    borders = np.linspace(0, len(rows), points // 2, dtype=int)  # two points are for the ends
    places = {0, len(rows) - 1}
    for start, end in pairwise(borders):
        places |= {start + low[start:end].argmin(), start + own[start:end].argmax()}
    return rows[sorted(places)]
