"""Deletes what nothing uses any more, within a transaction of its caller."""

from __future__ import annotations

from sqlalchemy import Connection, Table, delete, exists, select

from experiment_manager.db.liveness import list_leases
from experiment_manager.db.schema import (
    ARTIFACT,
    EXPERIMENT,
    LEASE,
    METRIC,
    SNAPSHOT,
    TRIAL,
    TRIAL_RUN,
    TRIAL_RUN_SNAPSHOT,
    metadata,
)


def delete_without_runs(connection: Connection, trial_id: int) -> None:
    """Delete a trial that has no run, and its experiment if it has no other trial.

    Neither goes while a process executes the experiment, which may be about to make runs.
    """
    same = TRIAL.c.id == trial_id
    experiment_id = connection.execute(select(TRIAL.c.experiment_id).where(same)).scalar_one()
    holders = list_leases(connection, LEASE.c.experiment_id == experiment_id)
    if all(lease.is_lost for lease in holders) and not _has(connection, TRIAL_RUN, trial_id):
        _delete_entity(connection, TRIAL, trial_id)
        if not _has(connection, TRIAL, experiment_id):
            _delete_entity(connection, EXPERIMENT, experiment_id)


def delete_snapshots(connection: Connection) -> None:
    """Delete the snapshots of no run."""
    used = exists().where(TRIAL_RUN_SNAPSHOT.c.hash == SNAPSHOT.c.hash)
    connection.execute(delete(SNAPSHOT).where(~used))


def _has(connection: Connection, children: Table, key: int) -> bool:
    (parent,) = children.foreign_keys
    found = select(children.c.id).where(parent.parent == key).limit(1)
    return connection.execute(found).first() is not None


def _delete_entity(connection: Connection, table: Table, key: int) -> None:
    """Delete an experiment or a trial, with the metrics and files that it alone has."""
    for members in (METRIC, ARTIFACT):
        own = metadata.tables[f"{table.name}_{members.name}"]
        owner, member = (column.name for column in own.columns)
        linked = select(own.c[member]).where(own.c[owner] == key)
        elsewhere = [
            exists().where(
                junction.c[member] == members.c.id,
                *([own.c[owner] != key] if junction is own else []),
            )
            for junction in metadata.sorted_tables
            if member in junction.c
        ]
        unlinked = [~link for link in elsewhere]
        connection.execute(delete(members).where(members.c.id.in_(linked), *unlinked))
    connection.execute(delete(table).where(table.c.id == key))
