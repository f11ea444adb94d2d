"""The best run of a sample, and what its runs have in common."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from experiment_manager.results.best_run import best_outcome, common_parameters
from experiment_manager.results.samples import Sample, measured
from experiment_manager.results.selection import FoundRun


@pytest.fixture
def sample(found_run: Callable[..., FoundRun]) -> Sample:
    values = [0.5, math.nan, None, 0.9, 0.1]
    runs = [
        found_run("a", seed, value, params={"lr": 0.1, "seed": seed, "layers": [8]})
        for seed, value in enumerate(values)
    ]
    return measured("a", runs, "test_acc")


@pytest.mark.parametrize(("higher_is_better", "value"), [(True, 0.9), (False, 0.1)])
def test_the_best_run_has_the_best_finite_value(
    sample: Sample, higher_is_better: bool, value: float
) -> None:
    best = best_outcome(sample, higher_is_better=higher_is_better)
    assert best is not None
    assert best.value == value


def test_without_a_finite_value_there_is_no_best_run(
    found_run: Callable[..., FoundRun],
) -> None:
    runs = [found_run("a", 0, math.inf), found_run("a", 1)]
    assert best_outcome(measured("a", runs, "test_acc"), higher_is_better=True) is None


def test_what_is_not_the_same_in_all_runs_is_no_common_parameter(sample: Sample) -> None:
    assert common_parameters(sample) == {"lr": 0.1, "layers": [8]}
