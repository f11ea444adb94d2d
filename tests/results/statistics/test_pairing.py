"""Which runs are compared with which."""

from __future__ import annotations

import math

import pytest

from experiment_manager.results.statistics.pairing import (
    Repeats,
    have_matching_seeds,
    samples_of,
)


def planned(*seeds: int) -> Repeats:
    return dict.fromkeys(seeds, 0.9)


@pytest.mark.parametrize(
    ("first", "second", "matching"),
    [
        (planned(0, 1, 2), planned(2, 1, 0), True),
        (planned(0, 1, 2), planned(0, 1, 2, 3, 4), True),
        (planned(0, 1, 2, 3), planned(1, 2, 3, 4), True),
        (planned(0, 1, 2, 3, 4), planned(3, 4, 5, 6, 7), False),
        (planned(0, 1, 2), planned(*range(50)), False),
        (planned(0, 1), planned(2, 3), False),
        (planned(), planned(), False),
    ],
)
def test_seeds_match_where_at_least_half_of_them_are_common(
    first: Repeats, second: Repeats, matching: bool
) -> None:
    assert have_matching_seeds(first, second) is matching
    assert have_matching_seeds(second, first) is matching


def test_seeds_match_by_plan_even_where_the_runs_failed() -> None:
    assert have_matching_seeds({0: None, 1: None, 2: 0.9}, {0: 0.9, 1: 0.9, 2: math.nan})


def test_pairs_are_of_one_seed_and_of_finite_values() -> None:
    first = {0: 0.1, 1: 0.2, 2: None, 3: math.inf, 4: 0.5}
    second = {4: 0.6, 3: 0.7, 2: 0.8, 1: 0.9, 0: math.nan}
    samples = samples_of(first, second, is_paired=True)
    assert (samples.first, samples.second, samples.n_pairs) == ((0.2, 0.5), (0.9, 0.6), 2)


def test_unpaired_samples_have_all_finite_values() -> None:
    samples = samples_of({0: 0.1, 1: math.nan}, {0: None, 5: 0.6, 6: 0.7}, is_paired=False)
    assert (samples.first, samples.second, samples.n_pairs) == ((0.1,), (0.6, 0.7), None)
