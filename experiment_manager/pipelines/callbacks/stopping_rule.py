"""When a training no longer gets better: a rule that knows nothing but numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from experiment_manager.common.state import Stateful
from experiment_manager.pipelines.callbacks.argument_checks import is_number

MODES = ("min", "max")


@dataclass
class StoppingRule(Stateful):
    """Says stop at the ``patience``-th observation in a row without an improvement.

    An improvement is strictly better than the best value, by at least ``min_delta_percent`` of
    that value's magnitude and by at least ``min_delta``; with neither, and from a best of 0 with
    percents alone, anything better is one. NaN never is one and never becomes the best.

    Attributes:
        patience: Observations without an improvement until it says stop, from 1.
        min_delta_percent: Smallest improvement, in percent of the best value's magnitude.
        mode: ``"min"`` where lower is better, ``"max"`` where higher is.
        min_delta: Smallest improvement, in the unit of the values.
        best: The best value so far; None before the first number.
        waited: Observations since the last improvement.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> rule = StoppingRule(patience=2, min_delta_percent=10)
        >>> [rule.observe(loss) for loss in (1.0, 0.8, 0.79, 0.78)]
        [False, False, False, True]
    """

    checkpointed: ClassVar[tuple[str, ...]] = ("best", "waited")

    patience: int
    min_delta_percent: float = 0.0
    mode: str = "min"
    min_delta: float = 0.0
    best: float | None = None
    waited: int = 0

    def __post_init__(self) -> None:
        if not (is_number(self.patience) and self.patience >= 1 and self.patience % 1 == 0):
            raise ValueError(f"'patience' must be an integer from 1, not {self.patience!r}")
        for name in ("min_delta_percent", "min_delta"):
            smallest = getattr(self, name)
            if not is_number(smallest) or not 0 <= smallest < math.inf:
                raise ValueError(f"{name!r} must be 0 or more, not {smallest!r}")
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
        relative = abs(self.best) * self.min_delta_percent / 100 if math.isfinite(self.best) else 0
        return gain > 0 and gain >= max(relative, self.min_delta)
