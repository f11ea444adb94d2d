"""When a training no longer gets better: a rule that knows nothing but numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

MODES = ("min", "max")


@dataclass
class StoppingRule:
    """Says stop at the ``patience``-th observation in a row without an improvement.

    An improvement is strictly better than the best value and by at least
    ``min_delta_percent`` of that value's magnitude; from a best of 0 anything better is one.
    NaN never is one and never becomes the best.

    Attributes:
        patience: Observations without an improvement until it says stop, from 1.
        min_delta_percent: Smallest improvement, in percent of the best value's magnitude.
        mode: ``"min"`` where lower is better, ``"max"`` where higher is.
        best: The best value so far; None before the first number.
        waited: Observations since the last improvement.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> rule = StoppingRule(patience=2, min_delta_percent=10)
        >>> [rule.observe(loss) for loss in (1.0, 0.8, 0.79, 0.78)]
        [False, False, False, True]
    """

    patience: int
    min_delta_percent: float = 0.0
    mode: str = "min"
    best: float | None = None
    waited: int = 0

    def __post_init__(self) -> None:
        if not (_is_number(self.patience) and self.patience >= 1 and self.patience % 1 == 0):
            raise ValueError(f"'patience' must be an integer from 1, not {self.patience!r}")
        if not _is_number(self.min_delta_percent) or not 0 <= self.min_delta_percent < math.inf:
            raise ValueError(
                f"'min_delta_percent' must be 0 or more, not {self.min_delta_percent!r}"
            )
        if self.mode not in MODES:
            raise ValueError(f"'mode' must be 'min' or 'max', not {self.mode!r}")

    def observe(self, value: float) -> bool:
        """Take the next value; True where the training should stop."""
        if self._is_improvement(value):
            self.best = value
            self.waited = 0
        else:
            self.waited += 1
        return self.waited >= self.patience

    def _is_improvement(self, value: float) -> bool:
        if math.isnan(value):
            return False
        if self.best is None:
            return True
        gain = self.best - value if self.mode == "min" else value - self.best
        needed = abs(self.best) * self.min_delta_percent / 100 if math.isfinite(self.best) else 0
        return gain > 0 and gain >= needed


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
