"""How many repeats it takes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.stats

from experiment_manager.results.statistics.power import repeats_needed, t_test_power


@pytest.mark.parametrize(("d", "repeats"), [(0.5, 64), (0.8, 26), (1.0, 17)])
def test_it_agrees_with_cohen(d: float, repeats: int) -> None:
    # Cohen (1988), chapter 2: two-sided at 5 percent, power 80 percent.
    assert repeats_needed(d, paired=False) == repeats


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("effect", [0.0, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("n", [2, 5, 30])
def test_the_power_is_a_tail_of_scipys_noncentral_t(paired: bool, effect: float, n: int) -> None:
    df, shift = (n - 1, effect * n**0.5) if paired else (2 * n - 2, effect * (n / 2) ** 0.5)
    critical = scipy.stats.t.isf(0.025, df)
    wrong_side = np.nan_to_num(scipy.stats.nct.cdf(-critical, df, shift))  # NaN where next to 0
    expected = scipy.stats.nct.sf(critical, df, shift) + wrong_side
    assert t_test_power(effect, n, paired=paired) == pytest.approx(expected, rel=1e-12)


def test_the_power_is_how_often_the_test_is_significant() -> None:
    differences = np.random.default_rng(1).normal(1.2, 1, (20_000, 6))
    p_values = scipy.stats.ttest_1samp(differences, 0, axis=1).pvalue
    assert t_test_power(1.2, 6, paired=True) == pytest.approx(np.mean(p_values <= 0.05), abs=0.01)


def test_the_sign_of_the_effect_does_not_matter() -> None:
    assert t_test_power(-0.5, 10, paired=True) == t_test_power(0.5, 10, paired=True)


@pytest.mark.parametrize("alpha", [0.05, 1e-3, 1e-6])
@pytest.mark.parametrize("effect", [0.1, 1.0, 3.0, 10.0])
def test_the_power_never_falls_with_the_repeats(effect: float, alpha: float) -> None:
    powers = [t_test_power(effect, n, paired=True, alpha=alpha) for n in range(2, 300)]
    assert all(0 < power <= 1 for power in powers)
    assert all(after >= before - 1e-12 for before, after in pairwise(powers))


@pytest.mark.parametrize("effect", [1e3, 1e9])
def test_an_effect_beyond_doubt_takes_two_or_three_repeats(effect: float) -> None:
    assert repeats_needed(effect, paired=True) == 2
    assert repeats_needed(effect, paired=True, alpha=1e-6) in {2, 3}


@pytest.mark.parametrize("effect", [0.0, 1e-6])
def test_no_number_is_named_for_an_effect_that_is_next_to_nothing(effect: float) -> None:
    assert repeats_needed(effect, paired=True) is None


@pytest.mark.parametrize("name", ["alpha", "power"])
def test_a_chance_that_is_no_fraction_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' must lie above 0 and below 1, not 5"):
        repeats_needed(0.5, paired=True, **{name: 5})
