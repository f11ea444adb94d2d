"""What metrics say of each label, and the cells of confusion matrices."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from experiment_manager.common.metrics import CONFUSION_LABELS, CONFUSION_ROWS, is_confusion
from experiment_manager.db.frames import METRIC_TABLES, read_labels
from experiment_manager.db.tuples import Rows, decode_many
from experiment_manager.results.frames.columns import (
    Array,
    Column,
    categories,
    optional_integers,
    optional_numbers,
)
from experiment_manager.results.frames.identity import Owners, as_keys, split
from experiment_manager.results.frames.metrics import LEVELS
from experiment_manager.results.frames.reading import Part
from experiment_manager.results.frames.table import Table, stacked

Labels = Mapping[str, Any]
Cells = Callable[[Labels], Iterator[tuple[Any, ...]]]


def label_table(
    part: Part, levels: Sequence[str] = LEVELS, names: Collection[str] | None = None
) -> Table:
    """The number of each label of the metrics in a database that have some."""
    return _table(part, levels, names, ("label",), _labels)


def confusion_table(
    part: Part, levels: Sequence[str] = LEVELS, names: Collection[str] | None = None
) -> Table:
    """The cells of the confusion matrices in a database."""
    return _table(part, levels, names, ("true", "predicted"), _cells)


def _labels(content: Labels) -> Iterator[tuple[Any, ...]]:
    return iter(() if is_confusion(content) else content.items())


def _cells(content: Labels) -> Iterator[tuple[Any, ...]]:
    if is_confusion(content):
        names = content[CONFUSION_LABELS]
        for true, row in zip(names, content[CONFUSION_ROWS], strict=True):
            yield from ((true, predicted, n) for predicted, n in zip(names, row, strict=True))


def _table(
    part: Part,
    levels: Sequence[str],
    names: Collection[str] | None,
    texts: Sequence[str],
    cells: Cells,
) -> Table:
    owners = Owners.read(part)
    tables = []
    for level in levels:
        found = read_labels(part.connection, part.runs, level, names)
        width = len(METRIC_TABLES[level].columns) - 1
        keys, content = _content(_rows(found, cells), width, texts)
        tables.append(owners.identified(level, keys, content))
    return stacked(tables)


def _rows(found: Rows, cells: Cells) -> list[tuple[Any, ...]]:
    """A row for each cell: the owner's key, the metric's name, the cell, the step."""
    pairs = zip(found, decode_many([row[-2] for row in found]), strict=True)
    return [(*row[:-2], *cell, row[-1]) for row, content in pairs for cell in cells(content)]


def _content(
    rows: Sequence[tuple[Any, ...]], width: int, texts: Sequence[str]
) -> tuple[list[Array], dict[str, Column]]:
    columns = split(rows, width + len(texts) + 3)
    metric, *labels, value, step = columns[width:]
    return as_keys(columns[:width]), {
        "metric": categories(metric),
        **{name: categories(column) for name, column in zip(texts, labels, strict=True)},
        "value": optional_numbers(value),
        "step": optional_integers(step),
    }
