"""Samples in order of their means, and which pairs of them are compared."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from experiment_manager.results.sample_comparison import Scope, compare_samples
from experiment_manager.results.samples import Sample, group_runs
from experiment_manager.results.selection import FoundRun

Make = Callable[..., FoundRun]


@pytest.fixture
def samples(found_run: Make) -> Callable[[int], list[Sample]]:
    """Makes trials ``t0``, ``t1`` ... of five seeds, each better than the one before."""

    def make(count: int) -> list[Sample]:
        noise = np.random.default_rng(1).normal(0, 0.01, (count, 5)).tolist()
        return group_runs(
            [
                found_run(f"t{place}", seed, 0.1 * place + value)
                for place, row in enumerate(noise)
                for seed, value in enumerate(row)
            ],
            "test_acc",
        )

    return make


def test_the_best_sample_comes_first(samples: Callable[[int], list[Sample]]) -> None:
    found = compare_samples(samples(3), "test_acc")
    assert [sample.name for sample in found.samples] == ["t2", "t1", "t0"]
    assert found.best.name == "t2"


def test_the_direction_is_taken_from_the_name_unless_told(
    samples: Callable[[int], list[Sample]],
) -> None:
    assert compare_samples(samples(2), "test_loss").best.name == "t0"
    assert compare_samples(samples(2), "test_loss", higher_is_better=True).best.name == "t1"


def test_up_to_five_samples_all_pairs_are_compared(
    samples: Callable[[int], list[Sample]],
) -> None:
    found = compare_samples(samples(5), "test_acc")
    assert (found.scope, len(found.comparisons)) == (Scope.ALL_PAIRS, 10)


def test_more_samples_are_compared_with_the_best(
    samples: Callable[[int], list[Sample]],
) -> None:
    found = compare_samples(samples(6), "test_acc")
    assert found.scope is Scope.AGAINST_BEST
    assert [one.first for one in found.comparisons] == ["t5"] * 5
    assert len(compare_samples(samples(6), "test_acc", scope=Scope.ALL_PAIRS).comparisons) == 15


def test_one_that_is_named_is_compared_with_all_others_and_nothing_else_is_corrected_for(
    samples: Callable[[int], list[Sample]],
) -> None:
    found = compare_samples(samples(4), "test_acc", against="t1")
    assert found.scope is Scope.AGAINST_ONE
    assert [(one.first, one.second) for one in found.comparisons] == [
        ("t1", "t3"),
        ("t1", "t2"),
        ("t1", "t0"),
    ]
    assert {one.n_comparisons for one in found.comparisons} == {3}


def test_what_the_best_does_not_beat_is_not_told_from_it(found_run: Make) -> None:
    values = {"a": [0.90, 0.91, 0.92], "b": [0.901, 0.92, 0.91], "c": [0.1, 0.11, 0.12]}
    runs = [found_run(name, seed, v) for name, row in values.items() for seed, v in enumerate(row)]
    found = compare_samples([*group_runs([*runs, found_run("d", 0)], "test_acc")], "test_acc")
    assert found.not_told_from_best() == ["a"]
    assert found.summaries["d"].n == 0


def test_where_seeds_recur_the_sentence_counts_pairs(found_run: Make) -> None:
    noise = np.random.default_rng(2).normal(0, 0.01, 12).tolist()
    runs = [
        found_run(f"{model}_{lr}", seed, lr + noise.pop(), params={"lr": lr, "model": model})
        for lr in (0.1, 0.2)
        for model in ("cnn", "mlp")
        for seed in range(3)
    ]
    (comparison,) = compare_samples(group_runs(runs, "test_acc", "lr"), "test_acc").comparisons
    assert "paired t over 6 pairs" in comparison.sentence()


def test_two_thousand_samples_are_compared(samples: Callable[[int], list[Sample]]) -> None:
    found = compare_samples(samples(2000), "score")
    assert len(found.comparisons) == 1999
    assert {one.n_comparisons for one in found.comparisons} == {math.comb(2000, 2)}
