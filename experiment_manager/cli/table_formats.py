"""A table of a metric as Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable

from experiment_manager.results.metric_table import Cell, MetricTable
from experiment_manager.results.statistics.wording import amounts, mean_and_sd

LATEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{character: f"{{{character}}}" for character in "[]*"},  # which a line break would take
}
MARKDOWN_ESCAPES = {character: f"\\{character}" for character in "\\|*_`<>[]"}
MINUS = re.compile(r"(?<!\S)-(?=\d)|(?<=\{\[\})-(?=\d)")
CSV_COLUMNS = ("n", "missing", "not_finite", "mean", "sd", "low", "high", "best")

Spread = str
"""``sd`` for the standard deviation, ``interval`` for the confidence interval of the mean."""


def cell_text(cell: Cell | None, spread: Spread, alpha: float) -> str:
    """The mean with its spread, and how many of its runs have a value if not all have.

    Example:
        >>> from experiment_manager.results.statistics.describe import describe
        >>> cell_text(Cell(describe([0.91, 0.93, None]), False), "sd", 0.05)
        '0.920 ± 0.014 (2/3)'
    """
    if cell is None:
        return "-"
    summary = cell.summary
    of = "" if summary.n == summary.n_runs else f" ({summary.n}/{summary.n_runs})"
    if summary.n == 0:
        return f"-{of}"
    interval = summary.interval(1 - alpha) if spread == "interval" else None
    if interval is None or math.isnan(interval.low):
        return f"{mean_and_sd(summary.mean, math.nan if interval else summary.sd)}{of}"
    half = (interval.high - interval.low) / 2
    mean, low, high = amounts([summary.mean, interval.low, interval.high], half)
    return f"{mean} [{low}, {high}]{of}"


def caption(table: MetricTable, spread: Spread) -> str:
    """What the cells say, in a sentence or two."""
    level = f"{100 * (1 - table.alpha):g}%"
    kinds = {"sd": "± standard deviation", "interval": f"[{level} confidence interval]"}
    direction = "higher" if table.higher_is_better else "lower"
    return (
        f"{table.metric}, {direction} is better: mean {kinds[spread]} over the runs that "
        f"succeeded. Marked: the best of a column and all that is not told apart from it "
        f"(p > {table.alpha:g} after Holm over the pairs of a column)."
    )


def markdown(table: MetricTable, spread: Spread) -> str:
    """A table in Markdown, with its caption."""
    rows = _rows(table, spread, _markdown_text, lambda text: f"**{text}**")
    rows.insert(1, ["---", *(["---:"] * len(table.columns))])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", _markdown_text(caption(table, spread))])


def latex(table: MetricTable, spread: Spread) -> str:
    """A tabular of booktabs, with its caption as a comment."""
    head, *rows = [
        f"{' & '.join(row)} \\\\"
        for row in _rows(table, spread, _latex_text, lambda text: f"\\textbf{{{text}}}")
    ]
    return "\n".join(
        [
            f"% {_one_line(caption(table, spread))}",
            r"% Needs \usepackage{booktabs}",
            f"\\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
            r"\toprule",
            head,
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def as_csv(table: MetricTable) -> str:
    """A line for each cell, with all digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fields = [table.row_field] + ([table.column_field] if table.column_field else [])
    writer.writerow([*fields, *CSV_COLUMNS])
    for (row, column), cell in table.cells.items():
        summary, interval = cell.summary, cell.summary.interval(1 - table.alpha)
        numbers = [summary.mean, summary.sd, interval.low, interval.high]
        writer.writerow(
            [row]
            + ([column] if table.column_field else [])
            + [summary.n, summary.n_missing, summary.n_not_finite]
            + ["" if math.isnan(number) else repr(number) for number in numbers]
            + [int(cell.is_best)]
        )
    return text.getvalue().rstrip("\n")


def _rows(
    table: MetricTable,
    spread: Spread,
    escape: Callable[[str], str],
    embolden: Callable[[str], str],
) -> list[list[str]]:
    """The heading and the rows."""
    rows = [[escape(text) for text in (table.row_field, *table.columns)]]
    for row in table.rows:
        cells = [table.cells.get((row, column)) for column in table.columns]
        texts = [escape(cell_text(cell, spread, table.alpha)) for cell in cells]
        marked = [
            embolden(text) if cell and cell.is_best else text
            for text, cell in zip(texts, cells, strict=True)
        ]
        rows.append([escape(row), *marked])
    return rows


def _markdown_text(text: str) -> str:
    return "".join(MARKDOWN_ESCAPES.get(character, character) for character in _one_line(text))


def _latex_text(text: str) -> str:
    escaped = "".join(LATEX_ESCAPES.get(character, character) for character in _one_line(text))
    return MINUS.sub("$-$", escaped.replace("±", r"$\pm$"))


def _one_line(text: str) -> str:
    return " ".join(text.split())
