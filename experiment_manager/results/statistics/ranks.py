"""Ranks, ties included, and the exact distributions of their sums.

Ranks are doubled, so that the mean rank of a tie is an integer: sums are counted without rounding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache


def doubled_ranks(values: Sequence[float], noise: float = 0.0) -> list[int]:
    """Twice the rank of each value from 1; tied values share the mean of their ranks.

    Args:
        values: In any order.
        noise: Neighbours no further apart than this are tied.

    Example:
        >>> doubled_ranks([0.3, 0.1, 0.3])
        [5, 2, 5]
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0] * len(values)
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or values[order[end]] - values[order[end - 1]] > noise:
            for place in order[start:end]:
                ranks[place] = start + 1 + end
            start = end
    return ranks


def tie_sizes(ranks: Sequence[int]) -> list[int]:
    """How many values share each rank."""
    return list(Counter(ranks).values())


@lru_cache(maxsize=128)
def signed_rank_counts(ranks: tuple[int, ...]) -> tuple[int, ...]:
    """How many of the 2^n choices of signs give each sum of the positive ones' ranks.

    Example:
        >>> signed_rank_counts((2, 4))
        (1, 0, 1, 0, 1, 0, 1)
    """
    counts = [1]
    for rank in ranks:
        padding = [0] * rank
        counts = [a + b for a, b in zip(counts + padding, padding + counts, strict=True)]
    return tuple(counts)


@lru_cache(maxsize=128)
def rank_sum_counts(ranks: tuple[int, ...], size: int) -> Mapping[int, int]:
    """How many of the choices of ``size`` values give each sum of their ranks.

    Example:
        >>> dict(rank_sum_counts((2, 4, 6), 2))
        {6: 1, 8: 1, 10: 1}
    """
    by_size: list[Counter[int]] = [Counter({0: 1}), *(Counter() for _ in range(size))]
    for rank in ranks:
        for chosen in range(size, 0, -1):
            for total, count in by_size[chosen - 1].items():
                by_size[chosen][total + rank] += count
    return by_size[size]
