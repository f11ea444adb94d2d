"""Columns of a frame: arrays of one kind, which know what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from experiment_manager.common.imports import require

np: Any = require("numpy", "results", "A data frame")
Array = Any


class Kind(Enum):
    """What the values of a column are; the value is its dtype in pandas."""

    TEXT = "string"
    CATEGORY = "category"
    INTEGER = "int64"
    OPTIONAL_INTEGER = "Int64"
    NUMBER = "float64"
    BOOLEAN = "boolean"
    TIME = "datetime64[us, UTC]"
    OBJECT = "object"


@dataclass(frozen=True)
class Column:
    """Values of one kind.

    Attributes:
        kind: Their kind.
        values: An array; of categories their codes, -1 for a missing one.
        missing: An array that is true where a value is missing; None where none is.
        names: What the codes of categories stand for.
    """

    kind: Kind
    values: Array
    missing: Array | None = None
    names: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Array) -> Column:
        """The values of some rows, by their places."""
        missing = None if self.missing is None else self.missing[rows]
        return Column(self.kind, self.values[rows], missing, self.names)


def texts(values: Sequence[str | None]) -> Column:
    """Texts, or None."""
    return objects(values, Kind.TEXT)


def objects(values: Sequence[Any], kind: Kind = Kind.OBJECT) -> Column:
    """Values as they are."""
    array = np.empty(len(values), object)
    for place, value in enumerate(values):  # NumPy would make a matrix of lists
        array[place] = value
    return Column(kind, array)


def categories(values: Sequence[str]) -> Column:
    """Texts of which there are few different ones."""
    codes = {name: code for code, name in enumerate(dict.fromkeys(values))}
    found = np.fromiter(map(codes.__getitem__, values), np.int32, len(values))
    return Column(Kind.CATEGORY, found, names=tuple(codes))


def same_category(name: str, length: int) -> Column:
    """One text, again and again."""
    return Column(Kind.CATEGORY, np.zeros(length, np.int32), names=(name,))


def integers(values: Sequence[int]) -> Column:
    """Integers of 64 bits."""
    return Column(Kind.INTEGER, np.array(values, np.int64))


def optional_integers(values: Sequence[int | None]) -> Column:
    """Integers of 64 bits, or None."""
    return _optional(Kind.OPTIONAL_INTEGER, values, np.int64)


def optional_booleans(values: Sequence[bool | None]) -> Column:
    """Truth values, or None."""
    return _optional(Kind.BOOLEAN, values, bool)


def optional_numbers(values: Sequence[float | None]) -> Column:
    """Numbers, or None, which is told apart from NaN."""
    return _optional(Kind.NUMBER, values, float)


def stored_numbers(values: Sequence[float | None], non_finite: Sequence[str | None]) -> Column:
    """Numbers as the database has them, where a name stands for what its type cannot hold."""
    if any(non_finite):
        pairs = zip(values, non_finite, strict=True)
        values = [value if name is None else float(name) for value, name in pairs]
    return Column(Kind.NUMBER, np.array(values, float))


def times(values: Sequence[Any]) -> Column:
    """Times in UTC, or None: texts as SQLite has them, or of Python."""
    array = np.array(values, "datetime64[us]")
    return Column(Kind.TIME, array)


def absent(kind: Kind, length: int) -> Column:
    """Nothing but missing values."""
    if kind is Kind.CATEGORY:
        return Column(kind, np.full(length, -1, np.int32))
    dtype = {Kind.OPTIONAL_INTEGER: np.int64, Kind.NUMBER: float}.get(kind, object)
    array = np.empty(length, dtype) if dtype is object else np.zeros(length, dtype)
    return Column(kind, array, np.ones(length, bool))


def concatenated(columns: Sequence[Column]) -> Column:
    """Columns of one kind, one below the other."""
    if len(columns) == 1:
        return columns[0]
    kind = columns[0].kind
    if kind is Kind.CATEGORY:
        return _merged_categories(columns)
    missing = None
    if any(column.missing is not None for column in columns):
        missing = np.concatenate([_missing(column) for column in columns])
    return Column(kind, np.concatenate([column.values for column in columns]), missing)


def _optional(kind: Kind, values: Sequence[Any], dtype: Any) -> Column:
    if None not in values:
        return Column(kind, np.array(values, dtype))
    missing = np.array([value is None for value in values], bool)
    filled = [0 if value is None else value for value in values]
    return Column(kind, np.array(filled, dtype), missing)


def _missing(column: Column) -> Array:
    return np.zeros(len(column), bool) if column.missing is None else column.missing


def _merged_categories(columns: Iterable[Column]) -> Column:
    codes: dict[str, int] = {}
    parts = []
    for column in columns:
        own = [codes.setdefault(name, len(codes)) for name in column.names]
        parts.append(np.array([*own, -1], np.int32)[column.values])  # -1 is the last one
    return Column(Kind.CATEGORY, np.concatenate(parts), names=tuple(codes))
