"""Runs in groups that repeat each other, and what makes runs of two groups partners."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.results.query import QuerySyntaxError
from experiment_manager.results.samples import (
    UnknownFieldError,
    group_runs,
    join_databases,
    pair_of,
    partners_of,
    repeats_of,
)
from experiment_manager.results.selection import FoundRun

Make = Callable[..., FoundRun]


# Groups.


def test_the_runs_of_a_trial_are_a_sample_in_order_of_appearance(found_run: Make) -> None:
    runs = [found_run("b", 0, 0.5), found_run("a", 0, 0.6), found_run("b", 1, 0.7)]
    samples = group_runs(runs, "test_acc")
    assert [(s.name, s.values) for s in samples] == [("b", (0.5, 0.7)), ("a", (0.6,))]


def test_without_runs_there_is_no_sample() -> None:
    assert group_runs([], "test_acc") == []


def test_a_run_that_did_not_succeed_has_no_value_whatever_it_recorded(found_run: Make) -> None:
    (sample,) = group_runs(
        [
            found_run("a", 0, 0.9),
            found_run("a", 1, 0.9, status=RunStatus.FAILED),
            found_run("a", 2, 0.9, status=RunStatus.RUNNING),
            found_run("a", 3),
        ],
        "test_acc",
    )
    assert sample.values == (0.9, None, None, None)
    assert sample.n_missing == 3
    assert sample.obstacles == {"failed": 1, "running": 1, "not recorded": 1}


def test_a_run_that_diverged_has_a_value(found_run: Make) -> None:
    (sample,) = group_runs([found_run("a", 0, math.nan)], "test_acc")
    assert (sample.n_missing, len(sample.values)) == (0, 1)


def test_trials_of_one_name_in_two_experiments_are_told_apart(found_run: Make) -> None:
    runs = [found_run("a", 0, 0.5), found_run("a", 0, 0.6, experiment="letters")]
    assert [sample.name for sample in group_runs(runs, "test_acc")] == ["digits/a", "letters/a"]


def test_experiments_of_one_name_in_two_databases_are_told_apart(found_run: Make) -> None:
    runs = join_databases({"a.db": [found_run("a", 0, 0.5)], "b.db": [found_run("a", 0, 0.6)]})
    names = [sample.name for sample in group_runs(runs, "test_acc")]
    assert names == ["a.db:digits/a", "b.db:digits/a"]


def test_an_experiment_in_one_of_two_databases_keeps_its_name(found_run: Make) -> None:
    letters = found_run("b", 0, 0.6, experiment="letters")
    runs = join_databases({"a.db": [found_run("a", 0, 0.5)], "b.db": [letters]})
    assert [run.experiment for run in runs] == ["digits", "letters"]


@pytest.mark.parametrize("by", ["params.optimizer", "optimizer"])
def test_runs_are_grouped_by_a_parameter_too(found_run: Make, by: str) -> None:
    runs = [
        found_run("a", 0, 0.5, params={"optimizer": "adam"}),
        found_run("b", 0, 0.6, params={"optimizer": "sgd"}),
        found_run("c", 0, 0.7, params={"optimizer": "adam"}),
        found_run("d", 0, 0.8),
    ]
    samples = group_runs(runs, "test_acc", by)
    assert {sample.name: sample.values for sample in samples} == {
        "optimizer=adam": (0.5, 0.7),
        "optimizer=sgd": (0.6,),
        "optimizer missing": (0.8,),
    }


def test_runs_are_grouped_by_experiment(found_run: Make) -> None:
    runs = [found_run("a", 0, 0.5), found_run("b", 0, 0.6, experiment="letters")]
    assert [s.name for s in group_runs(runs, "test_acc", "experiment")] == ["digits", "letters"]


@pytest.mark.parametrize(
    ("metric", "by", "complaint"),
    [
        ("tst_acc", "trial", "No run has the metric 'tst_acc'. Did you mean 'test_acc'?"),
        ("test_acc", "params.lrr", "No run has the parameter 'lrr'. Did you mean 'lr'?"),
        ("test_acc", "trail", "There is no field or parameter 'trail'. Did you mean 'trial'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(
    found_run: Make, metric: str, by: str, complaint: str
) -> None:
    with pytest.raises(UnknownFieldError) as error:
        group_runs([found_run("a", 0, 0.5, params={"lr": 0.1})], metric, by)
    assert str(error.value).startswith(complaint)


def test_a_field_that_cannot_be_read_is_shown(found_run: Make) -> None:
    with pytest.raises(QuerySyntaxError, match="Expected a name"):
        group_runs([found_run("a", 0, 0.5)], "test_acc", "params.")


# Partners.


def test_runs_of_one_seed_are_partners(found_run: Make) -> None:
    runs = [found_run("a", 3, 0.5), found_run("a", 4), found_run("b", 3, 0.6)]
    repeats = repeats_of(group_runs(runs, "test_acc"))
    assert list(repeats["a"].values()) == [0.5, None]
    assert repeats["a"].keys() & repeats["b"].keys() == {("3",)}


def test_runs_without_a_seed_have_no_partner(found_run: Make) -> None:
    samples = group_runs([found_run("a", None, 0.5), found_run("b", None, 0.6)], "test_acc")
    (first,), (second,) = partners_of(samples)
    assert first != second


def sweep(make: Make, *optimizers: str) -> list[FoundRun]:
    """Each optimizer with two models and two seeds."""
    return [
        make(f"{model}_{name}", seed, 0.5, params={"optimizer": name, "model": model})
        for name in optimizers
        for model in ("cnn", "mlp")
        for seed in (0, 1)
    ]


def test_where_seeds_recur_partners_also_agree_in_what_else_varies(found_run: Make) -> None:
    samples = group_runs(sweep(found_run, "adam", "sgd"), "test_acc", "optimizer")
    first, second = partners_of(samples)
    assert first == second == [("0", "cnn"), ("1", "cnn"), ("0", "mlp"), ("1", "mlp")]
    assert pair_of(samples) == "pair"


def test_seeds_that_do_not_recur_are_what_pairs(found_run: Make) -> None:
    assert pair_of(group_runs([found_run("a", 0, 0.5), found_run("a", 1, 0.5)], "test_acc")) == (
        "seed"
    )


def test_runs_that_nothing_tells_apart_have_no_partner(found_run: Make) -> None:
    runs = [
        found_run("a", 0, 0.5, params={"lr": lr}, experiment=experiment)
        for lr in (0.1, 0.2)
        for experiment in ("digits", "letters")
    ]
    first, second = partners_of(group_runs(runs, "test_acc", "lr"))
    assert (len(set(first)), set(first) & set(second)) == (2, set())
