"""Calls that write and read epochs, batches and metrics."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db import columns, reader, schema
from experiment_manager.db.bulk import bulk_writer
from experiment_manager.db.columns import MetricColumns
from experiment_manager.db.keys import (
    Owner,
    batch_owner,
    epoch_owner,
    experiment_owner,
    results_owner,
    trial_owner,
)
from experiment_manager.db.records import metric_values, record_points
from experiment_manager.db.rows import EpochRow, MetricRow
from experiment_manager.db.session import Session


class MetricCalls(Session):
    """Epochs, batches and metrics."""

    def create_epoch(self, epoch_idx: int, trial_run_id: int) -> EpochRow:
        """The run's epoch of this index, made where there is none."""
        self._record(
            f"create_epoch({epoch_idx}, {trial_run_id})", epoch_owner(trial_run_id, epoch_idx)
        )
        with self._reading(f"create_epoch({epoch_idx}, {trial_run_id})") as connection:
            (epoch,) = reader.list_epochs(connection, trial_run_id, epoch_idx)
        return epoch

    def create_batch(self, batch_idx: int, epoch_idx: int, trial_run_id: int) -> None:
        """Make the batch of this index, and its epoch, where they are missing."""
        self.record_batch(trial_run_id, epoch_idx, batch_idx, ())

    def list_epochs(self, trial_run_id: int) -> list[EpochRow]:
        """The run's epochs in order of their indices."""
        with self._reading(f"list_epochs({trial_run_id})") as connection:
            return reader.list_epochs(connection, trial_run_id)

    def record_metric(
        self,
        total_val: float | None,
        metric_type: str,
        per_label_val: Mapping[str, Any] | None = None,
    ) -> MetricRow:
        """A new metric that belongs to nothing yet; link it with ``add_..._metric``."""
        point = MetricPoint(metric_type, total_val, per_label_val)
        with self._writing(f"record_metric({total_val!r}, {metric_type!r})") as connection:
            (id_,) = bulk_writer(connection).insert_metrics([metric_values(point)])
        return MetricRow(id_, metric_type, total_val, per_label_val, None)

    def add_experiment_metric(self, experiment_id: int, metric_id: int) -> None:
        """Link a metric to an experiment; a second time changes nothing."""
        self._link(experiment_owner(experiment_id), "METRIC", metric_id)

    def add_trial_metric(self, trial_id: int, metric_id: int) -> None:
        """Link a metric to a trial; a second time changes nothing."""
        self._link(trial_owner(trial_id), "METRIC", metric_id)

    def add_results_metric(self, trial_run_id: int, metric_id: int) -> None:
        """Link a metric to a run's results; a second time changes nothing."""
        self._link(results_owner(trial_run_id), "METRIC", metric_id)

    def add_epoch_metric(self, epoch_idx: int, trial_run_id: int, metric_id: int) -> None:
        """Link a metric to an epoch, which must exist; a second time changes nothing."""
        self._link(epoch_owner(trial_run_id, epoch_idx), "METRIC", metric_id)

    def add_batch_metric(
        self, batch_idx: int, epoch_idx: int, trial_run_id: int, metric_id: int
    ) -> None:
        """Link a metric to a batch, which must exist; a second time changes nothing."""
        self._link(batch_owner(trial_run_id, epoch_idx, batch_idx), "METRIC", metric_id)

    def record_experiment_metrics(self, experiment_id: int, points: Sequence[MetricPoint]) -> None:
        """Metrics of the experiment as a whole, in one transaction."""
        doing = f"record_experiment_metrics({experiment_id})"
        self._record(doing, experiment_owner(experiment_id), points)

    def record_trial_metrics(self, trial_id: int, points: Sequence[MetricPoint]) -> None:
        """Metrics of the trial as a whole, in one transaction."""
        self._record(f"record_trial_metrics({trial_id})", trial_owner(trial_id), points)

    def record_results(self, trial_run_id: int, points: Sequence[MetricPoint]) -> None:
        """Final results of a run, in one transaction."""
        self._record(f"record_results({trial_run_id})", results_owner(trial_run_id), points)

    def record_epoch(
        self, trial_run_id: int, epoch_idx: int, points: Sequence[MetricPoint]
    ) -> None:
        """An epoch with its metrics, in one transaction."""
        owner = epoch_owner(trial_run_id, epoch_idx)
        self._record(f"record_epoch({trial_run_id}, {epoch_idx})", owner, points)

    def record_batch(
        self, trial_run_id: int, epoch_idx: int, batch_idx: int, points: Sequence[MetricPoint]
    ) -> None:
        """A batch with its metrics, and its epoch where it is missing, in one transaction."""
        doing = f"record_batch({trial_run_id}, {epoch_idx}, {batch_idx})"
        self._record(doing, batch_owner(trial_run_id, epoch_idx, batch_idx), points)

    def get_experiment_metrics(self, experiment_id: int) -> list[MetricRow]:
        """All metrics of the experiment, its trials and their runs."""
        with self._reading(f"get_experiment_metrics({experiment_id})") as connection:
            return reader.metrics_below_experiment(connection, experiment_id)

    def get_trial_metrics(self, trial_id: int) -> list[MetricRow]:
        """All metrics of the trial and its runs."""
        with self._reading(f"get_trial_metrics({trial_id})") as connection:
            return reader.metrics_below_trial(connection, trial_id)

    def get_trial_run_metrics(self, trial_run_id: int) -> list[MetricRow]:
        """All metrics of the run: results, epochs, batches."""
        with self._reading(f"get_trial_run_metrics({trial_run_id})") as connection:
            return reader.metrics_below_run(connection, trial_run_id)

    def get_results_metrics(self, trial_run_id: int) -> list[MetricRow]:
        """The run's final results."""
        return self._metrics(results_owner(trial_run_id))

    def get_epoch_metrics(self, epoch_idx: int, trial_run_id: int) -> list[MetricRow]:
        """The metrics of one epoch."""
        return self._metrics(epoch_owner(trial_run_id, epoch_idx))

    def get_batch_metrics(
        self, batch_idx: int, epoch_idx: int, trial_run_id: int
    ) -> list[MetricRow]:
        """The metrics of one batch."""
        return self._metrics(batch_owner(trial_run_id, epoch_idx, batch_idx))

    def get_epoch_history(self, trial_run_id: int) -> list[tuple[int, MetricRow]]:
        """Each metric of the run's epochs with the epoch's index, in order."""
        with self._reading(f"get_epoch_history({trial_run_id})") as connection:
            return reader.epoch_history(connection, trial_run_id)

    def get_batch_history(self, trial_run_id: int) -> list[tuple[int, int, MetricRow]]:
        """Each metric of the run's batches with the epoch's and the batch's index, in order."""
        with self._reading(f"get_batch_history({trial_run_id})") as connection:
            return reader.batch_history(connection, trial_run_id)

    def get_final_metrics(self, experiment_id: int) -> list[tuple[int, MetricRow]]:
        """Each final result of the experiment's runs with the run's id."""
        with self._reading(f"get_final_metrics({experiment_id})") as connection:
            return reader.final_metrics(connection, experiment_id)

    def get_epoch_columns(
        self,
        experiment_id: int,
        trial_run_ids: Collection[int] | None = None,
        types: Collection[str] | None = None,
    ) -> MetricColumns:
        """The numbers of all epochs of the experiment's runs, as columns.

        Args:
            experiment_id: The experiment.
            trial_run_ids: Only these of its runs.
            types: Only metrics of these names.
        """
        return self._columns(columns.epoch_columns, experiment_id, trial_run_ids, types)

    def get_final_columns(
        self,
        experiment_id: int,
        trial_run_ids: Collection[int] | None = None,
        types: Collection[str] | None = None,
    ) -> MetricColumns:
        """The final results of the experiment's runs that are numbers, as columns."""
        return self._columns(columns.final_columns, experiment_id, trial_run_ids, types)

    def get_latest_columns(
        self,
        experiment_id: int,
        trial_run_ids: Collection[int] | None = None,
        types: Collection[str] | None = None,
    ) -> MetricColumns:
        """What each of the experiment's runs recorded last under each name, as columns."""
        return self._columns(columns.latest_columns, experiment_id, trial_run_ids, types)

    def _columns(
        self,
        read: Callable[[Connection, Select[Any], Collection[str] | None], MetricColumns],
        experiment_id: int,
        trial_run_ids: Collection[int] | None,
        types: Collection[str] | None,
    ) -> MetricColumns:
        runs = columns.runs_of_experiment(experiment_id)
        if trial_run_ids is not None:
            runs = runs.where(schema.TRIAL_RUN.c.id.in_(trial_run_ids))
        with self._reading(f"get_{read.__name__}({experiment_id})") as connection:
            return read(connection, runs, types)

    def _metrics(self, owner: Owner) -> list[MetricRow]:
        with self._reading(f"metrics of {owner}") as connection:
            return reader.metrics_of(connection, owner)

    def _record(self, doing: str, owner: Owner, points: Sequence[MetricPoint] = ()) -> None:
        with self._writing(doing) as connection:
            record_points(connection, owner, points)
