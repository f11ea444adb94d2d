"""Two runs, or two trials, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.selection import FoundRun
from experiment_manager.results.statistics.describe import describe


@dataclass(frozen=True)
class Side:
    """What is compared of a run, or of a trial.

    Attributes:
        run: The run; of a trial its first one.
        runs: How many runs the metrics are of.
        params: Parameters by name.
        metrics: The number recorded last under each name; of a trial, the mean over its runs
            that succeeded and have it.
        provenance: Facts of what the run was made of, by name.
    """

    run: FoundRun
    runs: int
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    provenance: Mapping[str, Any]


@dataclass(frozen=True)
class Differences:
    """How two dicts differ.

    Attributes:
        changed: Both values, of names that both have.
        only_left: Names that the left one alone has, with its values.
        only_right: Names that the right one alone has, with its values.
        equal: How many names have the same value.
    """

    changed: Mapping[str, tuple[Any, Any]]
    only_left: Mapping[str, Any]
    only_right: Mapping[str, Any]
    equal: int

    @classmethod
    def between(cls, left: Mapping[str, Any], right: Mapping[str, Any]) -> Differences:
        """The differences of two dicts, by name.

        Example:
            >>> Differences.between({"lr": 0.1, "seed": 1}, {"lr": 0.2, "seed": 1}).changed
            {'lr': (0.1, 0.2)}
        """
        both = sorted(left.keys() & right.keys())
        changed = {n: (left[n], right[n]) for n in both if not _is_same(left[n], right[n])}
        return cls(
            changed,
            {name: left[name] for name in sorted(left.keys() - right.keys())},
            {name: right[name] for name in sorted(right.keys() - left.keys())},
            len(both) - len(changed),
        )


def run_side(db: DatabaseManager, run: FoundRun) -> Side:
    """A run as one side of a comparison."""
    return Side(run, 1, run.params, run.metrics, db.get_provenance(run.run.id))


def trial_side(db: DatabaseManager, runs: Sequence[FoundRun]) -> Side:
    """A trial, which has these runs, at least one, as one side of a comparison."""
    succeeded = [run for run in runs if run.status.is_success]
    names = sorted({name for run in succeeded for name in run.metrics})
    means = {
        name: _mean([run.metrics[name] for run in succeeded if name in run.metrics])
        for name in names
    }
    first = runs[0]
    return Side(first, len(succeeded), first.params, means, db.get_provenance(first.run.id))


def _mean(values: Sequence[float]) -> float:
    """NaN where a run has diverged: a mean over the others would hide it."""
    summary = describe(values)
    return math.nan if summary.n_not_finite else summary.mean


def _is_same(left: Any, right: Any) -> bool:
    """True for equal values; NaN is one with itself, and true is no 1."""
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    is_nan = left != left and right != right  # noqa: PLR0124 - NaN alone differs from itself
    return is_nan or bool(left == right)
