"""The best of many trials, and which others may be as good."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from experiment_manager.results.statistics.compare import compare
from experiment_manager.results.statistics.comparison import Comparison
from experiment_manager.results.statistics.describe import Summary, describe
from experiment_manager.results.statistics.pairing import Repeats

ALL_PAIRS_UP_TO = 30  # trials: 435 pairs


def best_first(summaries: Mapping[str, Summary], *, higher_is_better: bool) -> list[str]:
    """The trials by their means, the best first; those without a value come last.

    Example:
        >>> summaries = {name: describe(values) for name, values in
        ...     {"a": [0.7, 0.8], "b": [None], "c": [0.9]}.items()}
        >>> best_first(summaries, higher_is_better=True)
        ['c', 'a', 'b']
    """
    sign = -1 if higher_is_better else 1
    known = [name for name, summary in summaries.items() if not math.isnan(summary.mean)]
    unknown = [name for name in summaries if name not in set(known)]
    return [*sorted(known, key=lambda name: sign * summaries[name].mean), *unknown]


def compare_with_best(
    trials: Mapping[str, Repeats], metric: str, *, higher_is_better: bool, **how: Any
) -> tuple[Comparison, ...]:
    """The trial with the best mean against every other one.

    Which one is the best was read off the same values that now testify for it: among ten equal
    trials the luckiest beats the unluckiest far more often than in 5 of 100 experiments. So the
    p values are corrected for all pairs of trials, as those of ``compare``. Up to 30 trials they
    are the same to the digit; beyond, the pairs without the best one are counted, not tested.

    Args:
        trials: As ``compare`` takes them.
        metric: Name of the metric.
        higher_is_better: Its direction.
        how: What else ``compare`` takes, but for ``pairs`` and ``n_tests``.

    Returns:
        One for each other trial, the best of them first; none where there is a single trial.

    Example:
        >>> trials = {"a": {1: 0.8, 2: 0.7}, "b": {1: 0.9, 2: 0.8}, "c": {1: 0.6, 2: 0.5}}
        >>> [(one.first, one.second) for one in
        ...     compare_with_best(trials, "test_acc", higher_is_better=True)]
        [('b', 'a'), ('b', 'c')]
    """
    summaries = {name: describe(repeats.values()) for name, repeats in trials.items()}
    ordered = {n: trials[n] for n in best_first(summaries, higher_is_better=higher_is_better)}
    how = {**how, "higher_is_better": higher_is_better}
    if len(ordered) <= ALL_PAIRS_UP_TO:
        return compare(ordered, metric, **how)[: max(0, len(ordered) - 1)]
    best, *others = ordered
    pairs = [(best, other) for other in others]
    return compare(ordered, metric, pairs=pairs, n_tests=math.comb(len(ordered), 2), **how)
