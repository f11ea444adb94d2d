"""Calls that write and read experiments, trials and runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Table

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import QueryError
from experiment_manager.db import reader, schema, writer
from experiment_manager.db.rows import AttemptRow, ExperimentRow, TrialRow, TrialRunRow
from experiment_manager.db.server import take_turn
from experiment_manager.db.session import Session

R = TypeVar("R")


class EntityCalls(Session):
    """Experiments, trials and runs."""

    def create_experiment(self, title: str, description: str = "") -> ExperimentRow:
        """The experiment of this title, made where there is none; a new description is kept."""
        with self._writing(f"create_experiment({title!r})") as connection:
            take_turn(connection)
            id_ = writer.insert_experiment(connection, title, description)
            return _one(connection, ExperimentRow, schema.EXPERIMENT, id_)

    def create_trial(self, experiment_id: int, name: str) -> TrialRow:
        """The experiment's trial of this name, made where there is none."""
        with self._writing(f"create_trial({experiment_id}, {name!r})") as connection:
            take_turn(connection)
            id_ = writer.insert_trial(connection, experiment_id, name)
            return _one(connection, TrialRow, schema.TRIAL, id_)

    def create_trials(self, experiment_id: int, names: Sequence[str]) -> dict[str, int]:
        """The ids of the experiment's trials of these names; those that are missing are made."""
        with self._writing(f"create_trials({experiment_id})") as connection:
            take_turn(connection)
            return writer.insert_trials(connection, experiment_id, names)

    def create_trial_run(
        self,
        trial_id: int,
        status: str | RunStatus = RunStatus.PENDING,
        number: int | None = None,
        seed: int | None = None,
        config_hash: str | None = None,
    ) -> TrialRunRow:
        """A new run of the trial; without a number it gets the next free one."""
        with self._writing(f"create_trial_run({trial_id}, number={number})") as connection:
            take_turn(connection)
            id_ = writer.insert_run(
                connection, trial_id, _status(status), number, seed=seed, config_hash=config_hash
            )
            return _one(connection, TrialRunRow, schema.TRIAL_RUN, id_)

    def start_trial_run(
        self,
        trial_id: int,
        number: int,
        seed: int | None = None,
        config_hash: str | None = None,
        kept_epoch: int | None = None,
        *,
        snapshots: Mapping[str, str] | None = None,
    ) -> TrialRunRow:
        """The run of this number, running: a new one, or the next attempt of the one there is.

        What a dead attempt recorded is deleted, so that the run's history reads as if it had
        never been interrupted. Where the next attempt goes on from a checkpoint, the epochs up
        to ``kept_epoch``, the last one in it, stay. It is made of the ``snapshots``, which are
        hashes by name (see ``store_snapshots()``).
        """
        identity = {"seed": seed, "config_hash": config_hash}
        with self._writing(f"start_trial_run({trial_id}, {number})") as connection:
            take_turn(connection)
            before = reader.find_stored_run(connection, trial_id, number)
            if before is None:
                id_ = writer.insert_run(
                    connection, trial_id, RunStatus.RUNNING, number, **identity
                )
                run = _one(connection, TrialRunRow, schema.TRIAL_RUN, id_)
            else:
                run = writer.restart_run(connection, before, kept_epoch, **identity)
            writer.link_snapshots(connection, run.id, snapshots or {})
            return run

    def update_trial_run_status(
        self,
        trial_run_id: int,
        status: str | RunStatus,
        error: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Set how a run stands; a status that ends it sets its end time.

        Args:
            trial_run_id: The run.
            status: A ``RunStatus`` or its value.
            error: Traceback of a failure.
            reason: Why it did not succeed, in a word; None for what the traceback tells.

        Raises:
            QueryError: There is no such run or no such status.
        """
        with self._writing(f"update_trial_run_status({trial_run_id}, {status!r})") as connection:
            writer.update_run_status(
                connection, trial_run_id, _status(status), error, time.time(), reason=reason
            )

    def update_trial_run_times(
        self, trial_run_id: int, start_time: datetime, end_time: datetime | None
    ) -> None:
        """Set when a run began and ended, where another program executed it.

        Raises:
            QueryError: There is no such run.
        """
        table = schema.TRIAL_RUN
        times = {"start_time": start_time, "end_time": end_time}
        with self._writing(f"update_trial_run_times({trial_run_id})") as connection:
            changed = table.update().where(table.c.id == trial_run_id).values(times)
            if connection.execute(changed).rowcount == 0:
                raise QueryError(f"there is no trial run with the id {trial_run_id}")

    def list_attempts(self, trial_run_id: int) -> list[AttemptRow]:
        """The attempts of a run before its last one, in their order."""
        table = schema.TRIAL_RUN_ATTEMPT
        of_run = table.c.trial_run_id == trial_run_id
        with self._reading(f"list_attempts({trial_run_id})") as connection:
            return reader.list_rows(connection, AttemptRow, table, of_run, order_by="attempt")

    def set_workspace(self, experiment_id: int, workspace: str) -> None:
        """Note in which folder the experiment's folder is."""
        table = schema.EXPERIMENT
        with self._writing(f"set_workspace({experiment_id})") as connection:
            changed = table.update().where(table.c.id == experiment_id)
            if connection.execute(changed.values(workspace=workspace)).rowcount == 0:
                raise QueryError(f"there is no experiment with the id {experiment_id}")

    def get_experiment(self, experiment_id: int) -> ExperimentRow | None:
        """The experiment, or None."""
        return self._find(ExperimentRow, schema.EXPERIMENT, experiment_id)

    def find_experiment(self, title: str) -> ExperimentRow | None:
        """The experiment of this title, or None."""
        table = schema.EXPERIMENT
        with self._reading(f"find_experiment({title!r})") as connection:
            found = reader.list_rows(connection, ExperimentRow, table, table.c.title == title)
        return found[0] if found else None

    def find_trial(self, experiment_title: str, name: str) -> TrialRow | None:
        """The trial of this name in the experiment of this title, or None."""
        with self._reading(f"find_trial({experiment_title!r}, {name!r})") as connection:
            return reader.find_trial(connection, experiment_title, name)

    def get_trial(self, trial_id: int) -> TrialRow | None:
        """The trial, or None."""
        return self._find(TrialRow, schema.TRIAL, trial_id)

    def get_trial_run(self, trial_run_id: int) -> TrialRunRow | None:
        """The run, or None."""
        with self._reading(f"looking for TRIAL_RUN {trial_run_id}") as connection:
            same = schema.TRIAL_RUN.c.id == trial_run_id
            found = reader.list_trial_runs(connection, same)
        return found[0] if found else None

    def list_experiments(self) -> list[ExperimentRow]:
        """All experiments in order of their creation."""
        with self._reading("list_experiments()") as connection:
            return reader.list_rows(connection, ExperimentRow, schema.EXPERIMENT)

    def list_trials(self, experiment_id: int) -> list[TrialRow]:
        """The experiment's trials in order of their creation."""
        table = schema.TRIAL
        with self._reading(f"list_trials({experiment_id})") as connection:
            of_experiment = table.c.experiment_id == experiment_id
            return reader.list_rows(connection, TrialRow, table, of_experiment)

    def list_trial_runs(self, trial_id: int) -> list[TrialRunRow]:
        """The trial's runs in order of their numbers; those that were set aside are left out."""
        of_trial = schema.TRIAL_RUN.c.trial_id == trial_id
        with self._reading(f"list_trial_runs({trial_id})") as connection:
            return reader.list_trial_runs(connection, of_trial, schema.IS_CURRENT)

    def list_runs(self, experiment_id: int) -> list[tuple[TrialRow, TrialRunRow]]:
        """Every run of the experiment beside its trial, in order of trial and number."""
        with self._reading(f"list_runs({experiment_id})") as connection:
            return reader.list_runs(connection, experiment_id)

    def _find(self, row_type: type[R], table: Table, id_: int) -> R | None:
        with self._reading(f"looking for {table.name} {id_}") as connection:
            found = reader.list_rows(connection, row_type, table, table.c.id == id_)
        return found[0] if found else None


def _one(connection: Connection, row_type: type[R], table: Table, id_: int) -> R:
    (row,) = reader.list_rows(connection, row_type, table, table.c.id == id_)
    return row


def _status(status: str | RunStatus) -> RunStatus:
    try:
        return RunStatus(status)
    except ValueError as error:
        known = ", ".join(known.value for known in RunStatus)
        raise QueryError(f"{status!r} is no status of a run; known: {known}") from error
