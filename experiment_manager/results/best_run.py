"""The run of a sample that did best, and what all of its runs have in common."""

from __future__ import annotations

from typing import Any

from experiment_manager.results.samples import Outcome, Sample
from experiment_manager.results.statistics.estimate import has_converged


def best_outcome(sample: Sample, *, higher_is_better: bool) -> Outcome | None:
    """The run with the best finite value, the first of equal ones; None where none has one."""
    finite = [
        (one.value, one)
        for one in sample.outcomes
        if one.value is not None and has_converged(one.value)
    ]
    if not finite:
        return None
    choose = max if higher_is_better else min
    return choose(finite, key=lambda pair: pair[0])[1]


def common_parameters(sample: Sample) -> dict[str, Any]:
    """The parameters that all runs of a sample have, with one value."""
    first, *others = (one.run.params for one in sample.outcomes)
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in others)
    }
