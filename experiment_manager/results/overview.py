"""The experiments of a database, counted and not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from experiment_manager.common.common import RunStatus
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ExperimentRow


@dataclass(frozen=True)
class ExperimentOverview:
    """How much of an experiment there is.

    Attributes:
        experiment: Its row.
        trials: Number of its trials.
        runs_by_status: Number of its runs by how they stand; those that first came first.
    """

    experiment: ExperimentRow
    trials: int
    runs_by_status: Mapping[RunStatus, int]

    @property
    def runs(self) -> int:
        """Number of its runs."""
        return sum(self.runs_by_status.values())


def list_overviews(db: DatabaseManager) -> list[ExperimentOverview]:
    """An overview of each experiment, in order of their creation.

    One whose runs were all set aside is left out.
    """
    trials, runs = db.count_trials(), db.count_runs_by_status()
    return [
        ExperimentOverview(
            experiment,
            trials.get(experiment.id, 0),
            {RunStatus(status): n for status, n in runs.get(experiment.id, {}).items()},
        )
        for experiment in db.list_experiments()
        if experiment.id in trials or not db.list_trials(experiment.id)
    ]
