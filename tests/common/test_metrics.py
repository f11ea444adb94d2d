"""What users hand in as metrics becomes plain points once, or is refused by name."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.common.common import Metric
from experiment_manager.common.errors import MetricError
from experiment_manager.common.metrics import (
    MetricPoint,
    metric_name,
    scalar_point,
    scalars_of,
    to_points,
)

COUNTS = st.integers(0, 1000)
MATRICES = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(COUNTS, min_size=n, max_size=n), min_size=n, max_size=n)
)


def one_point(metric: Metric | str, value: Any) -> MetricPoint:
    (point,) = to_points({metric: value})
    return point


# Names.


@pytest.mark.parametrize("metric", ["", None, 3, ("val_loss",)])
def test_a_name_is_a_metric_or_a_text_that_is_not_empty(metric: Any) -> None:
    with pytest.raises(MetricError, match="a Metric or a non-empty string"):
        metric_name(metric)


@pytest.mark.parametrize("metric", [metric for metric in Metric if not metric.is_tracked])
def test_what_is_not_tracked_is_dropped_without_a_look(metric: Metric) -> None:
    assert to_points({metric: object(), "loss": 1}) == (MetricPoint("loss", 1.0),)


def test_points_come_in_order_with_the_step() -> None:
    points = to_points({Metric.VAL_LOSS: 0.5, "f1": 1}, step=3)
    assert points == (MetricPoint("val_loss", 0.5, step=3), MetricPoint("f1", 1.0, step=3))


def test_a_point_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        one_point("loss", 1).value = 2.0  # type: ignore[misc]


# Scalars.


@given(st.floats())
def test_a_float_comes_through_exactly(value: float) -> None:
    assert repr(one_point("loss", value).value) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        2,
        2.0,
        np.float32(2),
        np.int64(2),
        np.array(2.0),
        np.array([[2]]),
        Decimal(2),
        Fraction(4, 2),
    ],
    ids=repr,
)
def test_whatever_is_one_number_becomes_a_float(value: Any) -> None:
    number = one_point("loss", value).value
    assert (type(number), number) == (float, 2.0)


def test_a_tensor_that_needs_a_gradient_becomes_a_float() -> None:
    torch = pytest.importorskip("torch")
    assert one_point("loss", torch.tensor(0.5, requires_grad=True)).value == 0.5


@pytest.mark.parametrize(
    "value",
    [None, "0.5", b"1", 1j, object(), [1.0], (1, 2), np.array([1, 2]), 10**400, {"a": {"b": 1}}],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_number_is_refused_with_its_name(value: Any) -> None:
    with pytest.raises(MetricError, match=r"Metric 'loss(/a)?' must be a number"):
        to_points({"loss": value})


def test_a_refused_value_is_shown_shortened() -> None:
    with pytest.raises(MetricError) as raised:
        to_points({"loss": "x" * 10_000})
    assert len(str(raised.value)) < 250


NAMES = st.sampled_from([*Metric, "loss", "confusion", "custom", "network"])
ONE_VALUE = (
    st.floats(allow_nan=False) | st.integers() | st.none() | st.tuples(st.just("f1"), COUNTS)
)
STEPS = st.none() | st.integers()


@given(NAMES, ONE_VALUE, STEPS)
def test_the_fast_way_for_a_plain_number_gives_the_same_point_or_none(
    metric: Metric | str, value: Any, step: int | None
) -> None:
    point = scalar_point(metric, value, step)
    assert point is None or (point,) == to_points({metric: value}, step)


@pytest.mark.parametrize("metric", [Metric.VAL_LOSS, "loss"])
def test_the_fast_way_takes_a_float_under_a_plain_name(metric: Metric | str) -> None:
    assert scalar_point(metric, 0.5, 3) == MetricPoint(metric_name(metric), 0.5, None, 3)


# Values by label.


def test_a_dict_is_a_metric_by_label_without_a_total() -> None:
    expected = MetricPoint("acc", None, {"cat": 0.5, "1": 1.0})
    assert one_point("acc", {"cat": np.float64(0.5), 1: True}) == expected


def test_a_label_that_is_no_number_is_named() -> None:
    with pytest.raises(MetricError, match="Metric 'acc/dog'"):
        to_points({"acc": {"cat": 1, "dog": "high"}})


# Custom metrics.


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (("f1", 0.5), ["f1"]),
        (["f1", 0.5], ["f1"]),
        ([("f1", 0.5)], ["f1"]),
        ([("f1", 0.5), ("auc", 1)], ["f1", "auc"]),
        ((("f1", 0.5), ["auc", 1], ("map", 2)), ["f1", "auc", "map"]),
        ([], []),
    ],
)
def test_custom_takes_a_pair_or_a_list_of_pairs(given: Any, names: list[str]) -> None:
    assert [point.name for point in to_points({Metric.CUSTOM: given})] == names


def test_the_value_of_a_custom_metric_may_be_by_label() -> None:
    assert one_point(Metric.CUSTOM, ("f1", {"cat": 1})).per_label == {"cat": 1.0}


@pytest.mark.parametrize("given", [0.5, "f1", ("f1",), (1, 0.5), {"f1": 0.5}, [("f1", 1), "auc"]])
def test_custom_refuses_what_is_no_pair(given: Any) -> None:
    with pytest.raises(MetricError, match=r"Metric\.CUSTOM takes a \(name, value\) pair"):
        to_points({Metric.CUSTOM: given})


# Confusion matrices.


@pytest.mark.parametrize("matrix", [[[3, 1], [0, 4]], np.array([[3, 1], [0, 4]])], ids=type)
@pytest.mark.parametrize("metric", [Metric.CONFUSION, "confusion"])
def test_a_confusion_matrix_has_labels_rows_and_its_accuracy(
    metric: Metric | str, matrix: Any
) -> None:
    expected = {"labels": ["0", "1"], "rows": [[3.0, 1.0], [0.0, 4.0]]}
    assert one_point(metric, matrix) == MetricPoint("confusion", 7 / 8, expected)


def test_the_labels_of_a_confusion_matrix_can_be_given() -> None:
    point = one_point(Metric.CONFUSION, {"labels": ["cat", 7], "rows": [[1, 0], [1, 0]]})
    assert point.per_label == {"labels": ["cat", "7"], "rows": [[1.0, 0.0], [1.0, 0.0]]}


@given(MATRICES)
def test_the_accuracy_is_the_share_of_the_diagonal(matrix: list[list[int]]) -> None:
    total, correct = int(np.sum(matrix)), int(np.trace(np.array(matrix)))
    accuracy = one_point(Metric.CONFUSION, matrix).value
    assert accuracy is not None
    assert math.isnan(accuracy) if total == 0 else accuracy == pytest.approx(correct / total)


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        ([[1, 2]], "must be a square matrix"),
        ([[1, 2], [3]], "must be a square matrix"),
        ([], "must be a square matrix"),
        (0.5, "must be a square matrix"),
        ({"cat": 1}, "must be a square matrix"),
        ([["a"]], "must be a number"),
        ({"labels": ["cat"], "rows": [[1, 0], [0, 1]]}, "has 1 labels for 2 classes"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(matrix: Any, complaint: str) -> None:
    with pytest.raises(MetricError, match=f"'confusion' {complaint}"):
        to_points({Metric.CONFUSION: matrix})


# Numbers by name.


def test_the_numbers_of_points_are_named_by_metric_and_label_without_matrices() -> None:
    points = [
        *to_points({"loss": 0.5, "acc": {"cat": 1, "dog": 0}, Metric.CONFUSION: [[1]]}),
        MetricPoint("iou", 0.25, {"cat": 0.75}),
    ]
    assert scalars_of(points) == {
        "loss": 0.5,
        "acc/cat": 1.0,
        "acc/dog": 0.0,
        "iou": 0.25,
        "iou/cat": 0.75,
    }


def test_the_classes_of_a_matrix_are_named_by_the_labels_beside_it() -> None:
    (point,) = to_points({Metric.CONFUSION: [[1, 0], [0, 1]], Metric.LABELS: ["cat", "dog"]})
    assert point.per_label == {"labels": ["cat", "dog"], "rows": [[1.0, 0.0], [0.0, 1.0]]}


def test_labels_that_do_not_fit_the_matrix_are_of_something_else() -> None:
    (point,) = to_points({Metric.CONFUSION: [[1]], Metric.LABELS: ["cat", "dog"]})
    assert point.per_label == {"labels": ["0"], "rows": [[1.0]]}


@pytest.mark.parametrize(
    ("total", "expected"), [(0.9, 0.9), ("mean", 0.75), (None, None), (np.float32(0.5), 0.5)]
)
def test_a_per_label_metric_may_have_a_total(total: Any, expected: float | None) -> None:
    per_label = {"cat": 0.5, "dog": 1, "cow": float("nan")}
    (point,) = to_points({"f1": {"per_label_val": per_label, "total_val": total}})
    assert point.value == expected
    assert list(point.per_label or ()) == ["cat", "dog", "cow"]


def test_a_total_that_is_no_number_is_named() -> None:
    with pytest.raises(MetricError, match=r"'f1' must be a number.*'median'"):
        to_points({"f1": {"per_label_val": {"cat": 1}, "total_val": "median"}})


def test_labels_may_be_called_like_the_parts_of_a_metric() -> None:
    (point,) = to_points({"length": {"total_val": 1.0, "per_label_val": 2.0}})
    assert point.per_label == {"total_val": 1.0, "per_label_val": 2.0}


@pytest.mark.parametrize("empty", [{}, {"per_label_val": {}, "total_val": 1.0}])
def test_a_metric_without_a_number_is_refused(empty: dict[str, Any]) -> None:
    with pytest.raises(MetricError, match="'acc' is a dict without a number"):
        to_points({"acc": empty})
