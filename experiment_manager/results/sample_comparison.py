"""Samples in order of their means, and what tells them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from experiment_manager.results.samples import Sample, pair_of, repeats_of
from experiment_manager.results.statistics.best import best_first, compare_with_best
from experiment_manager.results.statistics.compare import compare
from experiment_manager.results.statistics.comparison import Comparison, Verdict
from experiment_manager.results.statistics.describe import Summary, describe
from experiment_manager.results.statistics.metric_names import is_higher_better

ALL_PAIRS_UP_TO = 5  # samples: ten sentences


class Scope(Enum):
    """Which pairs of samples are compared."""

    ALL_PAIRS = "all pairs"
    AGAINST_ONE = "against one"
    AGAINST_BEST = "against the best"


@dataclass(frozen=True)
class SampleComparison:
    """Samples compared on one metric.

    Attributes:
        metric: Name of the metric.
        higher_is_better: Its direction.
        samples: The best mean first; those without any value last.
        summaries: The repeats of each in numbers, by name.
        scope: Which pairs were compared.
        comparisons: One for each of these pairs.
        alpha: The corrected p that is taken for proof.
    """

    metric: str
    higher_is_better: bool
    samples: tuple[Sample, ...]
    summaries: Mapping[str, Summary]
    scope: Scope
    comparisons: tuple[Comparison, ...]
    alpha: float

    @property
    def best(self) -> Sample:
        """The sample with the best mean."""
        return self.samples[0]

    def not_told_from_best(self) -> list[str]:
        """Names of the samples with values that may be as good as the best, better ones first."""
        return [
            one.second
            for one in self.comparisons
            if one.first == self.best.name
            and one.verdict is not Verdict.BETTER
            and self.summaries[one.second].n
        ]


def compare_samples(
    samples: Sequence[Sample],
    metric: str,
    *,
    higher_is_better: bool | None = None,
    scope: Scope | None = None,
    against: str | None = None,
    alpha: float = 0.05,
    **how: Any,
) -> SampleComparison:
    """Samples compared: all pairs up to five, else each with the best, unless told otherwise.

    Args:
        samples: As ``group_runs`` makes them, at least one.
        metric: The metric that they are of.
        higher_is_better: Its direction; None to take it from the name.
        scope: Which pairs; None for what is said above.
        against: Name of the sample that all others are compared with, in place of a scope.
        alpha: The share of experiments in which a wrong verdict is accepted.
        how: ``test`` and ``margin``, as ``statistics.compare`` takes them.
    """
    if higher_is_better is None:
        higher_is_better = is_higher_better(metric)
    summaries = {sample.name: describe(sample.values) for sample in samples}
    by_name = {sample.name: sample for sample in samples}
    order = best_first(summaries, higher_is_better=higher_is_better)
    repeats = repeats_of([by_name[name] for name in order])
    scope = Scope.AGAINST_ONE if against is not None else scope or default_scope(len(order))
    compare_scope = compare_with_best if scope is Scope.AGAINST_BEST else compare
    if against is not None:
        how["pairs"] = [(against, name) for name in order if name != against]
    comparisons = compare_scope(
        repeats,
        metric,
        higher_is_better=higher_is_better,
        alpha=alpha,
        pair=pair_of(samples),
        **how,
    )
    ordered = tuple(by_name[name] for name in order)
    return SampleComparison(
        metric, higher_is_better, ordered, summaries, scope, comparisons, alpha
    )


def default_scope(n_samples: int) -> Scope:
    """All pairs where they can be read, else those with the best."""
    return Scope.ALL_PAIRS if n_samples <= ALL_PAIRS_UP_TO else Scope.AGAINST_BEST
