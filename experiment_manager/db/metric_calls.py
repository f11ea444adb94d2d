"""Calls that write and read epochs, batches and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db import reader, schema, writer
from experiment_manager.db.keys import batch_key, batch_row, epoch_key, epoch_row, run_key
from experiment_manager.db.rows import EpochRow, MetricRow
from experiment_manager.db.session import Session


class MetricCalls(Session):
    """Epochs, batches and metrics."""

    def create_epoch(self, epoch_idx: int, trial_run_id: int) -> EpochRow:
        """The run's epoch of this index, made where there is none."""
        with self._writing(f"create_epoch({epoch_idx}, {trial_run_id})") as connection:
            writer.ensure_row(connection, schema.EPOCH, epoch_row(trial_run_id, epoch_idx))
            epochs = reader.list_epochs(connection, trial_run_id)
        return next(epoch for epoch in epochs if epoch.idx == epoch_idx)

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
            (id_,) = writer.insert_metrics(connection, [point])
        return MetricRow(id_, metric_type, total_val, per_label_val, None)

    def add_experiment_metric(self, experiment_id: int, metric_id: int) -> None:
        """Link a metric to an experiment; a second time changes nothing."""
        self._link(schema.EXPERIMENT_METRIC, {"experiment_id": experiment_id}, metric_id)

    def add_trial_metric(self, trial_id: int, metric_id: int) -> None:
        """Link a metric to a trial; a second time changes nothing."""
        self._link(schema.TRIAL_METRIC, {"trial_id": trial_id}, metric_id)

    def add_results_metric(self, trial_run_id: int, metric_id: int) -> None:
        """Link a metric to a run's results; a second time changes nothing."""
        self._link(schema.RESULTS_METRIC, run_key(trial_run_id), metric_id, parent=schema.RESULTS)

    def add_epoch_metric(self, epoch_idx: int, trial_run_id: int, metric_id: int) -> None:
        """Link a metric to an epoch, which must exist; a second time changes nothing."""
        self._link(schema.EPOCH_METRIC, epoch_key(trial_run_id, epoch_idx), metric_id)

    def record_experiment_metrics(self, experiment_id: int, points: Sequence[MetricPoint]) -> None:
        """Metrics of the experiment as a whole, in one transaction."""
        owner = {"experiment_id": experiment_id}
        with self._writing(f"record_experiment_metrics({experiment_id})") as connection:
            _record(connection, schema.EXPERIMENT_METRIC, owner, points)

    def record_trial_metrics(self, trial_id: int, points: Sequence[MetricPoint]) -> None:
        """Metrics of the trial as a whole, in one transaction."""
        with self._writing(f"record_trial_metrics({trial_id})") as connection:
            _record(connection, schema.TRIAL_METRIC, {"trial_id": trial_id}, points)

    def record_results(self, trial_run_id: int, points: Sequence[MetricPoint]) -> None:
        """Final results of a run, in one transaction."""
        owner = run_key(trial_run_id)
        with self._writing(f"record_results({trial_run_id})") as connection:
            writer.ensure_row(connection, schema.RESULTS, owner)
            _record(connection, schema.RESULTS_METRIC, owner, points)

    def record_epoch(
        self, trial_run_id: int, epoch_idx: int, points: Sequence[MetricPoint]
    ) -> None:
        """An epoch with its metrics, in one transaction."""
        with self._writing(f"record_epoch({trial_run_id}, {epoch_idx})") as connection:
            writer.ensure_row(connection, schema.EPOCH, epoch_row(trial_run_id, epoch_idx))
            owner = epoch_key(trial_run_id, epoch_idx)
            _record(connection, schema.EPOCH_METRIC, owner, points)

    def record_batch(
        self, trial_run_id: int, epoch_idx: int, batch_idx: int, points: Sequence[MetricPoint]
    ) -> None:
        """A batch with its metrics, and its epoch where it is missing, in one transaction."""
        doing = f"record_batch({trial_run_id}, {epoch_idx}, {batch_idx})"
        with self._writing(doing) as connection:
            writer.ensure_row(connection, schema.EPOCH, epoch_row(trial_run_id, epoch_idx))
            writer.ensure_row(
                connection, schema.BATCH, batch_row(trial_run_id, epoch_idx, batch_idx)
            )
            owner = batch_key(trial_run_id, epoch_idx, batch_idx)
            _record(connection, schema.BATCH_METRIC, owner, points)

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
        return self._metrics(schema.RESULTS_METRIC, run_key(trial_run_id))

    def get_epoch_metrics(self, epoch_idx: int, trial_run_id: int) -> list[MetricRow]:
        """The metrics of one epoch."""
        return self._metrics(schema.EPOCH_METRIC, epoch_key(trial_run_id, epoch_idx))

    def get_batch_metrics(
        self, batch_idx: int, epoch_idx: int, trial_run_id: int
    ) -> list[MetricRow]:
        """The metrics of one batch."""
        owner = batch_key(trial_run_id, epoch_idx, batch_idx)
        return self._metrics(schema.BATCH_METRIC, owner)

    def get_epoch_history(self, trial_run_id: int) -> list[tuple[int, MetricRow]]:
        """Each metric of the run's epochs with the epoch's index, in order."""
        with self._reading(f"get_epoch_history({trial_run_id})") as connection:
            return reader.epoch_history(connection, trial_run_id)

    def get_final_metrics(self, experiment_id: int) -> list[tuple[int, MetricRow]]:
        """Each final result of the experiment's runs with the run's id."""
        with self._reading(f"get_final_metrics({experiment_id})") as connection:
            return reader.final_metrics(connection, experiment_id)

    def _metrics(self, junction: Table, owner: Mapping[str, Any]) -> list[MetricRow]:
        with self._reading(f"{junction.name} of {dict(owner)}") as connection:
            return reader.metrics_of(connection, junction, owner)


def _record(
    connection: Connection,
    junction: Table,
    owner: Mapping[str, Any],
    points: Sequence[MetricPoint],
) -> None:
    writer.link(connection, junction, owner, writer.insert_metrics(connection, points))
