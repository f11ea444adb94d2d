"""Many tests at once: the chance that any of them is wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float], n_tests: int = 0) -> list[float]:
    """The p values, adjusted so that one below 5 percent anywhere is rare if all is chance.

    Holds whatever the tests have to do with each other, as they do where trials share runs, and
    never finds less than Bonferroni's. A NaN, a test that could not be done, stays NaN and does
    not count.

    Source: S. Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian
    Journal of Statistics 6.

    Args:
        p_values: Of the tests.
        n_tests: How many tests there are, where some were not made because their p does not
            matter: it is taken to be the largest, which can only be too careful.

    Returns:
        In the order given, each at least its p, at most 1.

    Example:
        >>> holm([0.01, 0.04, 0.03, 0.005])
        [0.03, 0.06, 0.06, 0.02]
        >>> holm([0.01, 0.005], n_tests=4)
        [0.03, 0.02]
    """
    adjusted = [math.nan] * len(p_values)
    tested = [place for place, p in enumerate(p_values) if not math.isnan(p)]
    n_tests, largest = max(n_tests, len(tested)), 0.0
    for done, place in enumerate(sorted(tested, key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, (n_tests - done) * p_values[place]))
        adjusted[place] = largest
    return adjusted
