"""``table``: a metric by two fields, for a screen, a text or a paper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click
from rich.cells import cell_len
from rich.markup import escape, render

from experiment_manager.cli.console import (
    COLUMN_GAP,
    create_console,
    create_table,
    print_sentence,
)
from experiment_manager.cli.samples import choose_groups
from experiment_manager.cli.table_formats import (
    Spread,
    as_csv,
    caption,
    cell_text,
    latex,
    markdown,
)
from experiment_manager.results.metric_table import Cell, MetricTable, tabulate
from experiment_manager.results.statistics.metric_names import is_higher_better

FORMATS: dict[str, Callable[[MetricTable, Spread], str]] = {
    "markdown": markdown,
    "latex": latex,
    "csv": lambda table, _: as_csv(table),
}


def print_table(
    words: Sequence[str],
    place: str,
    metric: str | None,
    rows: str,
    columns: str | None,
    *,
    format_: str,
    spread: Spread,
    higher_is_better: bool | None,
    **how: Any,
) -> None:
    """Print a table of a metric.

    Args:
        words: Places, and a query or names (see ``choose_groups``).
        place: Where to look if no place is among the words.
        metric: The metric.
        rows: What the rows differ in.
        columns: What the columns differ in; None for a single column.
        format_: ``text``, ``markdown``, ``latex`` or ``csv``.
        spread: What stands beside the means.
        higher_is_better: The metric's direction; None to take it from the name.
        how: ``alpha`` and ``test``.
    """
    found = choose_groups(words, place, "trial")
    name = found.require_metric(metric)
    if higher_is_better is None:
        higher_is_better = is_higher_better(name)
    table = tabulate(found.runs, name, rows, columns, higher_is_better=higher_is_better, **how)
    if format_ == "text":
        _print_text(table, spread)
    else:
        click.echo(FORMATS[format_](table, spread))


def _print_text(table: MetricTable, spread: Spread) -> None:
    """Bold on a terminal, and a star everywhere, mark the best; as many columns as have room."""
    console = create_console()
    texts = {
        column: [
            _marked(table.cells.get((row, column)), spread, table.alpha) for row in table.rows
        ]
        for column in table.columns
    }
    for columns in _in_portions(texts, console.width - _width(table.row_field, table.rows)):
        part = create_table(table.row_field, *columns, numbers=tuple(columns))
        for place, row in enumerate(table.rows):
            part.add_row(escape(row), *(texts[column][place] for column in columns))
        console.print(part)
    print_sentence(console, f"[dim]{escape(caption(table, spread))}[/]")


def _in_portions(texts: Mapping[str, Sequence[str]], room: int) -> list[list[str]]:
    """The columns in portions that have room beside each other, at least one in each."""
    portions: list[list[str]] = []
    left = 0
    for column, cells in texts.items():
        width = _width(column, [render(cell).plain for cell in cells])
        if width > left or not portions:
            portions.append([])
            left = room
        portions[-1].append(column)
        left -= width
    return portions


def _width(head: str, cells: Iterable[str]) -> int:
    return max(map(cell_len, (head, *cells))) + COLUMN_GAP


def _marked(cell: Cell | None, spread: Spread, alpha: float) -> str:
    text = escape(cell_text(cell, spread, alpha))
    return f"[bold]{text} *[/]" if cell and cell.is_best else f"{text}  "
