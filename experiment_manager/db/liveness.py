"""Who executes what, and whose process has vanished."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, literal, select

from experiment_manager.common.common import RunStatus
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.expressions import SecondsBetween, ServerTime
from experiment_manager.db.rows import LEASE_S, LeaseRow
from experiment_manager.db.schema import LEASE, TRIAL, TRIAL_RUN

_PROCESS = tuple(
    LEASE.c[name] for name in ("user_name", "host", "machine", "pid", "process_start")
)
_LEASE = (LEASE.c.id, LEASE.c.experiment_id, LEASE.c.trial_run_id)
_AGE_S = SecondsBetween(LEASE.c.heartbeat, ServerTime()).label("age_s")
_LEASES = select(*_LEASE, *_PROCESS, LEASE.c.start_time, _AGE_S).order_by(LEASE.c.id)
_LEASES_OF_RUN = _LEASES.join(TRIAL_RUN, TRIAL_RUN.c.id == LEASE.c.trial_run_id).where(
    TRIAL_RUN.c.trial_id == bindparam("trial"), TRIAL_RUN.c.number == bindparam("run")
)
_NEW_LEASE = LEASE.insert().values(start_time=ServerTime(), heartbeat=ServerTime())
_LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)


def list_leases(connection: Connection, *conditions: ColumnElement[bool]) -> list[LeaseRow]:
    """The leases that meet all conditions."""
    return [_lease_row(tuple(row)) for row in connection.execute(_LEASES.where(*conditions))]


def list_leases_of_run(connection: Connection, trial_id: int, number: int) -> list[LeaseRow]:
    """The leases of a trial's run of this number."""
    of_run = {"trial": trial_id, "run": number}
    return [_lease_row(tuple(row)) for row in connection.execute(_LEASES_OF_RUN, of_run)]


def insert_lease(
    connection: Connection,
    process: ProcessIdentity,
    *,
    experiment_id: int | None = None,
    trial_run_id: int | None = None,
) -> int:
    """The id of a new lease."""
    values: dict[str, Any] = {column.name: getattr(process, column.name) for column in _PROCESS}
    values |= {"experiment_id": experiment_id, "trial_run_id": trial_run_id}
    key = connection.execute(_NEW_LEASE, values).inserted_primary_key
    return int(key[0])  # type: ignore[index]


def end_leases(connection: Connection, *conditions: ColumnElement[bool]) -> None:
    """Delete the leases that meet all conditions."""
    connection.execute(LEASE.delete().where(*conditions))


def end_lease(connection: Connection, lease: LeaseRow) -> None:
    """Delete a lease, unless it is another process's: SQLite gives ids that are free again."""
    end_leases(connection, LEASE.c.id == lease.id, *_same_process(lease.process))


def beat(connection: Connection, process: ProcessIdentity) -> None:
    """Say of everything that a process executes that it lives."""
    mine = _same_process(process)
    connection.execute(LEASE.update().where(*mine).values(heartbeat=ServerTime()))


def abandon_runs(connection: Connection, lease: LeaseRow) -> None:
    """Whoever holds an experiment executes none of its runs any more, although it may live."""
    of_experiment = select(TRIAL_RUN.c.id).join(TRIAL, TRIAL.c.id == TRIAL_RUN.c.trial_id)
    runs = of_experiment.where(TRIAL.c.experiment_id == lease.experiment_id)
    mine = [*_same_process(lease.process), LEASE.c.trial_run_id.in_(runs)]
    connection.execute(LEASE.update().where(*mine).values(machine="", heartbeat=_LONG_AGO))


def lost_runs(connection: Connection) -> list[int]:
    """The ids of the runs that are said to be running, but whose process has vanished."""
    running = LEASE.c.trial_run_id == TRIAL_RUN.c.id
    is_running = select(TRIAL_RUN.c.id).where(running, TRIAL_RUN.c.status == "running").exists()
    leases = list_leases(connection, LEASE.c.trial_run_id.is_not(None), is_running)
    return [int(lease.trial_run_id or 0) for lease in leases if lease.is_lost]


def runs_alive_elsewhere(machine: ColumnElement[str]) -> Select[Any]:
    """The ids of the runs that processes of other machines were heard to execute of late."""
    is_elsewhere = (LEASE.c.machine != machine, LEASE.c.trial_run_id.is_not(None))
    heard_of_s = SecondsBetween(LEASE.c.heartbeat, ServerTime())
    return select(LEASE.c.trial_run_id).where(*is_elsewhere, heard_of_s <= LEASE_S)


def shown_status(lost: Collection[int]) -> ColumnElement[str]:
    """A run's status as readers see it: LOST is never stored."""
    if not lost:
        return TRIAL_RUN.c.status
    is_lost = TRIAL_RUN.c.id.in_([literal(int(id_), literal_execute=True) for id_ in lost])
    return case((is_lost, RunStatus.LOST.value), else_=TRIAL_RUN.c.status).label("status")


def _same_process(process: ProcessIdentity) -> list[ColumnElement[bool]]:
    return [column == getattr(process, column.name) for column in _PROCESS]


def _lease_row(row: tuple[Any, ...]) -> LeaseRow:
    id_, experiment_id, trial_run_id, *process, start_time, age_s = row
    identity = ProcessIdentity(*process)
    return LeaseRow(id_, experiment_id, trial_run_id, identity, start_time, float(age_s))
