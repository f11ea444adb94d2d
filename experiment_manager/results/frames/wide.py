"""Values by name turned into columns by name."""

from __future__ import annotations

from experiment_manager.results.frames.columns import Array, Column, Kind, np
from experiment_manager.results.frames.table import Table


def pivoted(prefix: str, places: Array, names: Column, values: Column, length: int) -> Table:
    """A column for each name, in order of the alphabet, with the values at their places.

    Args:
        prefix: Stands before each name.
        places: The row of each value; of several at one place the last one stays.
        names: The name of each value.
        values: The values.
        length: Number of rows.
    """
    order = np.argsort(names.values, kind="stable")
    ends = np.searchsorted(names.values[order], np.arange(1, len(names.names)))
    groups = dict(zip(names.names, np.split(order, ends), strict=False))
    return Table(
        {
            f"{prefix}{name}": _placed(values.take(rows), places[rows], length)
            for name, rows in sorted(groups.items())
        }
    )


def _placed(values: Column, places: Array, length: int) -> Column:
    filled = np.empty(length, object if values.kind is Kind.OBJECT else values.values.dtype)
    if values.kind is not Kind.OBJECT:
        filled[:] = 0
    filled[places] = values.values
    missing = np.ones(length, bool)
    missing[places] = False if values.missing is None else values.missing
    return Column(values.kind, filled, missing if missing.any() else None)
