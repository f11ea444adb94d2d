"""Calls by which processes say what they execute, and that they live."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import ExperimentHeldError, RunTakenError
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db import liveness, reader, writer
from experiment_manager.db.rows import LEASE_S, LeaseRow, TrialRunRow
from experiment_manager.db.schema import JOURNAL, LEASE, TRIAL, TRIAL_RUN
from experiment_manager.db.server import take_turn
from experiment_manager.db.session import Session


class LeaseCalls(Session):
    """Leases: of the processes that execute an experiment, and of the one that executes a run."""

    def take_experiment(
        self, experiment_id: int, process: ProcessIdentity, *, join: bool = False
    ) -> LeaseRow:
        """A new lease of an experiment; those that the dead have left are deleted.

        Args:
            experiment_id: The experiment.
            process: Who takes it.
            join: True where others that live may have it too.

        Raises:
            ExperimentHeldError: Another process that lives has it.
        """
        with self._writing(f"take_experiment({experiment_id})") as connection:
            take_turn(connection)
            for lease in liveness.list_leases(connection, LEASE.c.experiment_id == experiment_id):
                if lease.is_lost or _is_forgotten(lease, process):
                    liveness.end_leases(connection, LEASE.c.id == lease.id)
                elif not join or lease.process == process:
                    since = lease.start_time.astimezone().strftime("%Y-%m-%d %H:%M")
                    raise ExperimentHeldError(f"is being run by {lease.process} since {since}")
            id_ = liveness.insert_lease(connection, process, experiment_id=experiment_id)
            return liveness.list_leases(connection, LEASE.c.id == id_)[0]

    def claim_trial_run(
        self,
        trial_id: int,
        number: int,
        process: ProcessIdentity,
        config_hash: str | None = None,
        attempts: int | None = None,
    ) -> int:
        """The id of a run that this process, and no other one, may start now.

        A run that there is not is made, as pending. Until it ends it stands as ``lost`` where
        the process vanishes.

        Args:
            trial_id: Its trial.
            number: Its number within the trial, from 1.
            process: Who claims it.
            config_hash: Of the configuration that it is to be executed with.
            attempts: How many were made of it when it was planned; None where nobody knows.

        Raises:
            RunTakenError: Another process that lives has it, it has succeeded with the same
                configuration, or another attempt was made of it meanwhile.
        """
        with self._writing(f"claim_trial_run({trial_id}, {number})") as connection:
            take_turn(connection)
            # Before the run: whoever ends it deletes its lease in the same moment.
            leases = liveness.list_leases_of_run(connection, trial_id, number)
            run = reader.find_stored_run(connection, trial_id, number)
            if run is None:
                id_ = writer.insert_run(connection, trial_id, RunStatus.PENDING, number)
            else:
                _refuse_taken(run, leases, process, config_hash)
                _refuse_attempted(run, attempts)
                liveness.end_leases(connection, LEASE.c.trial_run_id == run.id)
                id_ = run.id
            liveness.insert_lease(connection, process, trial_run_id=id_)
            return id_

    def give_back(self, lease: LeaseRow) -> None:
        """End a lease of an experiment: its process executes nothing of it any more.

        A run whose end could not be recorded stands as ``lost`` from now on. Nothing happens
        where another process has taken the experiment over meanwhile.
        """
        with self._writing(f"give_back({lease.id})") as connection:
            liveness.abandon_runs(connection, lease)
            liveness.end_lease(connection, lease)

    def beat(self, process: ProcessIdentity) -> None:
        """Say of everything that a process executes that it lives."""
        with self._writing("beat()") as connection:
            liveness.beat(connection, process)

    def list_holders(self, experiment_id: int) -> list[LeaseRow]:
        """The leases of the processes that execute an experiment and live."""
        of_experiment = LEASE.c.experiment_id == experiment_id
        with self._reading(f"list_holders({experiment_id})") as connection:
            leases = liveness.list_leases(connection, of_experiment)
        return [lease for lease in leases if not lease.is_lost]

    def is_left_behind(self, experiment_id: int) -> bool:
        """True where processes that executed it have vanished, and none is at it now."""
        runs = select(TRIAL_RUN.c.id).join(TRIAL, TRIAL.c.id == TRIAL_RUN.c.trial_id)
        of_experiment = runs.where(TRIAL.c.experiment_id == experiment_id)
        journals = select(JOURNAL.c.id).where(JOURNAL.c.trial_run_id.in_(of_experiment))
        with self._reading(f"is_left_behind({experiment_id})") as connection:
            leases = liveness.list_leases(connection, LEASE.c.experiment_id == experiment_id)
            has_journal = connection.execute(journals.limit(1)).first() is not None
        is_held = any(not lease.is_lost for lease in leases)
        return not is_held and (has_journal or bool(leases))

    def find_lease(self, trial_run_id: int) -> LeaseRow | None:
        """The lease of a run that is being executed, or was when its process vanished."""
        with self._reading(f"find_lease({trial_run_id})") as connection:
            found = liveness.list_leases(connection, LEASE.c.trial_run_id == trial_run_id)
        return found[0] if found else None


def _is_forgotten(lease: LeaseRow, process: ProcessIdentity) -> bool:
    """Whether a lease is one that this process itself could not give back."""
    return lease.process == process and lease.age_s > LEASE_S


def _refuse_taken(
    run: TrialRunRow,
    leases: Sequence[LeaseRow],
    process: ProcessIdentity,
    config_hash: str | None,
) -> None:
    for lease in leases:
        if lease.process != process and not lease.is_lost:
            raise RunTakenError(f"run {run.number} is being executed by {lease.process}")
    if RunStatus(run.status).is_success and run.config_hash == config_hash:
        raise RunTakenError(f"run {run.number} was finished meanwhile by another process")


def _refuse_attempted(run: TrialRunRow, attempts: int | None) -> None:
    """A run that failed elsewhere is not executed once more by each who has joined."""
    made = 0 if run.status == RunStatus.PENDING.value else run.attempt
    if attempts is not None and made > attempts:
        raise RunTakenError(f"run {run.number} was executed meanwhile by another process")
