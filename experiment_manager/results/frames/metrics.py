"""The numbers that runs recorded, one below the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from experiment_manager.db.frames import METRIC_TABLES, read_metrics
from experiment_manager.db.tuples import Rows
from experiment_manager.results.frames.columns import (
    Array,
    Column,
    categories,
    concatenated,
    np,
    optional_integers,
    stored_numbers,
)
from experiment_manager.results.frames.downsampling import thinned
from experiment_manager.results.frames.identity import Owners, as_keys, split
from experiment_manager.results.frames.reading import Part
from experiment_manager.results.frames.table import Table, stacked

LEVELS = tuple(METRIC_TABLES)
CONTENT = 4  # name, value, non-finite value, step


@dataclass(frozen=True)
class MetricRows:
    """Numbers of one level.

    Attributes:
        keys: The key of each one's owner, column by column.
        name: Names of the metrics.
        value: The numbers.
        step: The step that their caller gave.
    """

    keys: Sequence[Array]
    name: Column
    value: Column
    step: Column

    @classmethod
    def read(cls, part: Part, level: str, names: Collection[str] | None) -> MetricRows:
        """Those of a database, or of some names."""
        found = read_metrics(part.connection, part.runs, level, names)
        return cls.joined([cls.of(rows, level) for rows in found])

    @classmethod
    def of(cls, rows: Rows, level: str) -> MetricRows:
        """What :func:`~experiment_manager.db.frames.read_metrics` gives."""
        width = len(METRIC_TABLES[level].columns) - 1
        *keys, name, value, non_finite, step = split(rows, width + CONTENT)
        numbers = stored_numbers(value, non_finite)
        return cls(as_keys(keys), categories(name), numbers, optional_integers(step))

    @classmethod
    def joined(cls, portions: Sequence[MetricRows]) -> MetricRows:
        """Portions, at least one, one below the other."""
        return cls(
            [np.concatenate(keys) for keys in zip(*(one.keys for one in portions), strict=True)],
            concatenated([one.name for one in portions]),
            concatenated([one.value for one in portions]),
            concatenated([one.step for one in portions]),
        )

    def thinned(self, points: int) -> MetricRows:
        """About as many of each curve: of a metric of an owner."""
        _, owner = np.unique(self.keys[0], return_inverse=True)
        curve = owner * len(self.name.names) + self.name.values
        rows = thinned(curve, self.value.values, points)
        columns = (column.take(rows) for column in (self.name, self.value, self.step))
        return MetricRows([key[rows] for key in self.keys], *columns)


def metric_table(
    part: Part,
    levels: Sequence[str] = LEVELS,
    names: Collection[str] | None = None,
    points: int | None = None,
) -> Table:
    """Every number of some levels in a database.

    Args:
        part: The database.
        levels: Of :data:`LEVELS`.
        names: Names of metrics; None for all.
        points: About how many of each curve; None for all.
    """
    owners = Owners.read(part)
    tables = []
    for level in levels:
        rows = MetricRows.read(part, level, names)
        if points is not None:
            rows = rows.thinned(points)
        content = {"metric": rows.name, "value": rows.value, "step": rows.step}
        tables.append(owners.identified(level, rows.keys, content))
    return stacked(tables)
