"""Samples and comparisons as :mod:`experiment_manager.cli.as_json` describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiment_manager.cli.json_rows import summary_dict
from experiment_manager.cli.places import Database, database_text
from experiment_manager.results.sample_comparison import SampleComparison
from experiment_manager.results.samples import Outcome
from experiment_manager.results.statistics.comparison import Comparison
from experiment_manager.results.statistics.intervals import Interval


def heading_dict(comparison: SampleComparison, by: str) -> dict[str, Any]:
    """What is compared, and how."""
    return {
        "metric": comparison.metric,
        "mode": "max" if comparison.higher_is_better else "min",
        "by": by,
        "alpha": comparison.alpha,
    }


def sample_dicts(
    comparison: SampleComparison, databases: Mapping[str, Database]
) -> list[dict[str, Any]]:
    """The samples, the best first."""
    level = 1 - comparison.alpha
    return [
        {
            "name": sample.name,
            **summary_dict(summary),
            "interval": interval_dict(summary.interval(level), level),
            "obstacles": dict(sample.obstacles),
            "runs": [_outcome_dict(one, databases[one.run.name]) for one in sample.outcomes],
        }
        for sample in comparison.samples
        for summary in [comparison.summaries[sample.name]]
    ]


def interval_dict(interval: Interval, level: float) -> dict[str, Any]:
    """A confidence interval of a mean."""
    return {"kind": "t", "level": level, "low": interval.low, "high": interval.high}


def comparison_dict(comparison: Comparison) -> dict[str, Any]:
    """Two samples compared."""
    return {
        "first": comparison.first,
        "second": comparison.second,
        "verdict": comparison.verdict.value,
        "sentence": comparison.sentence(),
        "difference": comparison.difference,
        "interval": interval_dict(comparison.interval, 1 - comparison.alpha),
        "test": comparison.test,
        "pairs": comparison.n_pairs,
        "p": comparison.p,
        "holm_p": comparison.holm_p,
        "comparisons": comparison.n_comparisons,
        "hedges_g": comparison.hedges_g,
        "probability_of_improvement": comparison.probability_of_improvement,
        "margin": comparison.margin,
        "equivalence_p": None if comparison.margin is None else comparison.equivalence_p,
        "obstacle": comparison.obstacle or None,
        "more_repeats": comparison.more_repeats,
    }


def _outcome_dict(outcome: Outcome, database: Database) -> dict[str, Any]:
    return {
        "run": outcome.run.name,
        "seed": outcome.run.run.seed,
        "status": outcome.run.status.value,
        "value": outcome.value,
        "database": database_text(database),
    }
