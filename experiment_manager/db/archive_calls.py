"""Calls that set runs aside, bring them back, and delete them for good."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, delete, exists, func, select

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import QueryError
from experiment_manager.db import reader, writer
from experiment_manager.db.rows import ArchivedRunRow
from experiment_manager.db.schema import (
    ARCHIVED_RUN,
    ARTIFACT,
    EXPERIMENT,
    IS_CURRENT,
    JOURNAL,
    SNAPSHOT,
    TRIAL,
    TRIAL_RUN,
    TRIAL_RUN_SNAPSHOT,
)
from experiment_manager.db.server import take_turn
from experiment_manager.db.session import Session


class ArchiveCalls(Session):
    """Runs that were set aside.

    Such a run keeps its id and everything that it recorded, but leaves its number to another
    one, and is in no list but those that are asked for it.
    """

    def archive_run(self, trial_run_id: int, reason: str) -> ArchivedRunRow:
        """Set a run aside.

        Args:
            trial_run_id: The run.
            reason: ``changed``, ``restarted`` or ``removed``.

        Raises:
            QueryError: There is no such run, it was set aside before, or it is being executed.
        """
        with self._writing(f"archive_run({trial_run_id}, {reason!r})") as connection:
            take_turn(connection)
            run = _current_run(connection, trial_run_id)
            values: dict[str, Any] = {
                "trial_run_id": trial_run_id,
                "number": run.number,
                "version": _next_version(connection, run.trial_id, run.number),
                "reason": reason,
                "time": writer.now(),
            }
            connection.execute(ARCHIVED_RUN.insert().values(values))
            _set_number(connection, trial_run_id, -trial_run_id)
            return ArchivedRunRow(**values)

    def restore_run(self, trial_run_id: int) -> int:
        """Bring a run back that was set aside; gives the number that it has again.

        Raises:
            QueryError: It was not set aside, or another run has its number.
        """
        with self._writing(f"restore_run({trial_run_id})") as connection:
            take_turn(connection)
            archived = _archived_run(connection, trial_run_id)
            trial_id = select(TRIAL_RUN.c.trial_id).where(TRIAL_RUN.c.id == trial_run_id)
            same = TRIAL_RUN.c.trial_id == trial_id.scalar_subquery()
            taken = select(TRIAL_RUN.c.id).where(same, TRIAL_RUN.c.number == archived.number)
            if connection.execute(taken).first() is not None:
                raise QueryError(f"there is a run {archived.number} of this trial already")
            connection.execute(delete(ARCHIVED_RUN).where(_of_run(ARCHIVED_RUN, trial_run_id)))
            _set_number(connection, trial_run_id, archived.number)
            return archived.number

    def delete_run(self, trial_run_id: int) -> None:
        """Delete a run that was set aside, with everything that it alone recorded, for good.

        Raises:
            QueryError: It was not set aside.
        """
        with self._writing(f"delete_run({trial_run_id})") as connection:
            _archived_run(connection, trial_run_id)
            writer.delete_run(connection, trial_run_id)

    def delete_unused(self) -> None:
        """Delete trials and experiments without any run, and snapshots of no run."""
        with self._writing("delete_unused()") as connection:
            for table, used in (
                (TRIAL, exists().where(TRIAL_RUN.c.trial_id == TRIAL.c.id)),
                (EXPERIMENT, exists().where(TRIAL.c.experiment_id == EXPERIMENT.c.id)),
                (SNAPSHOT, exists().where(TRIAL_RUN_SNAPSHOT.c.hash == SNAPSHOT.c.hash)),
            ):
                connection.execute(delete(table).where(~used))

    def list_archived_runs(self, trial_id: int) -> list[ArchivedRunRow]:
        """The runs of a trial that were set aside, by number and version."""
        of_trial = select(TRIAL_RUN.c.id).where(TRIAL_RUN.c.trial_id == trial_id, ~IS_CURRENT)
        condition = ARCHIVED_RUN.c.trial_run_id.in_(of_trial)
        with self._reading(f"list_archived_runs({trial_id})") as connection:
            rows = reader.list_rows(
                connection, ArchivedRunRow, ARCHIVED_RUN, condition, order_by="version"
            )
        return sorted(rows, key=lambda row: (row.number, row.version))

    def move_files(self, trial_run_id: int, before: str, after: str) -> None:
        """Note that the files of a run in a folder are in another one now.

        Args:
            trial_run_id: The run.
            before: Where the folder was, as locations are stored: relative to the workspace.
            after: Where it is.
        """
        with self._writing(f"move_files({trial_run_id})") as connection:
            ids: set[int] = set()
            for junction in writer.RUN_ARTIFACTS:
                links = select(junction.c.artifact_id).where(_of_run(junction, trial_run_id))
                ids |= set(connection.execute(links).scalars())
            for table, keys in ((ARTIFACT, ids), (JOURNAL, _journals(connection, trial_run_id))):
                for key in keys:
                    _move(connection, table, key, before.rstrip("/"), after.rstrip("/"))


def _current_run(connection: Connection, run_id: int) -> Any:
    found = reader.list_trial_runs(connection, TRIAL_RUN.c.id == run_id)
    if not found or found[0].number < 1:
        raise QueryError(f"there is no run with the id {run_id} that was not set aside")
    if found[0].status == RunStatus.RUNNING.value:
        raise QueryError("it is being executed")
    return found[0]


def _archived_run(connection: Connection, run_id: int) -> ArchivedRunRow:
    condition = _of_run(ARCHIVED_RUN, run_id)
    found = reader.list_rows(
        connection, ArchivedRunRow, ARCHIVED_RUN, condition, order_by="version"
    )
    if not found:
        raise QueryError(f"there is no run with the id {run_id} that was set aside")
    return found[0]


def _next_version(connection: Connection, trial_id: int, number: int) -> int:
    highest = (
        select(func.max(ARCHIVED_RUN.c.version))
        .join(TRIAL_RUN, TRIAL_RUN.c.id == ARCHIVED_RUN.c.trial_run_id)
        .where(TRIAL_RUN.c.trial_id == trial_id, ARCHIVED_RUN.c.number == number)
    )
    return int(connection.execute(highest).scalar() or 0) + 1


def _set_number(connection: Connection, run_id: int, number: int) -> None:
    changed = TRIAL_RUN.update().where(TRIAL_RUN.c.id == run_id)
    connection.execute(changed.values(number=number))


def _of_run(table: Table, run_id: int) -> Any:
    return table.c.trial_run_id == run_id


def _journals(connection: Connection, run_id: int) -> list[int]:
    return list(connection.execute(select(JOURNAL.c.id).where(_of_run(JOURNAL, run_id))).scalars())


def _move(connection: Connection, table: Table, key: int, before: str, after: str) -> None:
    same = table.c.id == key
    location = connection.execute(select(table.c.location).where(same)).scalar_one()
    if location.startswith(f"{before}/"):
        moved = after + location[len(before) :]
        connection.execute(table.update().where(same).values(location=moved))
