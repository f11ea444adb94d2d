"""How rows refer to the entity that they belong to."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Table

from experiment_manager.db.schema import metadata


class Owner(NamedTuple):
    """An entity by its primary key.

    Attributes:
        table: Name of its table.
        key: Values of the table's primary key, in the order of its columns.
    """

    table: str
    key: tuple[int, ...]

    @property
    def run_id(self) -> int | None:
        """The run that it is or belongs to; None for an experiment or a trial."""
        return None if self.table in {"EXPERIMENT", "TRIAL"} else self.key[0]

    def row(self) -> dict[str, int]:
        """The primary key of its own row, by column."""
        columns = metadata.tables[self.table].primary_key.columns
        return {column.name: value for column, value in zip(columns, self.key, strict=True)}

    def linked_by(self, junction: Table) -> dict[str, int]:
        """How a junction (or a table of parameters) refers to it, by column."""
        return dict(zip([column.name for column in junction.columns], self.key, strict=False))

    def junction(self, member: str) -> Table:
        """The table that links it to rows of ``METRIC``, ``ARTIFACT`` or ``PARAMETER``."""
        return metadata.tables[f"{self.table}_{member}"]


def experiment_owner(experiment_id: int) -> Owner:
    """An experiment as a whole."""
    return Owner("EXPERIMENT", (experiment_id,))


def trial_owner(trial_id: int) -> Owner:
    """A trial as a whole."""
    return Owner("TRIAL", (trial_id,))


def run_owner(trial_run_id: int) -> Owner:
    """A run as a whole: of parameters and artifacts."""
    return Owner("TRIAL_RUN", (trial_run_id,))


def results_owner(trial_run_id: int) -> Owner:
    """A run's results: of its final metrics."""
    return Owner("RESULTS", (trial_run_id,))


def epoch_owner(trial_run_id: int, epoch_idx: int) -> Owner:
    """An epoch of a run."""
    return Owner("EPOCH", (trial_run_id, epoch_idx))


def batch_owner(trial_run_id: int, epoch_idx: int, batch_idx: int) -> Owner:
    """A batch of an epoch."""
    return Owner("BATCH", (trial_run_id, epoch_idx, batch_idx))
