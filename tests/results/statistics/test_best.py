"""The best of many trials."""

from __future__ import annotations

import math

import numpy as np
import pytest

from experiment_manager.results.statistics.best import (
    ALL_PAIRS_UP_TO,
    best_first,
    compare_with_best,
)
from experiment_manager.results.statistics.compare import compare
from experiment_manager.results.statistics.comparison import Verdict
from experiment_manager.results.statistics.describe import describe
from experiment_manager.results.statistics.pairing import Repeats


def equal_trials(count: int, seed: int, repeats: int = 5) -> dict[str, Repeats]:
    values = np.random.default_rng(seed).normal(0.9, 0.01, (count, repeats)).tolist()
    return {f"trial_{place}": dict(enumerate(row)) for place, row in enumerate(values)}


@pytest.mark.parametrize(("higher", "order"), [(True, ["b", "a", "c"]), (False, ["a", "b", "c"])])
def test_the_best_mean_comes_first_and_no_value_last(higher: bool, order: list[str]) -> None:
    summaries = {"c": describe([None]), "a": describe([0.1, 0.3]), "b": describe([0.4])}
    assert best_first(summaries, higher_is_better=higher) == order


def test_the_best_is_compared_with_each_other_one_the_better_ones_first() -> None:
    trials = equal_trials(4, seed=1)
    means = {name: np.mean(list(values.values())) for name, values in trials.items()}
    best, *others = sorted(means, key=lambda name: -means[name])
    found = compare_with_best(trials, "test_acc", higher_is_better=True)
    assert [(one.first, one.second) for one in found] == [(best, other) for other in others]


def test_its_p_values_are_those_of_all_pairs() -> None:
    trials = equal_trials(5, seed=2)
    by_pair = {
        frozenset((one.first, one.second)): one.holm_p for one in compare(trials, "test_acc")
    }
    for one in compare_with_best(trials, "test_acc", higher_is_better=True):
        assert one.holm_p == by_pair[frozenset((one.first, one.second))]


def test_of_very_many_the_pairs_without_the_best_are_counted_but_not_tested() -> None:
    trials = equal_trials(ALL_PAIRS_UP_TO + 1, seed=3)
    found = compare_with_best(trials, "test_acc", higher_is_better=True)
    pairs = math.comb(ALL_PAIRS_UP_TO + 1, 2)
    assert len(found) == ALL_PAIRS_UP_TO
    assert {one.n_comparisons for one in found} == {pairs}
    lowest = min(found, key=lambda one: one.p)
    assert lowest.holm_p == pytest.approx(min(1.0, pairs * lowest.p))


@pytest.mark.parametrize("count", [0, 1])
def test_one_alone_beats_nobody(count: int) -> None:
    assert compare_with_best(equal_trials(count, 1), "test_acc", higher_is_better=True) == ()


def test_the_luckiest_of_ten_equal_trials_beats_another_in_under_6_percent() -> None:
    experiments = [equal_trials(10, seed) for seed in range(300)]
    wrong = sum(
        any(
            one.verdict is Verdict.BETTER
            for one in compare_with_best(trials, "test_acc", higher_is_better=True)
        )
        for trials in experiments
    )
    assert wrong / len(experiments) < 0.06
