"""What a report reads from a database, beside the runs themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiment_manager.common.common import Metric
from experiment_manager.common.confusion import ConfusionMatrix
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.plots.confusion import load_confusions
from experiment_manager.results.plots.curve import Steps, load_steps
from experiment_manager.results.selection import FoundRun

MOST_CURVES = 4
CURVES_FIRST = ("val_acc", "val_loss", "train_acc", "train_loss")


@dataclass(frozen=True)
class Recorded:
    """What runs recorded on their way, by the name of the run.

    Attributes:
        curves: For each metric with values of epochs, those of each run.
        confusions: The last confusion matrix.
        provenance: Facts of what the run was made of.
        descriptions: Of the experiments, by title; without those that are empty.
    """

    curves: Mapping[str, Mapping[str, Steps]] = field(default_factory=dict)
    confusions: Mapping[str, ConfusionMatrix] = field(default_factory=dict)
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)

    def joined(self, other: Recorded) -> Recorded:
        """This, and what runs of another database recorded."""
        metrics = dict.fromkeys([*self.curves, *other.curves])
        return Recorded(
            {
                name: {**self.curves.get(name, {}), **other.curves.get(name, {})}
                for name in metrics
            },
            {**self.confusions, **other.confusions},
            {**self.provenance, **other.provenance},
            {**self.descriptions, **other.descriptions},
        )


def load_recorded(db: DatabaseManager, runs: Sequence[FoundRun], metric: str | None) -> Recorded:
    """What the runs recorded on their way.

    Args:
        db: The database that the runs are in.
        runs: Whatever their status.
        metric: The one that the report is about, whose curve comes first; None for none.
    """
    return Recorded(
        _curves(db, runs, metric),
        load_confusions(db, runs),
        {run.name: db.get_provenance(run.run.id) for run in runs},
        _descriptions(db, runs),
    )


def _curves(
    db: DatabaseManager, runs: Sequence[FoundRun], metric: str | None
) -> dict[str, dict[str, Steps]]:
    """The first metrics that have values of epochs."""
    names = dict.fromkeys(name for run in runs for name in sorted(run.metrics))
    wanted = [name for name in (metric, *CURVES_FIRST, *names) if name in names]
    found: dict[str, dict[str, Steps]] = {}
    for name in dict.fromkeys(wanted):
        if len(found) < MOST_CURVES and name != Metric.CONFUSION.value:
            steps = load_steps(db, runs, name)
            found |= {name: steps} if any(map(len, steps.values())) else {}
    return found


def _descriptions(db: DatabaseManager, runs: Sequence[FoundRun]) -> dict[str, str]:
    titles = {run.trial.experiment_id: run.experiment for run in runs}
    rows = {title: db.get_experiment(id_) for id_, title in titles.items()}
    return {title: row.description for title, row in rows.items() if row and row.description}
