"""Calls by which processes say what they execute, and that they live."""

from __future__ import annotations

from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db import liveness
from experiment_manager.db.rows import LeaseRow
from experiment_manager.db.schema import LEASE
from experiment_manager.db.session import Session


class LeaseCalls(Session):
    """Leases: of the processes that execute an experiment, and of the one that executes a run."""

    def take_experiment(self, experiment_id: int, process: ProcessIdentity) -> int:
        """The id of a new lease of an experiment; it may have several, one for each process.

        Those that the dead have left are deleted.
        """
        with self._writing(f"take_experiment({experiment_id})") as connection:
            of_experiment = LEASE.c.experiment_id == experiment_id
            for lease in liveness.list_leases(connection, of_experiment):
                if lease.is_lost:
                    liveness.end_leases(connection, LEASE.c.id == lease.id)
            return liveness.insert_lease(connection, process, experiment_id=experiment_id)

    def give_back(self, lease_id: int) -> None:
        """End a lease."""
        with self._writing(f"give_back({lease_id})") as connection:
            liveness.end_leases(connection, LEASE.c.id == lease_id)

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

    def find_lease(self, trial_run_id: int) -> LeaseRow | None:
        """The lease of a run that is being executed, or was when its process vanished."""
        with self._reading(f"find_lease({trial_run_id})") as connection:
            found = liveness.list_leases(connection, LEASE.c.trial_run_id == trial_run_id)
        return found[0] if found else None
