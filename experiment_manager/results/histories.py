"""What two executions of one run measured, compared value by value.

Two numbers ``a`` and ``b`` are equal where ``a == b``, or both are NaN. Else ``b`` deviates from
``a`` by ``|b - a| / (1 + |a|)``, which is an absolute deviation for small numbers and a relative
one for large ones; where one of them is missing or not finite, the deviation is infinite. ``b`` is
within the tolerance ``t`` where it deviates by no more than ``t``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import CONFUSION_LABELS, CONFUSION_ROWS, is_confusion
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import MetricRow, TrialRunRow


class Verdict(Enum):
    """What a comparison comes to; the value is how it is called."""

    IDENTICAL = "identical"
    WITHIN_TOLERANCE = "within tolerance"
    DIFFERENT = "different"


class Place(NamedTuple):
    """Where in a history a value stands.

    Attributes:
        epoch: Index of the epoch; None where it belongs to none that is known.
        batch: Index of the batch; None outside of batches.
        metric: Name of the metric; ``acc/cat`` for a label, ``confusion/cat/dog`` for what is a
            cat and was taken for a dog.
        nth: Which value of this name it is there, from 1.

    Example:
        >>> str(Place(3, None, "val_loss")), str(Place(None, None, "test_acc", 2))
        ('val_loss of epoch 3', 'test_acc among the results (value 2)')
    """

    epoch: int | None
    batch: int | None
    metric: str
    nth: int = 1

    def __str__(self) -> str:
        of = [f"batch {self.batch}"] if self.batch is not None else []
        of += [f"epoch {self.epoch}"] if self.epoch is not None else []
        where = f"of {' of '.join(of)}" if of else "among the results"
        return f"{self.metric} {where}" + (f" (value {self.nth})" if self.nth > 1 else "")


Values = Mapping[Place, float]


@dataclass(frozen=True)
class Deviation:
    """A value that is not the same.

    Attributes:
        place: Where it stands.
        original: What it was; None where it was not there.
        repeated: What it is; None where it is not there.
    """

    place: Place
    original: float | None
    repeated: float | None

    @property
    def size(self) -> float:
        """How far they are apart, as this module defines it.

        Example:
            >>> Deviation(Place(0, None, "loss"), 3.0, 3.5).size
            0.125
        """
        before, after = self.original, self.repeated
        if before is None or after is None or not (math.isfinite(before) and math.isfinite(after)):
            return math.inf
        return abs(after - before) / (1 + abs(before))


@dataclass(frozen=True)
class Comparison:
    """How the values of a repetition stand to the original ones.

    Attributes:
        total: How many there are, on either side.
        deviations: Those that are not equal, in the order of time.
    """

    total: int
    deviations: tuple[Deviation, ...]

    @property
    def equal(self) -> int:
        """How many are equal."""
        return self.total - len(self.deviations)

    @property
    def largest(self) -> Deviation | None:
        """The one that deviates most; the first of several; None where all are equal."""
        return max(self.deviations, key=lambda deviation: deviation.size, default=None)

    def first_beyond(self, tolerance: float) -> Deviation | None:
        """The first one that is not within a tolerance; None where all are."""
        return next((one for one in self.deviations if one.size > tolerance), None)


@dataclass(frozen=True)
class History:
    """What the database has of how a run went.

    Attributes:
        status: How it ended.
        reason: Why it did not succeed: the exception's class, or a word; None where it did.
        epochs: How many epochs it recorded.
        values: Every number that it measured.
    """

    status: RunStatus
    reason: str | None
    epochs: int
    values: Values

    @property
    def ending(self) -> str:
        """How it ended, and after how many epochs.

        Example:
            >>> History(RunStatus.FAILED, "ValueError", 1, {}).ending
            'failed (ValueError) after 1 epoch'
        """
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.status.value}{reason} after {epochs_text(self.epochs)}"


@dataclass(frozen=True)
class Agreement:
    """How a repetition stands to the original run.

    Attributes:
        original: The run that was recorded.
        repeated: The same run, executed again.
        values: How their values compare.
        tolerance: Up to where a deviation does not matter.
    """

    original: History
    repeated: History
    values: Comparison
    tolerance: float

    @classmethod
    def between(cls, original: History, repeated: History, tolerance: float = 0.0) -> Agreement:
        """The comparison of two histories."""
        values = compare_values(original.values, repeated.values)
        return cls(original, repeated, values, tolerance)

    @property
    def first(self) -> Deviation | None:
        """The first value that differs by more than the tolerance."""
        return self.values.first_beyond(self.tolerance)

    @property
    def verdict(self) -> Verdict:
        """Identical where all values are equal and both ended in the same way."""
        if self.original.ending != self.repeated.ending or self.first is not None:
            return Verdict.DIFFERENT
        return Verdict.WITHIN_TOLERANCE if self.values.deviations else Verdict.IDENTICAL


def epochs_text(count: int) -> str:
    """A number of epochs.

    Example:
        >>> epochs_text(1), epochs_text(0)
        ('1 epoch', '0 epochs')
    """
    return f"{count} epoch{'' if count == 1 else 's'}"


def load_history(db: DatabaseManager, run: TrialRunRow) -> History:
    """The history of a run."""
    of_batches, of_epochs = db.get_batch_history(run.id), db.get_epoch_history(run.id)
    results = db.get_results_metrics(run.id)
    values = number_places(
        [
            *((epoch, batch, number) for epoch, batch, m in of_batches for number in _numbers(m)),
            *((epoch, None, number) for epoch, m in of_epochs for number in _numbers(m)),
            *((None, None, number) for m in results for number in _numbers(m)),
        ]
    )
    return History(RunStatus(run.status), run.reason, len(db.list_epochs(run.id)), values)


def number_places(
    numbers: Iterable[tuple[int | None, int | None, tuple[str, float]]],
) -> dict[Place, float]:
    """Values by their places; the second value of a name at a place has a place of its own.

    Args:
        numbers: Epoch, batch, and name with value of each, in the order of time.

    Example:
        >>> list(number_places([(0, None, ("loss", 0.5)), (0, None, ("loss", 0.25))]).items())
        [(Place(epoch=0, batch=None, metric='loss', nth=1), 0.5), \
(Place(epoch=0, batch=None, metric='loss', nth=2), 0.25)]
    """
    seen: Counter[tuple[int | None, int | None, str]] = Counter()
    values = {}
    for epoch, batch, (name, value) in numbers:
        seen[epoch, batch, name] += 1
        values[Place(epoch, batch, name, seen[epoch, batch, name])] = value
    return values


def every_number(
    name: str, total: float | None, labels: Mapping[str, Any] | None
) -> Iterator[tuple[str, float]]:
    """Each number of a metric by name: its total, those of its labels, the cells of a matrix.

    Example:
        >>> list(every_number("acc", 0.75, {"cat": 0.5, "dog": 1.0}))
        [('acc', 0.75), ('acc/cat', 0.5), ('acc/dog', 1.0)]
    """
    if total is not None:
        yield name, total
    if labels is not None and is_confusion(labels):
        names = labels[CONFUSION_LABELS]
        for true, row in zip(names, labels[CONFUSION_ROWS], strict=True):
            yield from ((f"{name}/{true}/{p}", n) for p, n in zip(names, row, strict=True))
    else:
        yield from ((f"{name}/{label}", value) for label, value in (labels or {}).items())


def compare_values(original: Values, repeated: Values) -> Comparison:
    """Every value of either side, epoch by epoch, then the results."""
    places = sorted(dict.fromkeys([*original, *repeated]), key=_time)
    pairs = (Deviation(place, original.get(place), repeated.get(place)) for place in places)
    different = tuple(pair for pair in pairs if not _is_equal(pair.original, pair.repeated))
    return Comparison(len(places), different)


def _time(place: Place) -> tuple[bool, int, bool, int]:
    """The epochs in their order, in each its batches before what is of the whole; then results."""
    return (place.epoch is None, place.epoch or 0, place.batch is None, place.batch or 0)


def _is_equal(original: float | None, repeated: float | None) -> bool:
    if original is None or repeated is None:
        return False
    return original == repeated or (math.isnan(original) and math.isnan(repeated))


def _numbers(metric: MetricRow) -> Iterator[tuple[str, float]]:
    return every_number(metric.type, metric.total_val, metric.per_label_val)
