"""Values by label over repeats: which classes got better, and what is taken for what."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from experiment_manager.common.confusion import ConfusionMatrix
from experiment_manager.results.statistics.compare import compare
from experiment_manager.results.statistics.comparison import Comparison
from experiment_manager.results.statistics.describe import Summary, describe
from experiment_manager.results.statistics.pairing import Repeats

Matrices = Mapping[Any, ConfusionMatrix | None]
"""The confusion matrix of each run, by what makes it a partner of runs of another sample; None
for a run that failed or has none."""


@dataclass(frozen=True)
class LabelSample:
    """The values by label of each repeat.

    Attributes:
        name: Of the sample.
        repeats: For each label the values of the runs, by what makes runs partners; None for a
            run that failed or has none.
    """

    name: str
    repeats: Mapping[str, Repeats]

    @classmethod
    def of(cls, name: str, runs: Mapping[Any, Mapping[str, float] | None]) -> LabelSample:
        """The sample of runs of which each has, or has not, a value by label.

        Example:
            >>> LabelSample.of("small", {0: {"cat": 0.5, "dog": 1.0}, 1: None}).repeats["cat"]
            {0: 0.5, 1: None}
        """
        labels = dict.fromkeys(label for values in runs.values() for label in values or ())
        return cls(
            name,
            {label: {key: (runs[key] or {}).get(label) for key in runs} for label in labels},
        )

    @property
    def n_runs(self) -> int:
        """All runs, with values or not."""
        return max(map(len, self.repeats.values()), default=0)

    @property
    def n(self) -> int:
        """The runs that have a value of some label."""
        return len(
            {key for of in self.repeats.values() for key, value in of.items() if value is not None}
        )

    @cached_property
    def summaries(self) -> Mapping[str, Summary]:
        """The repeats of each label in numbers."""
        return {label: describe(values.values()) for label, values in self.repeats.items()}


@dataclass(frozen=True)
class MeanMatrix:
    """Confusion matrices over repeats, element by element.

    Attributes:
        labels: Names of the classes that any of them has.
        rows: How often each true class was taken for each, over the runs that have a matrix.
    """

    labels: Sequence[str]
    rows: Sequence[Sequence[Summary]]


def compare_labels(
    first: LabelSample, second: LabelSample, metric: str, **how: Any
) -> dict[str, Comparison]:
    """For each label that both have, the first sample against the second.

    Args:
        first: One sample.
        second: The other.
        metric: What the values are, such as ``test_acc``.
        how: What ``statistics.compare`` takes; its correction is over all labels.

    Returns:
        By label, the greatest change for better or worse on top.

    Example:
        >>> small = LabelSample.of("small", {0: {"cat": 0.5}, 1: {"cat": 0.6}, 2: {"cat": 0.5}})
        >>> large = LabelSample.of("large", {0: {"cat": 0.8}, 1: {"cat": 0.9}, 2: {"cat": 0.85}})
        >>> compare_labels(large, small, "test_acc")["cat"].verdict.value
        'better'
    """
    labels = [label for label in first.repeats if label in second.repeats]
    pairs = [(f"{first.name}: {label}", f"{second.name}: {label}") for label in labels]
    trials: dict[str, Repeats] = {}
    for label, names in zip(labels, pairs, strict=True):
        trials |= zip(names, (first.repeats[label], second.repeats[label]), strict=True)
    comparisons = dict(zip(labels, compare(trials, metric, pairs=pairs, **how), strict=True))
    return dict(sorted(comparisons.items(), key=lambda item: -_change(item[1])))


def recalls(name: str, matrices: Matrices) -> LabelSample:
    """The share of each class that was recognised; a class without samples has none."""
    return LabelSample.of(
        name,
        {
            key: None if matrix is None else _defined(matrix.recall)
            for key, matrix in matrices.items()
        },
    )


def confusions(samples: Mapping[str, Matrices]) -> list[LabelSample]:
    """The share of each class that was taken for another one, wherever any run did so.

    Args:
        samples: The matrices of each sample, by its name.

    Example:
        >>> matrices = {0: ConfusionMatrix(["cat", "dog"], [[3, 1], [0, 4]]), 1: None}
        >>> confusions({"small": matrices})[0].repeats
        {'cat as dog': {0: 0.25, 1: None}}
    """
    shares = {
        name: {key: None if one is None else _shares(one) for key, one in matrices.items()}
        for name, matrices in samples.items()
    }
    wrong = {
        cell: f"{cell[0]} as {cell[1]}"
        for runs in shares.values()
        for share in runs.values()
        for cell, value in (share or {}).items()
        if cell[0] != cell[1] and value > 0
    }
    return [
        LabelSample(
            name,
            {
                text: {key: None if one is None else one.get(cell) for key, one in runs.items()}
                for cell, text in wrong.items()
            },
        )
        for name, runs in shares.items()
    ]


def mean_matrix(matrices: Matrices) -> MeanMatrix:
    """The matrices in one, element by element.

    Example:
        >>> two = {k: ConfusionMatrix(["cat", "dog"], [[3, 1], [k, 4]]) for k in (0, 1)}
        >>> [[cell.mean for cell in row] for row in mean_matrix(two).rows]
        [[3.0, 1.0], [0.5, 4.0]]
    """
    present = [matrix for matrix in matrices.values() if matrix is not None]
    labels = list(dict.fromkeys(label for matrix in present for label in matrix.labels))
    counts = [_counts(matrix) for matrix in present]
    return MeanMatrix(
        labels,
        [
            [describe(count.get((true, taken), 0.0) for count in counts) for taken in labels]
            for true in labels
        ],
    )


def _change(comparison: Comparison) -> float:
    return 0.0 if math.isnan(comparison.difference) else abs(comparison.difference)


def _defined(scores: Mapping[str, float]) -> dict[str, float]:
    return {label: score for label, score in scores.items() if not math.isnan(score)}


def _counts(matrix: ConfusionMatrix) -> dict[tuple[str, str], float]:
    return {
        (true, taken): count
        for true, row in zip(matrix.labels, matrix.rows, strict=True)
        for taken, count in zip(matrix.labels, row, strict=True)
    }


def _shares(matrix: ConfusionMatrix) -> dict[tuple[str, str], float]:
    """The share of its true class in each cell; no cell of a class without samples."""
    totals = dict(zip(matrix.labels, map(sum, matrix.rows), strict=True))
    return {
        (true, taken): count / totals[true]
        for (true, taken), count in _counts(matrix).items()
        if totals[true]
    }
