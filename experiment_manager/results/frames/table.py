"""A table of columns, and what pandas, Arrow and Polars make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiment_manager.common.imports import require
from experiment_manager.db.column_types import encode_json
from experiment_manager.results.frames.columns import (
    Array,
    Column,
    Kind,
    absent,
    concatenated,
    np,
)


@dataclass(frozen=True)
class Table:
    """Columns of one length, by name and in order."""

    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def column(self, name: str, kind: Kind) -> Column:
        """The one of this name; one of missing values where there is none."""
        return self.columns[name] if name in self.columns else absent(kind, len(self))

    def take(self, rows: Array) -> Table:
        """Some rows, by their places."""
        return Table({name: column.take(rows) for name, column in self.columns.items()})


def stacked(tables: Sequence[Table]) -> Table:
    """Tables, at least one, one below the other; what one has no column for is missing there."""
    kinds = {name: column.kind for table in tables for name, column in table.columns.items()}
    return Table(
        {
            name: concatenated([table.column(name, kind) for table in tables])
            for name, kind in kinds.items()
        }
    )


def to_pandas(table: Table) -> Any:
    """A ``pandas.DataFrame``; the dtypes are the values of :class:`Kind`."""
    pandas = require("pandas", "results", "A data frame")
    arrays = {name: _pandas_array(pandas, column) for name, column in table.columns.items()}
    return pandas.DataFrame(arrays, copy=False)


def to_arrow(table: Table) -> Any:
    """A ``pyarrow.Table``; NaN is no null, and what is of any type is JSON."""
    arrow = require("pyarrow", "parquet", "An Arrow table")
    arrays = [_arrow_array(arrow, column) for column in table.columns.values()]
    return arrow.Table.from_arrays(arrays, names=list(table.columns))


def to_polars(table: Table) -> Any:
    """A ``polars.DataFrame`` of the Arrow table."""
    return require("polars", "polars", "A Polars frame").from_arrow(to_arrow(table))


FRAMES: Mapping[str, Callable[[Table], Any]] = {
    "pandas": to_pandas,
    "arrow": to_arrow,
    "polars": to_polars,
}
"""What makes a frame of a table, by the library that it is of."""


def _pandas_array(pandas: Any, column: Column) -> Any:
    values, missing = column.values, column.missing
    if column.kind is Kind.CATEGORY:
        return pandas.Categorical.from_codes(values, list(column.names))
    if column.kind is Kind.TEXT:
        return pandas.array(values, dtype=Kind.TEXT.value)
    if column.kind is Kind.TIME:
        return pandas.DatetimeIndex(values, tz="UTC")
    if column.kind in {Kind.OPTIONAL_INTEGER, Kind.BOOLEAN}:
        is_boolean = column.kind is Kind.BOOLEAN
        array = pandas.arrays.BooleanArray if is_boolean else pandas.arrays.IntegerArray
        return array(values, np.zeros(len(values), bool) if missing is None else missing)
    if column.kind is Kind.NUMBER and missing is not None:
        return np.where(missing, np.nan, values)
    return values


def _arrow_array(arrow: Any, column: Column) -> Any:
    values, missing = column.values, column.missing
    if column.kind is Kind.CATEGORY:
        codes = arrow.array(values, arrow.int32(), mask=values < 0)
        return arrow.DictionaryArray.from_arrays(codes, arrow.array(column.names, arrow.string()))
    if column.kind is Kind.OBJECT:
        return arrow.array([None if v is None else encode_json(v) for v in values], arrow.string())
    types = {
        Kind.TEXT: arrow.string(),
        Kind.INTEGER: arrow.int64(),
        Kind.OPTIONAL_INTEGER: arrow.int64(),
        Kind.NUMBER: arrow.float64(),
        Kind.BOOLEAN: arrow.bool_(),
        Kind.TIME: arrow.timestamp("us", tz="UTC"),
    }
    return arrow.array(values, types[column.kind], mask=missing)
