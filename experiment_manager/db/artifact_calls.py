"""Calls that write and read artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table

from experiment_manager.db import reader, schema, writer
from experiment_manager.db.keys import batch_key, epoch_key, run_key
from experiment_manager.db.rows import ArtifactRow
from experiment_manager.db.session import Session


class ArtifactCalls(Session):
    """Artifacts."""

    def record_artifact(self, artifact_type: str, location: str) -> ArtifactRow:
        """A new artifact that belongs to nothing yet; link it with ``link_..._artifact``."""
        with self._writing(f"record_artifact({artifact_type!r}, {location!r})") as connection:
            id_ = writer.insert_artifact(connection, artifact_type, str(location))
        return ArtifactRow(id_, artifact_type, str(location))

    def link_experiment_artifact(self, experiment_id: int, artifact_id: int) -> None:
        """Link an artifact to an experiment; a second time changes nothing."""
        self._link(schema.EXPERIMENT_ARTIFACT, {"experiment_id": experiment_id}, artifact_id)

    def link_trial_artifact(self, trial_id: int, artifact_id: int) -> None:
        """Link an artifact to a trial; a second time changes nothing."""
        self._link(schema.TRIAL_ARTIFACT, {"trial_id": trial_id}, artifact_id)

    def link_trial_run_artifact(self, trial_run_id: int, artifact_id: int) -> None:
        """Link an artifact to a run; a second time changes nothing."""
        self._link(schema.TRIAL_RUN_ARTIFACT, run_key(trial_run_id), artifact_id)

    def link_results_artifact(self, trial_run_id: int, artifact_id: int) -> None:
        """Link an artifact to a run's results; a second time changes nothing."""
        owner = run_key(trial_run_id)
        self._link(schema.RESULTS_ARTIFACT, owner, artifact_id, parent=schema.RESULTS)

    def link_epoch_artifact(self, epoch_idx: int, trial_run_id: int, artifact_id: int) -> None:
        """Link an artifact to an epoch, which must exist; a second time changes nothing."""
        self._link(schema.EPOCH_ARTIFACT, epoch_key(trial_run_id, epoch_idx), artifact_id)

    def link_batch_artifact(
        self, batch_idx: int, epoch_idx: int, trial_run_id: int, artifact_id: int
    ) -> None:
        """Link an artifact to a batch, which must exist; a second time changes nothing."""
        owner = batch_key(trial_run_id, epoch_idx, batch_idx)
        self._link(schema.BATCH_ARTIFACT, owner, artifact_id)

    def get_experiment_artifacts(self, experiment_id: int) -> list[ArtifactRow]:
        """The artifacts of the experiment as a whole."""
        return self._artifacts(schema.EXPERIMENT_ARTIFACT, {"experiment_id": experiment_id})

    def get_trial_artifacts(self, trial_id: int) -> list[ArtifactRow]:
        """The artifacts of the trial as a whole."""
        return self._artifacts(schema.TRIAL_ARTIFACT, {"trial_id": trial_id})

    def get_trial_run_artifacts(self, trial_run_id: int) -> list[ArtifactRow]:
        """The artifacts of the run as a whole."""
        return self._artifacts(schema.TRIAL_RUN_ARTIFACT, run_key(trial_run_id))

    def get_results_artifacts(self, trial_run_id: int) -> list[ArtifactRow]:
        """The artifacts of the run's results."""
        return self._artifacts(schema.RESULTS_ARTIFACT, run_key(trial_run_id))

    def get_epoch_artifacts(self, epoch_idx: int, trial_run_id: int) -> list[ArtifactRow]:
        """The artifacts of one epoch."""
        return self._artifacts(schema.EPOCH_ARTIFACT, epoch_key(trial_run_id, epoch_idx))

    def get_batch_artifacts(
        self, batch_idx: int, epoch_idx: int, trial_run_id: int
    ) -> list[ArtifactRow]:
        """The artifacts of one batch."""
        owner = batch_key(trial_run_id, epoch_idx, batch_idx)
        return self._artifacts(schema.BATCH_ARTIFACT, owner)

    def _artifacts(self, junction: Table, owner: Mapping[str, Any]) -> list[ArtifactRow]:
        with self._reading(f"{junction.name} of {dict(owner)}") as connection:
            return reader.artifacts_of(connection, junction, owner)
