"""What a confusion matrix says of each class, against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from experiment_manager.common.common import Metric
from experiment_manager.common.confusion import ConfusionMatrix, mean_of_defined
from experiment_manager.common.metrics import confusion_of, to_points


@settings(deadline=None)  # of a busy machine's first call
@given(arrays(np.int64, (4, 4), elements=st.integers(0, 9)))
def test_the_scores_are_those_of_scikit_learn(rows: np.ndarray) -> None:
    pairs = [(i, j) for i in range(4) for j in range(4) for _ in range(rows[i, j])]
    true, predicted = [i for i, _ in pairs], [j for _, j in pairs]
    matrix = ConfusionMatrix.parse("confusion", rows)
    if not pairs:
        assert math.isnan(matrix.accuracy)
        return
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, predicted, labels=range(4), zero_division=np.nan
    )
    assert matrix.accuracy == pytest.approx(accuracy_score(true, predicted))
    for ours, theirs in ((matrix.precision, precision), (matrix.recall, recall), (matrix.f1, f1)):
        assert list(ours.values()) == pytest.approx(list(theirs), nan_ok=True)


def test_the_scores_go_by_the_names_of_the_classes() -> None:
    value = {"labels": ["cat", "dog"], "rows": [[3, 1], [0, 4]]}
    (point,) = to_points({Metric.CONFUSION: value})
    matrix = confusion_of(point.per_label)
    assert matrix is not None
    assert matrix.precision == {"cat": 1.0, "dog": 0.8}
    assert matrix.recall == {"cat": 0.75, "dog": 1.0}
    assert matrix.f1 == pytest.approx({"cat": 6 / 7, "dog": 8 / 9})


def test_a_class_that_is_not_there_has_no_score() -> None:
    matrix = ConfusionMatrix(["cat", "dog"], [[3, 0], [0, 0]])
    for score in (matrix.precision, matrix.recall, matrix.f1):
        assert math.isnan(score["dog"])
        assert mean_of_defined(score) == 1.0


@pytest.mark.parametrize("per_label", [None, {}, {"cat": 0.5}])
def test_other_metrics_are_no_matrix(per_label: dict[str, float] | None) -> None:
    assert confusion_of(per_label) is None
