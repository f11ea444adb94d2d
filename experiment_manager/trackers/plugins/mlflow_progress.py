"""Where a run is: in which epoch, and at which batch of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BATCH_PREFIX = "batch/"
EPOCH = "epoch"


class Progress:
    """Counts epochs, and batches through all of them.

    A run that goes on first gets what a dead attempt recorded and may have sent: those epochs
    have their marks already, and their batches the same numbers as the first time.

    Args:
        points: What MLflow has of the epochs that hold (its ``Metric`` entities).
        epoch: The last of these epochs.

    Attributes:
        step: The step of what is measured now, unless it has one of its own.
    """

    def __init__(self, points: Sequence[Any] = (), epoch: int | None = None) -> None:
        self.step = epoch or 0
        self._epoch: int | None = None
        self._first_batch = 0
        self._batches = 0
        self._marked: dict[int, int] = {}  # epochs with a mark, and the batches before them
        for point in sorted(points, key=_order):
            if point.key == EPOCH:
                self._marked[point.step] = self._batches
            elif point.key.startswith(BATCH_PREFIX):
                self._batches = max(self._batches, point.step + 1)

    def enter(self, epoch: int | None) -> bool:
        """True for the first event of an epoch that has no mark yet."""
        if epoch is None or epoch == self._epoch:
            return False
        self._epoch = self.step = epoch
        is_new = epoch not in self._marked
        self._first_batch = self._marked.pop(epoch, self._batches)
        return is_new

    def count(self, batch: int) -> int:
        """The number of a batch of the current epoch among those of the whole run."""
        count = self._first_batch + batch
        self._batches = max(self._batches, count + 1)
        return count


def _order(point: Any) -> tuple[int, bool]:
    """By time; the mark of an epoch before its first batch, which has the same."""
    return point.timestamp, point.key != EPOCH
