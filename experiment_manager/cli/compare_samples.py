"""``compare``: what the repeats of trials say of each other on one metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.console import create_console, print_sentence
from experiment_manager.cli.places import chosen
from experiment_manager.cli.sample_json import comparison_dict, heading_dict, sample_dicts
from experiment_manager.cli.sample_tables import footnote, print_comparisons, print_samples
from experiment_manager.cli.samples import ChosenRuns, choose_groups
from experiment_manager.results.sample_comparison import (
    SampleComparison,
    Scope,
    compare_samples,
)

SHOWN = 20


def print_sample_comparison(
    words: Sequence[str],
    place: str,
    metric: str | None,
    by: str,
    *,
    against: str | None = None,
    all_pairs: bool = False,
    limit: int | None = None,
    as_json: bool = False,
    **how: Any,
) -> None:
    """Print samples, and how each stands to others.

    Args:
        words: Places, and a query or names (see ``choose_groups``).
        place: Where to look if no place is among the words.
        metric: The metric.
        by: What makes a sample.
        against: The sample that all others are compared with; may be abbreviated.
        all_pairs: True for all pairs, however many they are.
        limit: The most samples and comparisons to print.
        as_json: True for other programs, which get all of them.
        how: What else ``compare_samples`` takes.
    """
    found = choose_groups(words, place, by)
    name = found.require_metric(metric)
    comparison = compare_samples(
        found.samples(name),
        name,
        scope=Scope.ALL_PAIRS if all_pairs else None,
        against=None if against is None else chosen(against, found.groups, "No trial is called"),
        **how,
    )
    if as_json:
        print_json(_document(comparison, found, by))
    else:
        _print(comparison, by, limit or SHOWN)


def _print(comparison: SampleComparison, by: str, limit: int) -> None:
    console = create_console()
    direction = "higher" if comparison.higher_is_better else "lower"
    console.print(f"[bold]{escape(comparison.metric)}[/], {direction} is better")
    print_samples(console, comparison, by, limit)
    console.print()
    print_comparisons(console, comparison.comparisons, limit)
    if not comparison.comparisons:
        print_sentence(console, "There is no other to compare it with.")
    console.print()
    print_sentence(console, f"[dim]{escape(footnote(comparison) + _left_out(comparison))}[/]")


def _left_out(comparison: SampleComparison) -> str:
    """Which pairs were not compared; empty where the user said so, or there are none."""
    n_pairs = math.comb(len(comparison.samples), 2)
    if comparison.scope is not Scope.AGAINST_BEST or len(comparison.comparisons) == n_pairs:
        return ""
    return (
        f" Only {comparison.best.name}, the best, is compared with each; --all-pairs has all "
        f"{n_pairs:,} pairs."
    )


def _document(comparison: SampleComparison, found: ChosenRuns, by: str) -> Mapping[str, Any]:
    return {
        **heading_dict(comparison, by),
        "samples": sample_dicts(comparison, found.databases),
        "compared": comparison.scope.value,
        "comparisons": [comparison_dict(one) for one in comparison.comparisons],
    }
