"""Calls that write and read artifacts."""

from __future__ import annotations

from sqlalchemy import Connection, select

from experiment_manager.db import reader, writer
from experiment_manager.db.keys import (
    Owner,
    batch_owner,
    epoch_owner,
    experiment_owner,
    results_owner,
    run_owner,
    trial_owner,
)
from experiment_manager.db.rows import ArtifactRow
from experiment_manager.db.schema import ARTIFACT, metadata
from experiment_manager.db.session import Session

_OWNERS_IN_RUN = ("TRIAL_RUN", "RESULTS", "EPOCH", "BATCH")
_OWNERS = ("EXPERIMENT", "TRIAL", *_OWNERS_IN_RUN)


class ArtifactCalls(Session):
    """Artifacts."""

    def record_artifact(self, artifact_type: str, location: str) -> ArtifactRow:
        """A new artifact that belongs to nothing yet; link it with ``link_..._artifact``."""
        with self._writing(f"record_artifact({artifact_type!r}, {location!r})") as connection:
            id_ = writer.insert_artifact(connection, artifact_type, str(location))
        return ArtifactRow(id_, artifact_type, str(location))

    def link_experiment_artifact(self, experiment_id: int, artifact_id: int) -> None:
        """Link an artifact to an experiment; a second time changes nothing."""
        self._link(experiment_owner(experiment_id), "ARTIFACT", artifact_id)

    def link_trial_artifact(self, trial_id: int, artifact_id: int) -> None:
        """Link an artifact to a trial; a second time changes nothing."""
        self._link(trial_owner(trial_id), "ARTIFACT", artifact_id)

    def link_trial_run_artifact(self, trial_run_id: int, artifact_id: int) -> None:
        """Link an artifact to a run; a second time changes nothing."""
        self._link(run_owner(trial_run_id), "ARTIFACT", artifact_id)

    def link_results_artifact(self, trial_run_id: int, artifact_id: int) -> None:
        """Link an artifact to a run's results; a second time changes nothing."""
        self._link(results_owner(trial_run_id), "ARTIFACT", artifact_id)

    def link_epoch_artifact(self, epoch_idx: int, trial_run_id: int, artifact_id: int) -> None:
        """Link an artifact to an epoch, which must exist; a second time changes nothing."""
        self._link(epoch_owner(trial_run_id, epoch_idx), "ARTIFACT", artifact_id)

    def link_batch_artifact(
        self, batch_idx: int, epoch_idx: int, trial_run_id: int, artifact_id: int
    ) -> None:
        """Link an artifact to a batch, which must exist; a second time changes nothing."""
        self._link(batch_owner(trial_run_id, epoch_idx, batch_idx), "ARTIFACT", artifact_id)

    def get_experiment_artifacts(self, experiment_id: int) -> list[ArtifactRow]:
        """The artifacts of the experiment as a whole."""
        return self._artifacts(experiment_owner(experiment_id))

    def get_trial_artifacts(self, trial_id: int) -> list[ArtifactRow]:
        """The artifacts of the trial as a whole."""
        return self._artifacts(trial_owner(trial_id))

    def get_trial_run_artifacts(self, trial_run_id: int) -> list[ArtifactRow]:
        """The artifacts of the run as a whole."""
        return self._artifacts(run_owner(trial_run_id))

    def get_results_artifacts(self, trial_run_id: int) -> list[ArtifactRow]:
        """The artifacts of the run's results."""
        return self._artifacts(results_owner(trial_run_id))

    def get_epoch_artifacts(self, epoch_idx: int, trial_run_id: int) -> list[ArtifactRow]:
        """The artifacts of one epoch."""
        return self._artifacts(epoch_owner(trial_run_id, epoch_idx))

    def get_batch_artifacts(
        self, batch_idx: int, epoch_idx: int, trial_run_id: int
    ) -> list[ArtifactRow]:
        """The artifacts of one batch."""
        return self._artifacts(batch_owner(trial_run_id, epoch_idx, batch_idx))

    def list_run_artifacts(self, trial_run_id: int) -> list[tuple[Owner, ArtifactRow]]:
        """The artifacts of the run, its results, epochs and batches, each with what it is of."""
        with self._reading(f"list_run_artifacts({trial_run_id})") as connection:
            return [
                owned
                for table in _OWNERS_IN_RUN
                for owned in _owned_by(connection, table, trial_run_id)
            ]

    def list_owned_artifacts(self) -> list[tuple[Owner, ArtifactRow]]:
        """Every artifact with what it belongs to, and again with each other one it belongs to."""
        with self._reading("list_owned_artifacts()") as connection:
            return [owned for table in _OWNERS for owned in _owned_by(connection, table)]

    def _artifacts(self, owner: Owner) -> list[ArtifactRow]:
        with self._reading(f"artifacts of {owner}") as connection:
            return reader.artifacts_of(connection, owner)


def _owned_by(
    connection: Connection, table: str, run_id: int | None = None
) -> list[tuple[Owner, ArtifactRow]]:
    """The artifacts of all owners that are rows of one table, or of those within a run."""
    junction = metadata.tables[f"{table}_ARTIFACT"]
    *keys, artifact_id = junction.columns
    columns = (*keys, ARTIFACT.c.id, ARTIFACT.c.type, ARTIFACT.c.location)
    query = (
        select(*columns).join(ARTIFACT, ARTIFACT.c.id == artifact_id).order_by(*junction.columns)
    )
    if run_id is not None:
        query = query.where(junction.c.trial_run_id == run_id)
    rows = map(tuple, connection.execute(query))
    return [(Owner(table, row[:-3]), ArtifactRow(*row[-3:])) for row in rows]
