"""The values by label of one or two samples, in the order in which they are worth reading."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiment_manager.results.labels import (
    LabelSample,
    Matrices,
    compare_labels,
    confusions,
    recalls,
)
from experiment_manager.results.statistics.comparison import Comparison
from experiment_manager.results.statistics.describe import Summary


@dataclass(frozen=True)
class LabelComparison:
    """Values by label of one sample, or of two against each other.

    Attributes:
        title: What the values are.
        samples: One or two.
        labels: In order of interest.
        comparisons: The second sample against the first, of labels that both have.
    """

    title: str
    samples: tuple[LabelSample, ...]
    labels: tuple[str, ...]
    comparisons: Mapping[str, Comparison]

    def summaries(self, label: str) -> list[Summary | None]:
        """The repeats of a label in each sample; None where it does not have the label."""
        return [sample.summaries.get(label) for sample in self.samples]


def compare_values(metric: str, samples: Sequence[LabelSample], **how: Any) -> LabelComparison:
    """A per-label metric: of two samples the greatest change first, of one the lowest mean.

    Args:
        metric: Its name.
        samples: One or two.
        how: As ``compare_labels`` takes it.
    """
    comparisons = _against_first(samples, metric, **how)
    means = {label: summary.mean for s in samples for label, summary in s.summaries.items()}
    others = sorted(means.keys() - comparisons.keys(), key=lambda label: _mean_rank(means[label]))
    return LabelComparison(metric, tuple(samples), (*comparisons, *others), comparisons)


def compare_confusions(
    metric: str, matrices: Mapping[str, Matrices], **how: Any
) -> list[LabelComparison]:
    """A confusion matrix: the share of each class that was recognised, and the confusions.

    Args:
        metric: Its name.
        matrices: Of one or two samples, by name.
        how: As ``compare_labels`` takes it, but for the direction.

    Returns:
        The recognised share as :func:`compare_values` orders it; then the confusions, the most
        frequent in any sample first.
    """
    how["higher_is_better"] = True
    found = compare_values("recall", [recalls(*item) for item in matrices.items()], **how)
    recalled = LabelComparison(f"{metric}: recall", found.samples, found.labels, found.comparisons)
    wrong = confusions(matrices)
    how["higher_is_better"] = False
    shares = {
        label: max(_share(sample.summaries[label].mean) for sample in wrong)
        for label in wrong[0].repeats
    }
    labels = tuple(sorted(shares, key=lambda label: -shares[label]))
    comparisons = _against_first(wrong, "recall", **how)
    title = f"{metric}: share of a class taken for another"
    return [recalled, LabelComparison(title, tuple(wrong), labels, comparisons)]


def _against_first(
    samples: Sequence[LabelSample], metric: str, **how: Any
) -> Mapping[str, Comparison]:
    if len(samples) < 2:  # noqa: PLR2004 - one alone
        return {}
    first, second = samples
    return compare_labels(second, first, metric, **how)


def _mean_rank(mean: float) -> tuple[bool, float]:
    return math.isnan(mean), mean


def _share(mean: float) -> float:
    return 0.0 if math.isnan(mean) else mean
