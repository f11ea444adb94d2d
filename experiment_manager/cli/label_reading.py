"""What runs have by label at their end, for each metric."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import click

from experiment_manager.cli.places import Database, open_database
from experiment_manager.common.errors import did_you_mean
from experiment_manager.results.samples import Sample, partners_of
from experiment_manager.results.selection import FoundRun

PerLabel = Mapping[str, Any]
"""Numbers by label, or the labels and rows of a confusion matrix."""

Values = Mapping[str, Mapping[Hashable, PerLabel | None]]
"""Of one metric, by sample and by what makes runs partners; None for a run that has none."""


def read_label_metrics(
    samples: Sequence[Sample], databases: Mapping[str, Database], metric: str | None
) -> dict[str, Values]:
    """The metrics with labels, or confusion matrices, that runs have which succeeded.

    Args:
        samples: The runs.
        databases: The database of each run, by the run's name.
        metric: The only one that is wanted; None for all there are.

    Returns:
        By the metric's name.

    Raises:
        UsageError: There is no such metric.
    """
    found = {
        sample.name: {
            key: _per_label(one.run, databases[one.run.name])
            for key, one in zip(keys, sample.outcomes, strict=True)
        }
        for sample, keys in zip(samples, partners_of(samples), strict=True)
    }
    known = dict.fromkeys(name for runs in found.values() for run in runs.values() for name in run)
    return {
        name: {
            sample: {key: run.get(name) for key, run in runs.items()}
            for sample, runs in found.items()
        }
        for name in _chosen(list(known), metric)
    }


def _per_label(run: FoundRun, database: Database) -> dict[str, PerLabel]:
    """By metric: of its last epoch, and of its results."""
    if not run.status.is_success:
        return {}
    with open_database(database) as db:
        history = [metric for _, metric in db.get_epoch_history(run.run.id)]
        metrics = [*history, *db.get_results_metrics(run.run.id)]
    return {one.type: one.per_label_val for one in metrics if one.per_label_val is not None}


def _chosen(known: Sequence[str], metric: str | None) -> Sequence[str]:
    if not known:
        raise click.UsageError(
            "No run that succeeded has a metric by label, or a confusion matrix."
        )
    if metric is None:
        return known
    if metric not in known:
        raise click.UsageError(
            f"No run that succeeded has {metric!r} by label.{did_you_mean(metric, known)}"
        )
    return [metric]
