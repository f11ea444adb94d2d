"""Values by label, and confusion matrices, as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.markup import escape

from experiment_manager.cli.console import (
    COLUMN_GAP,
    create_console,
    create_table,
    number_text,
    print_sentence,
)
from experiment_manager.cli.sample_tables import STYLES, print_rest
from experiment_manager.common.naming import first_of
from experiment_manager.results.label_comparison import LabelComparison
from experiment_manager.results.labels import MeanMatrix
from experiment_manager.results.statistics.comparison import Comparison, Verdict
from experiment_manager.results.statistics.describe import Summary
from experiment_manager.results.statistics.wording import amounts, counted, mean_and_sd, p_text

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 20
LETTERS = ("A", "B")
VERDICTS = {
    Verdict.BETTER: "B is better at",
    Verdict.WORSE: "B is worse at",
    Verdict.EQUIVALENT: "Equivalent at",
}


def print_label_pages(
    pages: Sequence[LabelComparison],
    matrices: Mapping[str, Mapping[str, MeanMatrix]],
    limit: int | None,
) -> None:
    """Print which sample is A and B, a table for each page, and matrices that have room."""
    console = create_console()
    for letter, compared in zip(LETTERS, pages[0].samples, strict=False):
        of = "" if compared.n == compared.n_runs else f"{compared.n} of "
        runs = counted(compared.n_runs, "run")
        console.print(f"[bold]{letter}[/]  {escape(compared.name)} [dim]({of}{runs})[/]")
    for page in pages:
        _print_page(console, page, limit or SHOWN)
    for metric, samples in matrices.items():
        for sample, matrix in samples.items():
            _print_matrix(console, f"{metric} of {sample}", matrix)
    if pages[0].comparisons:
        text = "A and B are mean ± standard deviation. Holm's p is corrected for a table's labels."
        print_sentence(console, f"\n[dim]{text}[/]")


def _print_page(console: Console, page: LabelComparison, limit: int) -> None:
    console.print(f"\n[bold]{escape(page.title)}[/]")
    level = next((f"{100 * (1 - one.alpha):g}" for one in page.comparisons.values()), "")
    letters = LETTERS[: len(page.samples)]
    numbers = (*letters, *(("B - A", f"{level}% CI (t)", "Holm p") if page.comparisons else ()))
    table = create_table("Label", *numbers, numbers=numbers)
    for label in page.labels[:limit]:
        cells = [_summary_text(summary) for summary in page.summaries(label)]
        compared = _comparison_cells(page.comparisons.get(label)) if page.comparisons else []
        table.add_row(escape(label), *cells, *compared)
    console.print(table)
    _print_verdicts(console, page)
    print_rest(console, "labels", len(page.labels[:limit]), len(page.labels))


def _summary_text(summary: Summary | None) -> str:
    return "-" if summary is None or summary.n == 0 else mean_and_sd(summary.mean, summary.sd)


def _comparison_cells(comparison: Comparison | None) -> list[str]:
    if comparison is None or math.isnan(comparison.difference):
        return ["-", "-", "-"]
    interval, difference = comparison.interval, comparison.difference
    if math.isnan(interval.low):
        return [f"{difference:.3g}", "-", "-"]
    half = (interval.high - interval.low) / 2
    size, low, high = amounts([difference, interval.low, interval.high], half)
    return [size, f"{low} to {high}", p_text(comparison.holm_p).removeprefix("= ")]


def _print_verdicts(console: Console, page: LabelComparison) -> None:
    """Print the labels that B is better at, worse at, and how many nobody can tell."""
    labels: dict[Verdict, list[str]] = {}
    for label, comparison in page.comparisons.items():
        labels.setdefault(comparison.verdict, []).append(label)
    for verdict, text in VERDICTS.items():
        if found := labels.get(verdict):
            names = escape(first_of(found, SHOWN))
            print_sentence(console, f"[{STYLES[verdict]}]{text}: {names}.[/]")
    if unknown := len(labels.get(Verdict.CANNOT_TELL, ())):
        which = "all" if unknown == len(page.comparisons) else f"the {unknown} others"
        print_sentence(console, f"[yellow]Not told apart: {which}.[/]")


def _print_matrix(console: Console, title: str, matrix: MeanMatrix) -> None:
    """Print the mean counts, where the terminal has room for them."""
    cells = [[number_text(cell.mean) for cell in row] for row in matrix.rows]
    columns = zip(matrix.labels, zip(*cells, strict=True), strict=True)
    widths = [max(map(cell_len, (label, *column))) + COLUMN_GAP for label, column in columns]
    if sum(widths) + max(map(cell_len, matrix.labels), default=0) > console.width:
        return
    console.print(
        f"\n[bold]{escape(title)}[/], mean of the counts (rows: true, columns: predicted)"
    )
    table = create_table("", *matrix.labels, numbers=tuple(matrix.labels))
    for label, row in zip(matrix.labels, cells, strict=True):
        table.add_row(escape(label), *row)
    console.print(table)
