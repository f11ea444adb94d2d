"""Which runs of two trials are compared with which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiment_manager.results.statistics.estimate import has_converged

SEED = "seed"
Repeats = Mapping[Any, float | None]
"""A trial's values by seed; None for a run that failed or has no value. A run without a seed
goes under any key that no run of another trial has."""


@dataclass(frozen=True)
class Samples:
    """The finite values of two trials that a test is given.

    Attributes:
        first: Values of the first trial.
        second: Values of the second; where paired, partner by partner.
        is_paired: Whether values at the same place are partners.
        pair: What partners have in common, as a sentence counts it.
    """

    first: tuple[float, ...]
    second: tuple[float, ...]
    is_paired: bool
    pair: str = SEED

    @property
    def n_pairs(self) -> int | None:
        """How many pairs there are; None where unpaired."""
        return len(self.first) if self.is_paired else None


def samples_of(first: Repeats, second: Repeats, *, is_paired: bool, pair: str = SEED) -> Samples:
    """The finite values of both trials, or of the seeds where both have one.

    Example:
        >>> samples_of({1: 0.9, 2: 0.8, 3: None}, {2: 0.7, 3: 0.6}, is_paired=True)
        Samples(first=(0.8,), second=(0.7,), is_paired=True, pair='seed')
    """
    left, right = _finite(first), _finite(second)
    if not is_paired:
        return Samples(tuple(left.values()), tuple(right.values()), is_paired=False, pair=pair)
    pairs = [(value, right[seed]) for seed, value in left.items() if seed in right]
    return Samples(tuple(p[0] for p in pairs), tuple(p[1] for p in pairs), True, pair)


def have_matching_seeds(first: Repeats, second: Repeats) -> bool:
    """True where at least half of all seeds belong to both trials, run well or not.

    Pairs take away what a seed does to both trials, but a run without a partner is lost to
    them: three repeats against five are worth pairing, two common seeds of eight are not. What
    counts is the plan, not the outcome: a choice of test that follows the failures would not be
    the same test.

    Example:
        >>> have_matching_seeds({1: 0.9, 2: None, 3: 0.8}, {1: 0.7, 2: 0.9, 3: 0.8, 4: 0.7})
        True
    """
    shared = first.keys() & second.keys()
    return bool(shared) and 2 * len(shared) >= len(first.keys() | second.keys())


def _finite(repeats: Repeats) -> dict[Any, float]:
    return {
        seed: float(value)
        for seed, value in repeats.items()
        if value is not None and has_converged(value)
    }
