"""Rows as CSV, JSON lines or Parquet, each written as it comes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, TextIO

from experiment_manager.cli.as_json import plain
from experiment_manager.common.imports import require

ROWS_AT_ONCE = 100_000  # a group of rows in Parquet; it has to be in memory as a whole

Row = Sequence[Any]


class Rows:
    """Rows that are made while they are written.

    Args:
        columns: The type of each column by its name: bool, int, float, str or datetime. Values
            of a str column may be anything that JSON can say.
        rows: Their values, None where there is none.

    Attributes:
        count: How many have been written.
    """

    def __init__(self, columns: Mapping[str, type], rows: Iterable[Row]) -> None:
        self.columns = columns
        self.count = 0
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


def write_csv(rows: Rows, sink: BinaryIO) -> None:
    """A head and a line for each row, in UTF-8; what is no text, number or time is JSON."""
    with _text(sink) as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(rows.columns)
        writer.writerows([_cell_text(value) for value in row] for row in rows)


def write_json_lines(rows: Rows, sink: BinaryIO) -> None:
    """A JSON object for each row, which has every column; NaN and infinities are texts."""
    with _text(sink) as text:
        for row in rows:
            named = dict(zip(rows.columns, row, strict=True))
            text.write(f"{json.dumps(plain(named), allow_nan=False)}\n")


def write_parquet(rows: Rows, sink: BinaryIO) -> None:
    """Typed columns; times are in UTC, and where a column's values have many types JSON.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    arrow = require("pyarrow", "parquet", "Writing Parquet")
    parquet = require("pyarrow.parquet", "parquet", "Writing Parquet")
    types = {
        bool: arrow.bool_(),
        int: arrow.int64(),
        float: arrow.float64(),
        str: arrow.string(),
        datetime: arrow.timestamp("us", tz="UTC"),
    }
    schema = arrow.schema([(name, types[kind]) for name, kind in rows.columns.items()])
    with parquet.ParquetWriter(sink, schema) as writer:
        for portion in _portions(rows):
            columns = zip(zip(*portion, strict=True), rows.columns.values(), strict=True)
            arrays = [
                arrow.array([_typed(value, kind) for value in values], types[kind])
                for values, kind in columns
            ]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


WRITERS: Mapping[str, Callable[[Rows, BinaryIO], None]] = {
    "csv": write_csv,
    "jsonl": write_json_lines,
    "parquet": write_parquet,
}
"""By the ending of the file's name."""


@contextmanager
def _text(sink: BinaryIO) -> Iterator[TextIO]:
    text = io.TextIOWrapper(sink, encoding="utf-8", newline="")
    try:
        yield text
    finally:
        text.detach()


def _portions(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while portion := list(islice(remaining, ROWS_AT_ONCE)):
        yield portion


def _typed(value: Any, kind: type) -> Any:
    if value is None or isinstance(value, datetime):
        return value
    return _cell_text(value) if kind is str else kind(value)


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (str, float)):
        return str(value)
    text = plain(value)
    return text if isinstance(text, str) else json.dumps(text)
