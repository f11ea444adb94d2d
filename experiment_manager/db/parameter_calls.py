"""Calls that write and read parameters, and what a run was made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiment_manager.common.naming import first_of
from experiment_manager.db import reader, writer
from experiment_manager.db.keys import Owner, experiment_owner, run_owner, trial_owner
from experiment_manager.db.session import Session

NAMED = 5


class ParameterCalls(Session):
    """Parameters and provenance."""

    def record_experiment_parameters(
        self, experiment_id: int, parameters: Mapping[str, Any]
    ) -> None:
        """Set parameters of an experiment by name; those of other names stay."""
        self._set_parameters(experiment_owner(experiment_id), parameters)

    def record_trial_parameters(self, trial_id: int, parameters: Mapping[str, Any]) -> None:
        """Set parameters of a trial by name; those of other names stay."""
        self._set_parameters(trial_owner(trial_id), parameters)

    def record_trial_run_parameters(
        self, trial_run_id: int, parameters: Mapping[str, Any]
    ) -> None:
        """Set parameters of a run by name; those of other names stay."""
        self._set_parameters(run_owner(trial_run_id), parameters)

    def record_provenance(self, trial_run_id: int, facts: Mapping[str, Any]) -> None:
        """Set facts of what a run was made of by name; those of other names stay."""
        with self._writing(f"record_provenance({trial_run_id})") as connection:
            writer.set_provenance(connection, run_owner(trial_run_id), facts)

    def store_snapshots(self, facts: Mapping[str, Any]) -> dict[str, str]:
        """The hash of each fact by its name; each content is kept once.

        Made for large facts that many runs have alike: see :meth:`link_snapshots`.
        """
        with self._writing(f"store_snapshots({first_of([*facts], NAMED)})") as connection:
            return writer.store_snapshots(connection, facts)

    def link_snapshots(
        self,
        trial_run_id: int,
        hashes: Mapping[str, str],
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Like :meth:`record_provenance`, with facts of which each content is kept once.

        Args:
            trial_run_id: The run.
            hashes: What :meth:`store_snapshots` gave, by name.
            facts: Some that are not stored yet, by name.
        """
        with self._writing(f"link_snapshots({trial_run_id})") as connection:
            stored = writer.store_snapshots(connection, facts or {})
            writer.link_snapshots(connection, trial_run_id, {**hashes, **stored})

    def get_experiment_parameters(self, experiment_id: int) -> dict[str, Any]:
        """The experiment's parameters by name."""
        return self._named_values(experiment_owner(experiment_id), "PARAMETER")

    def get_trial_parameters(self, trial_id: int) -> dict[str, Any]:
        """The trial's parameters by name."""
        return self._named_values(trial_owner(trial_id), "PARAMETER")

    def get_trial_run_parameters(self, trial_run_id: int) -> dict[str, Any]:
        """The run's parameters by name."""
        return self._named_values(run_owner(trial_run_id), "PARAMETER")

    def get_provenance(self, trial_run_id: int) -> dict[str, Any]:
        """The facts of what the run was made of, by name."""
        own = self._named_values(run_owner(trial_run_id), "PROVENANCE")
        with self._reading(f"snapshots of {trial_run_id}") as connection:
            shared = reader.snapshots_of(connection, trial_run_id)
        return dict(sorted({**shared, **own}.items()))

    def _set_parameters(self, owner: Owner, parameters: Mapping[str, Any]) -> None:
        with self._writing(f"setting parameters of {owner}") as connection:
            writer.set_parameters(connection, owner, parameters)

    def _named_values(self, owner: Owner, kind: str) -> dict[str, Any]:
        with self._reading(f"{kind.lower()} of {owner}") as connection:
            return reader.named_values_of(connection, owner, kind)
