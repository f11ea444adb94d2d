"""Calls that write and read parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table

from experiment_manager.db import reader, schema, writer
from experiment_manager.db.keys import run_key
from experiment_manager.db.session import Session


class ParameterCalls(Session):
    """Parameters."""

    def record_experiment_parameters(
        self, experiment_id: int, parameters: Mapping[str, Any]
    ) -> None:
        """Set parameters of an experiment by name; those of other names stay."""
        owner = {"experiment_id": experiment_id}
        with self._writing(f"record_experiment_parameters({experiment_id})") as connection:
            writer.set_parameters(connection, schema.EXPERIMENT_PARAMETER, owner, parameters)

    def record_trial_parameters(self, trial_id: int, parameters: Mapping[str, Any]) -> None:
        """Set parameters of a trial by name; those of other names stay."""
        owner = {"trial_id": trial_id}
        with self._writing(f"record_trial_parameters({trial_id})") as connection:
            writer.set_parameters(connection, schema.TRIAL_PARAMETER, owner, parameters)

    def record_trial_run_parameters(
        self, trial_run_id: int, parameters: Mapping[str, Any]
    ) -> None:
        """Set parameters of a run by name; those of other names stay."""
        owner = run_key(trial_run_id)
        with self._writing(f"record_trial_run_parameters({trial_run_id})") as connection:
            writer.set_parameters(connection, schema.TRIAL_RUN_PARAMETER, owner, parameters)

    def get_experiment_parameters(self, experiment_id: int) -> dict[str, Any]:
        """The experiment's parameters by name."""
        return self._parameters(schema.EXPERIMENT_PARAMETER, {"experiment_id": experiment_id})

    def get_trial_parameters(self, trial_id: int) -> dict[str, Any]:
        """The trial's parameters by name."""
        return self._parameters(schema.TRIAL_PARAMETER, {"trial_id": trial_id})

    def get_trial_run_parameters(self, trial_run_id: int) -> dict[str, Any]:
        """The run's parameters by name."""
        return self._parameters(schema.TRIAL_RUN_PARAMETER, run_key(trial_run_id))

    def _parameters(self, table: Table, owner: Mapping[str, Any]) -> dict[str, Any]:
        with self._reading(f"{table.name} of {dict(owner)}") as connection:
            return reader.parameters_of(connection, table, owner)
