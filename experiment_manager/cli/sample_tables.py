"""Samples as a table, and what tells them apart as sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from experiment_manager.cli.console import create_table, print_sentence
from experiment_manager.results.query_fields import FIELDS, PARAMETERS
from experiment_manager.results.sample_comparison import SampleComparison
from experiment_manager.results.samples import Sample
from experiment_manager.results.statistics.comparison import Comparison, Verdict
from experiment_manager.results.statistics.describe import Summary
from experiment_manager.results.statistics.wording import amounts, counted

if TYPE_CHECKING:
    from rich.console import Console

PARAMETERS_PREFIX = f"{PARAMETERS}."
STYLES = {
    Verdict.BETTER: "green",
    Verdict.WORSE: "green",
    Verdict.EQUIVALENT: "cyan",
    Verdict.CANNOT_TELL: "yellow",
}


def print_samples(
    console: Console, comparison: SampleComparison, by: str, limit: int | None
) -> None:
    """Print a line for each sample, the best first, and below which runs have no value."""
    interval = f"{100 * (1 - comparison.alpha):g}% CI (t)"
    numbers = ("Runs", "Mean", "SD", "Median", "IQM", interval)
    table = create_table(_head(by), *numbers, numbers=numbers)
    shown = comparison.samples[:limit]
    for sample in shown:
        summary = comparison.summaries[sample.name]
        name = sample.name.removeprefix(f"{by.removeprefix(PARAMETERS_PREFIX)}=")
        table.add_row(escape(name), *_cells(summary, comparison.alpha))
    console.print(table)
    for sample in shown:
        _print_missing(console, sample, comparison.summaries[sample.name])
    print_rest(console, "samples", len(shown), len(comparison.samples))


def print_comparisons(
    console: Console, comparisons: Sequence[Comparison], limit: int | None
) -> None:
    """Print the sentence of each comparison, and the size of its effect."""
    for one in comparisons[:limit]:
        print_sentence(console, f"[{STYLES[one.verdict]}]{escape(one.sentence())}[/]")
        if effect := effect_text(one):
            print_sentence(console, f"[dim]{escape(effect)}[/]")
    print_rest(console, "comparisons", len(comparisons[:limit]), len(comparisons))


def print_rest(console: Console, noun: str, shown: int, total: int) -> None:
    """Print how many lines there were no room for, where there are any."""
    if shown < total:
        console.print(f"[dim]The first {shown} of {total} {noun}; --limit shows more.[/]")


def effect_text(comparison: Comparison) -> str:
    """The size of the difference beside its certainty; empty where it cannot be told.

    Said of the trial that the sentence puts first.
    """
    if math.isnan(comparison.hedges_g):
        return ""
    better, share = comparison.first, comparison.probability_of_improvement
    if comparison.verdict is Verdict.WORSE:
        better, share = comparison.second, 1 - share
    return (
        f"(Hedges' g {abs(comparison.hedges_g):.2g}; a run of {better} is better with "
        f"probability {share:.2g})"
    )


def footnote(comparison: SampleComparison) -> str:
    """What the intervals and the p values are."""
    level = f"{100 * (1 - comparison.alpha):g}%"
    text = f"Each {level} CI is Student's t interval of one mean, or of one difference."
    n_tests = max((one.n_comparisons for one in comparison.comparisons), default=0)
    if n_tests > 1:
        text = f"{text} Holm's p is corrected for {counted(n_tests, 'comparison')}."
    return text


def _head(by: str) -> str:
    return by.capitalize() if by in FIELDS else by.removeprefix(PARAMETERS_PREFIX)


def _cells(summary: Summary, alpha: float) -> list[str]:
    interval = summary.interval(1 - alpha)
    of = "" if summary.n == summary.n_runs else f"/{summary.n_runs}"
    values = [summary.mean, summary.sd, summary.median, summary.iqm, interval.low, interval.high]
    known = [value for value in values if not math.isnan(value)]
    texts = iter(amounts(known, summary.sd / math.sqrt(max(1, summary.n))) if known else ())
    mean, sd, median, iqm, low, high = [
        "-" if math.isnan(value) else next(texts) for value in values
    ]
    return [f"{summary.n}{of}", mean, sd, median, iqm, "-" if low == "-" else f"{low} to {high}"]


def _print_missing(console: Console, sample: Sample, summary: Summary) -> None:
    reasons = dict(sample.obstacles)
    if summary.n_not_finite:
        reasons["not finite"] = summary.n_not_finite
    if reasons:
        counts = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        console.print(f"[yellow]No value from {escape(f'{sample.name}: {counts}')}[/]")
