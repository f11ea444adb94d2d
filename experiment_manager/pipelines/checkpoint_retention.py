"""Which checkpoints stay where not all can: a rule that knows nothing but what they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiment_manager.pipelines.callbacks.argument_checks import check_integer
from experiment_manager.pipelines.callbacks.stopping_rule import MODES
from experiment_manager.pipelines.checkpoint_folder import SavedCheckpoint


@dataclass(frozen=True)
class Retention:
    """Keeps the best, or the newest where nothing is watched, as many as there is room for.

    Attributes:
        top_k: How many stay, from 1; None for all.
        mode: ``"min"`` where a lower value is better, ``"max"`` where a higher one is; NaN is
            the worst.
        max_bytes: What they may take together; the best one stays in any case.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> one = SavedCheckpoint("epoch_0.pt", 0, "", 100, value=0.5)
        >>> two = SavedCheckpoint("epoch_1.pt", 1, "", 100, value=0.7)
        >>> [kept.file for kept in Retention(top_k=1).kept([one, two])]
        ['epoch_0.pt']
    """

    top_k: int | None = None
    mode: str = "min"
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("save_top_k", self.top_k), ("max_bytes", self.max_bytes)):
            if value is not None:
                check_integer(name, value, least=1)
        if self.mode not in MODES:
            raise ValueError(f"'mode' must be 'min' or 'max', not {self.mode!r}")

    @property
    def is_limited(self) -> bool:
        """True where one may have to go."""
        return self.top_k is not None or self.max_bytes is not None

    def kept(self, saved: Sequence[SavedCheckpoint]) -> list[SavedCheckpoint]:
        """Those that stay, in the order given."""
        best_first = sorted(saved, key=self._badness)[: self.top_k]
        room = math.inf if self.max_bytes is None else self.max_bytes
        staying: list[SavedCheckpoint] = []
        for one in best_first:
            room -= one.size_bytes
            if room >= 0 or not staying:
                staying.append(one)
        return [one for one in saved if one in staying]

    def admits(self, value: float | None, saved: Sequence[SavedCheckpoint]) -> bool:
        """False where a new one of this value would not be among the best."""
        epoch = 1 + max((one.epoch for one in saved), default=-1)
        new = SavedCheckpoint("", epoch, "", 0, value=value)
        return new in sorted([*saved, new], key=self._badness)[: self.top_k]

    def _badness(self, one: SavedCheckpoint) -> tuple[float, int]:
        """Lower is better; of two that are equal the newer one is."""
        if one.value is None:
            return 0.0, -one.epoch
        if math.isnan(one.value):
            return math.inf, -one.epoch
        return one.value if self.mode == "min" else -one.value, -one.epoch
