"""The importance of settings: its formula, what chance reaches, and when it is refused."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest
from scipy import stats

from experiment_manager.results.plots.errors import PlotError
from experiment_manager.results.plots.importance import importance_plot
from experiment_manager.results.samples import Sample

MakeSample = Callable[..., Sample]


def test_the_setting_that_decides_is_told_from_the_one_that_does_not(sweep: list[Sample]) -> None:
    plot = importance_plot(sweep, "test_acc")
    lr, batch = plot.settings
    assert (lr.name, batch.name) == ("lr", "batch")
    assert lr.share > 0.7
    assert lr.share > lr.chance
    assert batch.share == 0
    assert "12 trials" in plot.caption


def test_the_share_is_the_corrected_one_of_kruskal_and_wallis(sample: MakeSample) -> None:
    values = [0.1, 0.9, 0.3, 0.35, 0.8, 0.2, 0.6, 0.5, 0.7]
    groups = ["a", "b", "c", "a", "b", "c", "a", "b", "b"]
    samples = [
        sample(f"trial {n}", [value], optimizer=group)
        for n, (value, group) in enumerate(zip(values, groups, strict=True))
    ]
    by_group = [[v for v, g in zip(values, groups, strict=True) if g == name] for name in "abc"]
    eta_squared = stats.kruskal(*by_group).statistic / (9 - 1)
    (one,) = importance_plot(samples, "test_acc").settings
    assert one.share == pytest.approx(1 - (1 - eta_squared) * (9 - 1) / (9 - 3))
    assert one.n_groups == 3


def test_a_random_search_is_put_into_groups_of_neighbours(sample: MakeSample) -> None:
    samples = [sample(f"trial {n}", [n / 40], lr=10 ** (-n / 10)) for n in range(40)]
    (lr,) = importance_plot(samples, "test_acc").settings
    assert lr.n_groups == 5
    assert lr.share > 0.9


def test_a_trial_that_diverged_does_not_outweigh_all_others(sample: MakeSample) -> None:
    values = [n / 12 for n in range(11)] + [1e12]
    samples = [sample(f"t{n}", [v], lr=int(n < 6), odd=n % 2) for n, v in enumerate(values)]
    assert importance_plot(samples, "test_acc").settings[0].name == "lr"


def test_chance_alone_stays_under_its_line_most_times(sample: MakeSample) -> None:
    draw = random.Random(0)
    beyond = 0
    for _ in range(60):
        samples = [sample(f"trial {n}", [draw.random()], lr=n % 3) for n in range(12)]
        (one,) = importance_plot(samples, "test_acc").settings
        beyond += one.share > one.chance
    assert beyond <= 6  # of 60, where 3 are expected


def test_settings_that_never_change_apart_are_named(sample: MakeSample) -> None:
    samples = [sample(f"trial {n}", [n / 8], lr=n % 2, decay=1 - n % 2) for n in range(8)]
    assert "Never changed apart: decay and lr." in importance_plot(samples, "test_acc").caption


def test_trials_without_a_value_are_left_out_and_counted(
    sweep: list[Sample], sample: MakeSample
) -> None:
    plot = importance_plot([*sweep, sample("dead", [None], lr=0.5)], "test_acc")
    assert "12 trials" in plot.caption
    assert "1 trial without a value left out." in plot.caption


def test_equal_values_have_no_importance(sample: MakeSample) -> None:
    samples = [sample(f"trial {n}", [0.5], lr=n % 2) for n in range(8)]
    assert importance_plot(samples, "test_acc").settings[0].share == 0


def test_fewer_than_eight_trials_are_refused(sweep: list[Sample]) -> None:
    with pytest.raises(PlotError, match="takes 8 trials with a value of 'test_acc', and there"):
        importance_plot(sweep[:7], "test_acc")


def test_trials_that_share_no_value_are_refused(sample: MakeSample) -> None:
    names = map("".join, itertools.product("ab", "cd", "ef"))
    samples = [sample(name, [n / 8], kind=name) for n, name in enumerate(names)]
    with pytest.raises(PlotError, match="No setting has two values with two trials each"):
        importance_plot(samples, "test_acc")
