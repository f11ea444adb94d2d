"""Every trial against every other: which test, which verdict, which sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.common.errors import UnknownTypeError
from experiment_manager.results.statistics.compare import compare
from experiment_manager.results.statistics.comparison import Comparison, Verdict
from experiment_manager.results.statistics.correction import holm
from experiment_manager.results.statistics.methods import METHODS
from experiment_manager.results.statistics.pairing import Repeats
from experiment_manager.results.statistics.power import repeats_needed
from experiment_manager.results.statistics.significance import SignificanceTest
from experiment_manager.results.statistics.student import paired_t, welch

SMALL = {0: 0.911, 1: 0.921, 2: 0.915, 3: 0.918, 4: 0.907}
VALUE = st.none() | st.floats() | st.sampled_from([0.0, 0.5, 0.9])
LARGE = {0: 0.922, 1: 0.926, 2: 0.922, 3: 0.927, 4: 0.916}


def compared(first: Repeats, second: Repeats, metric: str = "test_acc", **how: Any) -> Comparison:
    """The comparison of the trials ``first`` and ``second``."""
    (comparison,) = compare({"first": first, "second": second}, metric, **how)
    return comparison


def by_seed(*values: float | None, start: int = 0) -> Repeats:
    return dict(enumerate(values, start))


# The numbers.


def test_common_seeds_are_compared_by_the_paired_t_test() -> None:
    comparison = compared(LARGE, SMALL)
    theirs = scipy.stats.ttest_rel(list(LARGE.values()), list(SMALL.values()))
    interval = (comparison.interval.low, comparison.interval.high)
    assert (comparison.test, comparison.n_pairs) == ("paired t", 5)
    assert comparison.p == comparison.holm_p == pytest.approx(theirs.pvalue, rel=1e-12)
    assert interval == pytest.approx(tuple(theirs.confidence_interval()), rel=1e-12)
    assert comparison.difference == pytest.approx(0.0082)
    assert comparison.hedges_g > 0
    assert comparison.probability_of_improvement == pytest.approx(0.92)


def test_other_seeds_are_compared_by_welchs_t_test() -> None:
    comparison = compared(LARGE, by_seed(*SMALL.values(), start=5))
    theirs = scipy.stats.ttest_ind(list(LARGE.values()), list(SMALL.values()), equal_var=False)
    assert (comparison.test, comparison.n_pairs) == ("Welch t", None)
    assert comparison.p == pytest.approx(theirs.pvalue, rel=1e-12)


def test_where_failures_leave_no_two_pairs_all_runs_are_compared() -> None:
    comparison = compared(by_seed(0.9, 0.8, 0.7, None), by_seed(None, None, 0.6, 0.5))
    assert (comparison.test, comparison.n_pairs) == ("Welch t", None)


@pytest.mark.parametrize("test", METHODS)
def test_a_test_can_be_asked_for(test: str) -> None:
    comparison = compared(LARGE, SMALL, test=test)
    assert comparison.test == METHODS[test].name
    assert (comparison.n_pairs is not None) is METHODS[test].is_paired


def test_the_p_values_of_all_pairs_are_corrected_together() -> None:
    trials = {"a": LARGE, "b": SMALL, "c": by_seed(0.90, 0.93, 0.91, 0.92, 0.90)}
    comparisons = compare(trials, "test_acc")
    assert [(c.first, c.second) for c in comparisons] == [("a", "b"), ("a", "c"), ("b", "c")]
    lowest = min(comparisons, key=lambda comparison: comparison.p)
    assert lowest.holm_p == pytest.approx(3 * lowest.p)
    assert lowest.n_comparisons == 3


def test_a_pair_that_cannot_be_tested_does_not_cost_the_others_anything() -> None:
    first, *others = compare({"a": LARGE, "b": SMALL, "c": by_seed(0.9)}, "test_acc")
    assert first.holm_p == first.p
    assert all(math.isnan(other.holm_p) for other in others)


def test_pairs_can_be_chosen_and_only_they_are_corrected_for() -> None:
    trials = {"a": LARGE, "b": SMALL, "c": by_seed(0.90, 0.93, 0.91, 0.92, 0.90)}
    comparisons = compare(trials, "test_acc", pairs=[("c", "a"), ("b", "a")])
    assert [(c.first, c.second) for c in comparisons] == [("c", "a"), ("b", "a")]
    assert {comparison.n_comparisons for comparison in comparisons} == {2}


def test_more_tests_than_were_made_can_be_corrected_for() -> None:
    (comparison,) = compare({"a": LARGE, "b": SMALL}, "test_acc", n_tests=10)
    assert comparison.holm_p == pytest.approx(10 * comparison.p)
    assert "Holm p" in comparison.sentence()


@pytest.mark.parametrize("trials", [{}, {"alone": SMALL}])
def test_without_two_trials_there_is_nothing_to_compare(trials: Mapping[str, Repeats]) -> None:
    assert compare(trials, "test_acc") == ()


# The verdict.


def test_the_higher_accuracy_is_better() -> None:
    assert compared(LARGE, SMALL).verdict is Verdict.BETTER
    assert compared(SMALL, LARGE).verdict is Verdict.WORSE


def test_the_lower_loss_is_better() -> None:
    assert compared(LARGE, SMALL, "test_loss").verdict is Verdict.WORSE
    assert compared(LARGE, SMALL, "test_loss").probability_of_improvement < 0.5


def test_the_direction_can_be_told() -> None:
    assert compared(LARGE, SMALL, "latency", higher_is_better=False).verdict is Verdict.WORSE


def test_a_difference_that_is_certain_but_does_not_matter_is_equivalence() -> None:
    comparison = compared(LARGE, SMALL, margin=0.02)
    assert comparison.p < 0.05
    assert comparison.verdict is Verdict.EQUIVALENT


def test_a_difference_that_is_not_significant_is_no_equivalence() -> None:
    comparison = compared(by_seed(0.9, 0.8), by_seed(0.85, 0.86), margin=0.01)
    assert comparison.verdict is Verdict.CANNOT_TELL
    assert comparison.obstacle == ""


def test_a_few_repeats_more_are_named_where_the_difference_may_be_chance() -> None:
    first = by_seed(0.91, 0.90, 0.93, 0.92)
    comparison = compared(first, by_seed(0.90, 0.91, 0.91, 0.90))
    differences = np.array([0.01, -0.01, 0.02, 0.02])
    needed = repeats_needed(differences.mean() / differences.std(ddof=1), paired=True)
    assert needed is not None
    assert comparison.more_repeats == needed - 4


def test_the_repeats_of_a_rank_test_are_enough_to_be_significant_at_all() -> None:
    wide_apart = compared(by_seed(0.9, 0.91, 0.92), by_seed(0.1, 0.12, 0.11), test="wilcoxon")
    assert wide_apart.more_repeats == 3


# What cannot be told, and why.


@pytest.mark.parametrize(
    ("first", "second", "test", "obstacle"),
    [
        (
            by_seed(0.9, 0.8, 0.7),
            by_seed(0.6, 0.4, 0.5),
            "wilcoxon",
            "with 3 pairs the smallest possible two-sided Wilcoxon p is 0.25",
        ),
        (
            by_seed(0.9, 0.8, 0.7, 0.6),
            by_seed(0.6, 0.4, 0.5, 0.6),
            "permutation",
            "with 3 unequal pairs the smallest possible two-sided permutation p is 0.25",
        ),
        (
            by_seed(0.9, 0.8, 0.7),
            by_seed(0.6, 0.4),
            "mann_whitney",
            "with 3 and 2 runs the smallest possible two-sided Mann-Whitney p is 0.2",
        ),
        (
            by_seed(0.9, 0.8, 0.7),
            by_seed(0.8, 0.7, 0.6),
            None,
            "the difference is the same on all 3 seeds, so the repeats show nothing of chance",
        ),
        (
            by_seed(1.0, 1.0, 1.0),
            by_seed(1.0, 1.0, 1.0),
            None,
            "both have the same value on each of 3 seeds",
        ),
        (
            by_seed(0.9, 0.9, 0.9),
            by_seed(0.8, 0.8, 0.8, start=7),
            None,
            "the values of each trial are all the same, so its repeats show nothing of chance",
        ),
        (
            by_seed(0.9, 0.8),
            by_seed(0.7),
            None,
            "1 run of second has a value, and it takes two to see how far chance goes",
        ),
        (
            by_seed(None, math.nan),
            by_seed(0.7, 0.8),
            None,
            "no run of first has a value, and it takes two to see how far chance goes",
        ),
        (
            by_seed(0.9, 0.8),
            by_seed(0.7, 0.6, start=1),
            "paired_t",
            "both have a value on 1 seed, and it takes two",
        ),
    ],
)
def test_the_obstacle_is_named(
    first: Repeats, second: Repeats, test: str | None, obstacle: str
) -> None:
    comparison = compared(first, second, test=test)
    assert comparison.verdict is Verdict.CANNOT_TELL
    assert comparison.obstacle == obstacle
    assert comparison.sentence().startswith(
        f"cannot tell first from second on test_acc: {obstacle}"
    )


def test_values_without_spread_prove_nothing_by_any_test() -> None:
    first, second = by_seed(*[0.9] * 10), by_seed(*[0.8] * 10)
    verdicts = {compared(first, second, test=test, margin=0.5).verdict for test in METHODS}
    assert verdicts == {Verdict.CANNOT_TELL}


def test_many_comparisons_can_put_significance_out_of_reach() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, (10, 8))
    trials = {f"trial_{k}": by_seed(*row) for k, row in enumerate(values.tolist())}
    obstacles = {comparison.obstacle for comparison in compare(trials, "score", test="wilcoxon")}
    assert obstacles == {
        "with 8 pairs the smallest possible two-sided Wilcoxon p is 0.0078, and 0.35 after Holm"
    }


def test_ranks_that_contradict_the_means_give_no_verdict() -> None:
    first = by_seed(*(0.5 + 0.01 * k for k in range(1, 12)), -9.0)
    comparison = compared(first, by_seed(*[0.5] * 12), "score", test="wilcoxon")
    assert comparison.holm_p < 0.05
    assert comparison.verdict is Verdict.CANNOT_TELL
    assert comparison.obstacle == "by rank first has the higher values, by the mean second"


# The sentence.


@pytest.mark.parametrize("order", [1, -1])
def test_the_better_one_comes_first_with_the_size_the_interval_and_the_test(order: int) -> None:
    both: list[tuple[str, Repeats]] = [("small_network", SMALL), ("large_network", LARGE)]
    (comparison,) = compare(dict(both[::order]), "test_acc")
    assert comparison.sentence() == (
        "large_network beats small_network on test_acc by 0.82 points "
        "(95% CI 0.54 to 1.10, paired t over 5 seeds, p = 0.0013)"
    )


def test_the_lower_loss_beats_the_higher_one_by_a_plain_number() -> None:
    trials = {"sgd": by_seed(1.52, 1.61, 1.58), "adam": by_seed(1.21, 1.29, 1.28, start=3)}
    (comparison,) = compare(trials, "val_loss")
    assert comparison.sentence() == (
        "adam beats sgd on val_loss by 0.31 (95% CI 0.21 to 0.41, "
        "Welch t over 3 and 3 runs, p = 0.0011)"
    )


def test_an_accuracy_in_percent_is_told_as_it_is() -> None:
    percent = {seed: 100 * value for seed, value in LARGE.items()}
    sentence = compared(percent, {seed: 100 * value for seed, value in SMALL.items()}).sentence()
    assert "by 0.82 (95% CI 0.54 to 1.10," in sentence


def test_p_is_called_holms_where_there_are_several_and_the_level_follows_alpha() -> None:
    trials = {"a": LARGE, "b": SMALL, "c": by_seed(0.90, 0.93, 0.91, 0.92, 0.90)}
    sentence = compare(trials, "test_acc", alpha=0.01)[0].sentence()
    assert sentence == (
        "a beats b on test_acc by 0.8 points (99% CI 0.4 to 1.3, paired t over 5 seeds, "
        "Holm p = 0.0039)"
    )


def test_a_difference_that_may_be_chance_is_told_with_what_would_settle_it() -> None:
    first, second = by_seed(0.91, 0.90, 0.93, 0.92), by_seed(0.90, 0.91, 0.91, 0.90)
    assert compared(first, second).sentence() == (
        "cannot tell first from second on test_acc: a difference of 1.0 points (95% CI -1.3 to "
        "3.3, paired t over 4 seeds, p = 0.25) may be chance; about 14 more repeats of each "
        "would show such a difference (80% power)"
    )


def test_equivalence_is_told_with_its_margin() -> None:
    assert compared(LARGE, SMALL, margin=0.02).sentence() == (
        "first and second are equivalent on test_acc: a difference of 0.82 points (95% CI 0.54 "
        "to 1.10, paired t over 5 seeds, p = 0.0013, TOST p < 0.001 for a margin of 2 points)"
    )


def test_runs_that_had_no_part_are_told() -> None:
    first, second = {**LARGE, 5: math.nan, 6: 0.92}, {**SMALL, 5: 0.91, 6: None}
    assert compared(first, second).sentence() == (
        "first beats second on test_acc by 0.82 points (95% CI 0.54 to 1.10, paired t over "
        "5 seeds, p = 0.0013); left out: 1 run of first (not finite), 1 run of first (without a "
        "partner of the same seed), 1 run of second (failed or missing), 1 run of second "
        "(without a partner of the same seed)"
    )


def test_pairs_may_have_something_else_in_common_than_a_seed() -> None:
    told = compared(LARGE, {**SMALL, 9: 0.9}, pair="pair")
    assert "paired t over 5 pairs" in told.sentence()
    assert told.sentence().endswith("left out: 1 run of second (without a partner)")
    equal = compared(by_seed(0.5, 0.5), by_seed(0.5, 0.5), pair="pair")
    assert equal.obstacle == "both have the same value on each of 2 pairs"


# Bad input.


def test_an_unknown_test_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownTypeError, match=r"no test 'wilcoxn'\. Did you mean 'wilcoxon'"):
        compared(LARGE, SMALL, test="wilcoxn")


def test_an_alpha_that_is_no_fraction_is_refused() -> None:
    with pytest.raises(ValueError, match="'alpha' must lie above 0 and below 1, not 5"):
        compared(LARGE, SMALL, alpha=5)


def test_a_margin_that_is_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="'margin' must be a number above 0, not -1"):
        compared(LARGE, SMALL, margin=-1)


@given(
    st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.integers(0, 6), VALUE)),
    st.sampled_from([None, *METHODS]),
    st.sampled_from([None, 0.01]),
)
def test_whatever_the_values_there_is_a_verdict_and_a_sentence(
    trials: dict[str, Repeats], test: str | None, margin: float | None
) -> None:
    for comparison in compare(trials, "test_acc", test=test, margin=margin):
        assert comparison.sentence()
        assert (comparison.verdict is Verdict.CANNOT_TELL) or not comparison.obstacle


# Simulation.


@pytest.mark.parametrize("test", [paired_t, welch])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_of_ten_equal_trials_any_two_are_told_apart_in_under_6_percent(
    test: Callable[..., SignificanceTest], n: int
) -> None:
    experiments = np.random.default_rng(n).normal(0.9, 0.01, (2000, 10, n)).tolist()
    wrong = 0
    for trials in experiments:
        p_values = [test(first, second).p for first, second in combinations(trials, 2)]
        wrong += min(holm(p_values)) <= 0.05
    assert wrong / len(experiments) < 0.06


@pytest.mark.parametrize("step", [0, 5])
def test_two_trials_are_told_apart_where_holms_p_is_at_most_alpha_and_nowhere_else(
    step: int,
) -> None:
    means = 0.9 + 0.02 * np.arange(6)[:, None]
    values = np.random.default_rng(1).normal(means, 0.02, (6, 5)).tolist()
    trials = {f"trial_{k}": by_seed(*row, start=k * step) for k, row in enumerate(values)}
    comparisons = compare(trials, "score")
    told = [comparison.verdict is not Verdict.CANNOT_TELL for comparison in comparisons]
    assert told == [comparison.holm_p <= 0.05 for comparison in comparisons]
    assert [c.holm_p for c in comparisons] == holm([c.p for c in comparisons])
    assert 0 < sum(told) < len(told)
