"""The tests by name, with what a comparison has to know of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiment_manager.common.errors import UnknownTypeError, did_you_mean
from experiment_manager.results.statistics.mann_whitney import MANN_WHITNEY, mann_whitney
from experiment_manager.results.statistics.permutation import PERMUTATION, permutation
from experiment_manager.results.statistics.significance import SignificanceTest
from experiment_manager.results.statistics.student import PAIRED_T, WELCH, paired_t, welch
from experiment_manager.results.statistics.wilcoxon import WILCOXON, wilcoxon


@dataclass(frozen=True)
class Method:
    """A test of two trials.

    Attributes:
        name: As a sentence names it.
        run: The function that does it.
        is_paired: Whether it compares seed by seed.
        smallest_p: The smallest two-sided p that so many repeats of both trials can give.
    """

    name: str
    run: Callable[[Sequence[float], Sequence[float]], SignificanceTest]
    is_paired: bool
    smallest_p: Callable[[int], float]

    def fewest_repeats(self, alpha: float) -> int:
        """The fewest repeats that could be significant at all.

        Example:
            >>> METHODS["wilcoxon"].fewest_repeats(0.05), METHODS["paired_t"].fewest_repeats(0.05)
            (6, 2)
        """
        repeats = 2
        while self.smallest_p(repeats) > alpha:
            repeats += 1
        return repeats


METHODS = {
    "paired_t": Method(PAIRED_T, paired_t, True, lambda _: 0.0),
    "wilcoxon": Method(WILCOXON, wilcoxon, True, lambda n: 2 / 2**n),
    "permutation": Method(PERMUTATION, permutation, True, lambda n: 2 / 2**n),
    "welch": Method(WELCH, welch, False, lambda _: 0.0),
    "mann_whitney": Method(MANN_WHITNEY, mann_whitney, False, lambda n: 2 / math.comb(2 * n, n)),
}


def method_named(name: str) -> Method:
    """The test of this name.

    Raises:
        UnknownTypeError: There is none; suggests the nearest.
    """
    if name not in METHODS:
        raise UnknownTypeError(f"There is no test {name!r}.{did_you_mean(name, METHODS)}")
    return METHODS[name]
