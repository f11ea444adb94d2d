"""What users hand in as metrics, converted once into plain, frozen points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from experiment_manager.common.common import Metric
from experiment_manager.common.errors import MetricError

CONFUSION_LABELS = "labels"
CONFUSION_ROWS = "rows"

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
    per-label metric. ``Metric.CONFUSION`` takes a square matrix, or ``{"labels": ...,
    "rows": ...}``, and gets its accuracy as value. ``Metric.CUSTOM`` takes one
    ``(name, value)`` pair or a list of them.

    Raises:
        MetricError: A value is none of these; names the metric and the value.

    Example:
        >>> to_points({Metric.CUSTOM: ("f1", 0.8), Metric.NETWORK: object()}, step=3)
        (MetricPoint(name='f1', value=0.8, per_label=None, step=3),)
    """
    return tuple(
        _point(name, value, step)
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


def _point(name: str, value: Any, step: int | None) -> MetricPoint:
    if name == Metric.CONFUSION.value:
        return _confusion_point(name, value, step)
    if isinstance(value, Mapping):
        per_label = {str(k): _number(f"{name}/{k}", v) for k, v in value.items()}
        return MetricPoint(name, None, per_label, step)
    return MetricPoint(name, _number(name, value), None, step)


def _number(name: str, value: Any) -> float:
    item = getattr(value, "item", None)  # NumPy scalars and arrays, torch tensors
    try:
        if not isinstance(value, (str, bytes)):
            return float(item() if callable(item) else value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        pass  # told below, the same way as for a string
    raise MetricError(
        f"Metric {name!r} must be a number (or a dict of numbers by label), "
        f"not {type(value).__name__}: {_shortened(value)}"
    )


def _confusion_point(name: str, value: Any, step: int | None) -> MetricPoint:
    labelled = isinstance(value, Mapping) and {CONFUSION_LABELS, CONFUSION_ROWS} <= set(value)
    matrix = value[CONFUSION_ROWS] if labelled else value
    rows = matrix.tolist() if hasattr(matrix, "tolist") else matrix
    if not _is_square(rows):
        raise MetricError(
            f"Metric {name!r} must be a square matrix (or a dict with 'labels' and 'rows'), "
            f"not {_shortened(value)}"
        )
    labels = [str(n) for n in (value[CONFUSION_LABELS] if labelled else range(len(rows)))]
    if len(labels) != len(rows):
        raise MetricError(f"Metric {name!r} has {len(labels)} labels for {len(rows)} classes")
    counts = [[_number(name, cell) for cell in row] for row in rows]
    total = sum(map(sum, counts))
    correct = sum(counts[i][i] for i in range(len(counts)))
    accuracy = correct / total if total else float("nan")
    return MetricPoint(name, accuracy, {CONFUSION_LABELS: labels, CONFUSION_ROWS: counts}, step)


def _is_square(rows: Any) -> bool:
    return (
        isinstance(rows, (list, tuple))
        and len(rows) > 0
        and all(isinstance(row, (list, tuple)) and len(row) == len(rows) for row in rows)
    )


def _shortened(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
