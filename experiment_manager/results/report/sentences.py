"""What a report says first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from experiment_manager.common.naming import first_of
from experiment_manager.results.report.numbers import interval_text, mean_text
from experiment_manager.results.sample_comparison import SampleComparison
from experiment_manager.results.selection import FoundRun
from experiment_manager.results.statistics.wording import counted

MOST_NAMES = 3


def summary_sentences(comparison: SampleComparison) -> list[str]:
    """Which sample is the best, what that stands on, and how sure it is."""
    best, metric = comparison.best, comparison.metric
    summary = comparison.summaries[best.name]
    if not summary.n:
        return [f"No run that succeeded has a finite {metric}."]
    level, interval = (
        f"{100 * (1 - comparison.alpha):g}%",
        interval_text(summary, 1 - comparison.alpha),
    )
    basis = [f"{level} CI {interval}"] if interval else []
    value = f"{mean_text(summary)} ({', '.join([*basis, counted(summary.n, 'run')])})"
    if len(comparison.samples) == 1:
        return [f"{best.name} reaches a mean {metric} of {value}."]
    extreme = "highest" if comparison.higher_is_better else "lowest"
    first = f"{best.name} has the {extreme} mean {metric}: {value}."
    others = comparison.not_told_from_best()
    if others:
        return [first, f"It is not told apart from {first_of(others, MOST_NAMES)}."]
    has_rivals = any(comparison.summaries[s.name].n for s in comparison.samples[1:])
    last = "It is told apart from every other one." if has_rivals else "No other one has a value."
    return [first, last]


def missing_sentence(comparison: SampleComparison) -> str:
    """Which samples have runs without a value, and why; empty where all have one."""
    parts = []
    for sample in comparison.samples:
        reasons = dict(sample.obstacles)
        if n := comparison.summaries[sample.name].n_not_finite:
            reasons["not finite"] = n
        if reasons:
            counts = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
            parts.append(f"{sample.name} ({counts})")
    return f"Runs without a value: {first_of(parts, 2 * MOST_NAMES)}." if parts else ""


def standing_sentence(runs: Sequence[FoundRun]) -> str:
    """How many runs there are, and how they stand."""
    states = Counter(run.status for run in runs)
    parts = ", ".join(f"{count} {status.value}" for status, count in states.items())
    return f"{counted(len(runs), 'run')}: {parts}."
