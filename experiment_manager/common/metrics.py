"""What users hand in as metrics, converted once into plain, frozen points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from experiment_manager.common.common import Metric
from experiment_manager.common.confusion import LABELS, ROWS, ConfusionMatrix, mean_of_defined
from experiment_manager.common.errors import MetricError
from experiment_manager.common.numbers import to_number

CONFUSION_LABELS, CONFUSION_ROWS = LABELS, ROWS
PER_LABEL, TOTAL, MEAN = "per_label_val", "total_val", "mean"

_CONFUSION = Metric.CONFUSION.value
_PLAIN_NAMES: dict[Any, str] = {
    metric: metric.value
    for metric in Metric
    if metric.is_tracked and metric not in {Metric.CUSTOM, Metric.CONFUSION}
}


class MetricPoint(NamedTuple):
    """One measured value, as every tracker gets it (a named tuple: made a million times).

    Attributes:
        name: Metric name such as ``"val_loss"``.
        value: The number; None for a per-label metric without a total.
        per_label: Label to number; or, of a confusion matrix, ``{"labels": [...],
            "rows": [[...]]}`` where row i counts the samples of true class i.
        step: Where on the time axis the caller put it (epochs, unless they say otherwise).
    """

    name: str
    value: float | None
    per_label: Mapping[str, Any] | None = None
    step: int | None = None


def metric_name(metric: Metric | str) -> str:
    """The name under which a metric is stored.

    Raises:
        MetricError: It is neither a :class:`Metric` nor a non-empty string.

    Example:
        >>> metric_name(Metric.VAL_ACC), metric_name("f1")
        ('val_acc', 'f1')
    """
    if isinstance(metric, Metric):
        return metric.value
    if isinstance(metric, str) and metric:
        return metric
    raise MetricError(f"A metric's name is a Metric or a non-empty string, not {metric!r}")


def to_points(
    metrics: Mapping[Metric | str, Any], step: int | None = None
) -> tuple[MetricPoint, ...]:
    """The recordable content of a metrics dict; untracked entries are dropped.

    Numbers, zero-dimensional arrays and one-element tensors become scalars. A dict becomes a
    per-label metric; its total is given as ``{"per_label_val": {...}, "total_val": 0.9}``, or
    ``"mean"`` in that place for the mean over the labels that are numbers.

    ``Metric.CONFUSION`` takes a square matrix, whose classes ``Metric.LABELS`` may name, or
    ``{"labels": ..., "rows": ...}``. It gets its accuracy as value; what it says of each class,
    :func:`confusion_of` tells. ``Metric.CUSTOM`` takes one ``(name, value)`` pair or a list.

    Raises:
        MetricError: A value is none of these; names the metric and the value.

    Example:
        >>> to_points({Metric.CUSTOM: ("f1", 0.8), Metric.NETWORK: object()}, step=3)
        (MetricPoint(name='f1', value=0.8, per_label=None, step=3),)
    """
    labels = metrics.get(Metric.LABELS)
    return tuple(
        _point(name, value, step, labels)
        for metric, given in metrics.items()
        if not (isinstance(metric, Metric) and not metric.is_tracked)
        for name, value in _named_values(metric, given)
    )


def scalar_point(metric: Metric | str, value: Any, step: int | None) -> MetricPoint | None:
    """The point of a plain number under a plain name; None where :func:`to_points` is needed.

    A fast way to what ``to_points`` gives, for metrics that are tracked one by one.

    Example:
        >>> scalar_point("loss", 0.5, 3), scalar_point(Metric.CUSTOM, ("f1", 0.5), 3)
        (MetricPoint(name='loss', value=0.5, per_label=None, step=3), None)
    """
    name = metric if metric.__class__ is str else _PLAIN_NAMES.get(metric)
    is_plain = value.__class__ is float and (step is None or step.__class__ is int)
    if is_plain and name and name != _CONFUSION:
        return MetricPoint(name, value, None, step)
    return None


def is_confusion(per_label: Mapping[str, Any] | None) -> bool:
    """True for the labels and rows of a confusion matrix, false for numbers by label.

    Example:
        >>> is_confusion({"labels": ["a"], "rows": [[3]]}), is_confusion({"rows": 0.5})
        (True, False)
    """
    return per_label is not None and isinstance(per_label.get(CONFUSION_ROWS), list)


def confusion_of(per_label: Mapping[str, Any] | None) -> ConfusionMatrix | None:
    """The matrix with its precision, recall and F1 of each class; None where it is none.

    Args:
        per_label: Of a :class:`MetricPoint`, or ``per_label_val`` of a row of the database.

    Example:
        >>> point, = to_points({Metric.CONFUSION: [[3, 1], [0, 4]], Metric.LABELS: ["cat", "dog"]})
        >>> confusion_of(point.per_label).recall
        {'cat': 0.75, 'dog': 1.0}
    """
    if per_label is None or not is_confusion(per_label):
        return None
    return ConfusionMatrix(per_label[CONFUSION_LABELS], per_label[CONFUSION_ROWS])


def scalars_of(points: Iterable[MetricPoint]) -> dict[str, float]:
    """Every number among the points by name; labels as ``name/label``, matrices left out.

    Example:
        >>> scalars_of(to_points({"acc": {"cat": 0.5, "dog": 1}}))
        {'acc/cat': 0.5, 'acc/dog': 1.0}
    """
    numbers: dict[str, float] = {}
    for point in points:
        labels = point.per_label or {}
        if is_confusion(labels):
            continue
        if point.value is not None:
            numbers[point.name] = point.value
        numbers |= {f"{point.name}/{label}": v for label, v in labels.items()}
    return numbers


def numbers_of(point: MetricPoint) -> dict[str, float]:
    """Every number of a point by name, as :func:`scalars_of`; of a matrix its accuracy.

    Example:
        >>> numbers_of(MetricPoint("confusion", 0.9, {"labels": ["a"], "rows": [[9.0]]}))
        {'confusion': 0.9}
    """
    if is_confusion(point.per_label) and point.value is not None:
        return {point.name: point.value}
    return scalars_of([point])


def _named_values(metric: Metric | str, given: Any) -> Iterable[tuple[str, Any]]:
    if metric is not Metric.CUSTOM:
        return [(metric_name(metric), given)]
    pairs = [given] if _is_pair(given) else given
    if isinstance(pairs, Sequence) and not isinstance(pairs, str) and all(map(_is_pair, pairs)):
        return [(metric_name(name), value) for name, value in pairs]
    raise MetricError(
        f"Metric.CUSTOM takes a (name, value) pair or a list of such pairs, not {given!r}"
    )


def _is_pair(given: Any) -> bool:
    return isinstance(given, (tuple, list)) and len(given) == 2 and isinstance(given[0], str)  # noqa: PLR2004


def _point(name: str, value: Any, step: int | None, labels: Any) -> MetricPoint:
    if name == _CONFUSION:
        matrix = ConfusionMatrix.parse(name, value, labels)
        content = {CONFUSION_LABELS: list(matrix.labels), CONFUSION_ROWS: matrix.rows}
        return MetricPoint(name, matrix.accuracy, content, step)
    if isinstance(value, Mapping):
        return _per_label_point(name, value, step)
    return MetricPoint(name, to_number(name, value), None, step)


def _per_label_point(name: str, value: Mapping[Any, Any], step: int | None) -> MetricPoint:
    given = value.get(PER_LABEL)
    is_with_total = isinstance(given, Mapping) and set(value) <= {PER_LABEL, TOTAL}
    labels = given if is_with_total else value
    if not labels:
        raise MetricError(f"Metric {name!r} is a dict without a number in it")
    per_label = {str(k): to_number(f"{name}/{k}", v) for k, v in labels.items()}
    total = value.get(TOTAL) if is_with_total else None
    if total == MEAN:
        return MetricPoint(name, mean_of_defined(per_label), per_label, step)
    return MetricPoint(name, None if total is None else to_number(name, total), per_label, step)
