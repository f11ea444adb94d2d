"""Confusion matrices: what users hand in, and the scores of each class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiment_manager.common.errors import MetricError
from experiment_manager.common.numbers import shortened, to_number

LABELS, ROWS = "labels", "rows"


@dataclass(frozen=True)
class ConfusionMatrix:
    """How often each class was taken for each.

    Attributes:
        labels: Names of the classes.
        rows: Row i counts the samples of true class i by predicted class.

    Example:
        >>> matrix = ConfusionMatrix(["cat", "dog"], [[3, 1], [0, 4]])
        >>> matrix.accuracy, matrix.recall["cat"], matrix.precision["cat"]
        (0.875, 0.75, 1.0)
    """

    labels: Sequence[str]
    rows: Sequence[Sequence[float]]

    @classmethod
    def parse(cls, name: str, value: Any, labels: Sequence[Any] | None = None) -> ConfusionMatrix:
        """The matrix that a user handed in.

        Args:
            name: Of the metric, for the error.
            value: A square matrix, or a dict of its ``labels`` and ``rows``.
            labels: Names for a matrix without any, if there are as many.

        Raises:
            MetricError: It is no square matrix of numbers, or its labels are too few or many.
        """
        is_labelled = isinstance(value, Mapping) and {LABELS, ROWS} <= set(value)
        matrix = value[ROWS] if is_labelled else value
        rows = matrix.tolist() if hasattr(matrix, "tolist") else matrix
        if not _is_square(rows):
            raise MetricError(
                f"Metric {name!r} must be a square matrix (or a dict with 'labels' and 'rows'), "
                f"not {shortened(value)}"
            )
        if is_labelled:
            labels = list(value[LABELS])
            if len(labels) != len(rows):
                raise MetricError(
                    f"Metric {name!r} has {len(labels)} labels for {len(rows)} classes"
                )
        elif labels is None or len(labels) != len(rows):
            labels = range(len(rows))
        counts = [[to_number(name, cell) for cell in row] for row in rows]
        return cls([str(label) for label in labels], counts)

    @property
    def accuracy(self) -> float:
        """Share of the samples on the diagonal; NaN where there are none."""
        return _ratio(sum(self._correct), sum(map(sum, self.rows)))

    @property
    def precision(self) -> dict[str, float]:
        """Of the samples taken for a class, the share that are of it; NaN for none."""
        return self._by_label(map(_ratio, self._correct, self._predicted))

    @property
    def recall(self) -> dict[str, float]:
        """Of the samples of a class, the share taken for it; NaN for a class without any."""
        return self._by_label(map(_ratio, self._correct, map(sum, self.rows)))

    @property
    def f1(self) -> dict[str, float]:
        """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), of each class.

        0 for a class that was never found, NaN for one that is neither there nor predicted.
        Source: van Rijsbergen, Information Retrieval, 1979, chapter 7 (beta = 1).
        """
        seen = [sum(row) + column for row, column in zip(self.rows, self._predicted, strict=True)]
        return self._by_label(_ratio(2 * c, n) for c, n in zip(self._correct, seen, strict=True))

    @property
    def _correct(self) -> list[float]:
        return [row[index] for index, row in enumerate(self.rows)]

    @property
    def _predicted(self) -> list[float]:
        return [sum(column) for column in zip(*self.rows, strict=True)]

    def _by_label(self, scores: Any) -> dict[str, float]:
        return dict(zip(self.labels, scores, strict=True))


def mean_of_defined(scores: Mapping[str, float]) -> float:
    """The mean over the labels whose value is a number; NaN where there is none.

    Example:
        >>> mean_of_defined({"cat": 0.5, "dog": 1.0, "cow": float("nan")})
        0.75
    """
    defined = [value for value in scores.values() if not math.isnan(value)]
    return math.fsum(defined) / len(defined) if defined else math.nan


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _is_square(rows: Any) -> bool:
    return (
        isinstance(rows, (list, tuple))
        and len(rows) > 0
        and all(isinstance(row, (list, tuple)) and len(row) == len(rows) for row in rows)
    )
