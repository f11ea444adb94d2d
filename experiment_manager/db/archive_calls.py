"""Calls that set runs aside, bring them back, and delete them for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, func, select, union

from experiment_manager.common.errors import QueryError, RunTakenError
from experiment_manager.db import reader, writer
from experiment_manager.db.journal_calls import JournalCalls
from experiment_manager.db.liveness import list_leases
from experiment_manager.db.rows import ArchivedRunRow, TrialRunRow
from experiment_manager.db.schema import (
    ARCHIVED_RUN,
    ARTIFACT,
    IS_CURRENT,
    JOURNAL,
    LEASE,
    TRIAL_RUN,
)
from experiment_manager.db.server import take_turn
from experiment_manager.db.unused import delete_snapshots, delete_without_runs


class ArchiveCalls(JournalCalls):
    """Runs that were set aside.

    Such a run keeps its id and everything that it recorded, but leaves its number to another
    one, and is in no list but those that are asked for it.
    """

    @contextmanager
    def archiving(self) -> Iterator[None]:
        """A transaction during which nobody else sets runs aside, restores or deletes them.

        For whoever moves their files at the same time.
        """
        with self.transaction():
            with self._writing("archiving()") as connection:
                take_turn(connection)
            yield

    def archive_run(self, trial_run_id: int, reason: str, above: int = 0) -> ArchivedRunRow:
        """Set a run aside.

        Args:
            trial_run_id: The run.
            reason: ``changed``, ``restarted`` or ``removed``.
            above: Its version gets higher than this one, of which there are files already.

        Raises:
            RunTakenError: A process that lives executes it.
            QueryError: There is no such run, or it was set aside before.
        """
        with self._writing(f"archive_run({trial_run_id}, {reason!r})") as connection:
            take_turn(connection)
            run = _current_run(connection, trial_run_id)
            highest = _highest_version(connection, run.trial_id, run.number)
            values: dict[str, Any] = {
                "trial_run_id": trial_run_id,
                "number": run.number,
                "version": max(highest, above) + 1,
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
            same_trial = TRIAL_RUN.c.trial_id == _trial_id(connection, trial_run_id)
            taken = select(TRIAL_RUN.c.id).where(same_trial, TRIAL_RUN.c.number == archived.number)
            if connection.execute(taken).first() is not None:
                raise QueryError(f"there is a run {archived.number} of its trial already")
            connection.execute(delete(ARCHIVED_RUN).where(_of_run(ARCHIVED_RUN, trial_run_id)))
            _set_number(connection, trial_run_id, archived.number)
            return archived.number

    def delete_run(self, trial_run_id: int) -> None:
        """Delete a run that was set aside, with everything that it alone recorded, for good.

        Its trial goes with its last run, and the experiment with its last trial, unless a
        process executes the experiment.

        Raises:
            QueryError: It was not set aside.
        """
        with self._writing(f"delete_run({trial_run_id})") as connection:
            take_turn(connection)
            _archived_run(connection, trial_run_id)
            trial_id = _trial_id(connection, trial_run_id)
            writer.delete_run(connection, trial_run_id)
            delete_without_runs(connection, trial_id)

    def delete_unused_snapshots(self) -> None:
        """Delete the snapshots of no run.

        None goes while a process executes anything: it may be about to link one to its runs.
        """
        with self._writing("delete_unused_snapshots()") as connection:
            take_turn(connection)
            if all(lease.is_lost for lease in list_leases(connection)):
                delete_snapshots(connection)

    def list_archived_runs(self, trial_id: int) -> list[ArchivedRunRow]:
        """The runs of a trial that were set aside, by number and version."""
        of_trial = select(TRIAL_RUN.c.id).where(TRIAL_RUN.c.trial_id == trial_id, ~IS_CURRENT)
        with self._reading(f"list_archived_runs({trial_id})") as connection:
            rows = _archived_rows(connection, ARCHIVED_RUN.c.trial_run_id.in_(of_trial))
        return sorted(rows, key=lambda row: (row.number, row.version))

    def move_files(self, trial_run_id: int, workspace: Path, before: Path, after: Path) -> None:
        """Note that a folder with files of a run has another place now.

        Args:
            trial_run_id: The run.
            workspace: Where locations of artifacts begin; absolute, without symbolic links.
            before: Where the folder was, likewise.
            after: Where it is.
        """
        with self._writing(f"move_files({trial_run_id})") as connection:
            for table, root in ((ARTIFACT, workspace), (JOURNAL, self._journal_root())):
                moved = [
                    {"key": key, "moved_to": _moved(location, root, before, after)}
                    for key, location in _locations(connection, table, trial_run_id)
                    if (root / location).is_relative_to(before)
                ]
                if moved:
                    same = table.c.id == bindparam("key")
                    changed = table.update().where(same).values(location=bindparam("moved_to"))
                    connection.execute(changed, moved)


def _current_run(connection: Connection, run_id: int) -> TrialRunRow:
    found = reader.list_trial_runs(connection, TRIAL_RUN.c.id == run_id, IS_CURRENT)
    if not found:
        is_known = reader.list_trial_runs(connection, TRIAL_RUN.c.id == run_id)
        kind = RunTakenError if is_known else QueryError  # another process was faster
        raise kind(f"there is no run with the id {run_id} that was not set aside")
    for lease in list_leases(connection, LEASE.c.trial_run_id == run_id):
        if not lease.is_lost:
            raise RunTakenError(f"run {found[0].number} is being executed by {lease.process}")
    return found[0]


def _archived_run(connection: Connection, run_id: int) -> ArchivedRunRow:
    found = _archived_rows(connection, _of_run(ARCHIVED_RUN, run_id))
    if not found:
        raise QueryError(f"there is no run with the id {run_id} that was set aside")
    return found[0]


def _archived_rows(connection: Connection, condition: ColumnElement[bool]) -> list[ArchivedRunRow]:
    return reader.list_rows(
        connection, ArchivedRunRow, ARCHIVED_RUN, condition, order_by="version"
    )


def _trial_id(connection: Connection, run_id: int) -> int:
    same = TRIAL_RUN.c.id == run_id
    return int(connection.execute(select(TRIAL_RUN.c.trial_id).where(same)).scalar_one())


def _highest_version(connection: Connection, trial_id: int, number: int) -> int:
    highest = (
        select(func.max(ARCHIVED_RUN.c.version))
        .join(TRIAL_RUN, TRIAL_RUN.c.id == ARCHIVED_RUN.c.trial_run_id)
        .where(TRIAL_RUN.c.trial_id == trial_id, ARCHIVED_RUN.c.number == number)
    )
    return int(connection.execute(highest).scalar() or 0)


def _set_number(connection: Connection, run_id: int, number: int) -> None:
    changed = TRIAL_RUN.update().where(TRIAL_RUN.c.id == run_id)
    connection.execute(changed.values(number=number))


def _of_run(table: Table, run_id: int) -> ColumnElement[bool]:
    return table.c.trial_run_id == run_id


def _locations(connection: Connection, table: Table, run_id: int) -> list[tuple[int, str]]:
    """Ids and locations of a run's rows in ARTIFACT or JOURNAL."""
    of_run = [_of_run(JOURNAL, run_id)]
    if table is ARTIFACT:
        links = [select(j.c.artifact_id).where(_of_run(j, run_id)) for j in writer.RUN_ARTIFACTS]
        of_run = [ARTIFACT.c.id.in_(union(*links))]
    rows = connection.execute(select(table.c.id, table.c.location).where(*of_run))
    return [(row.id, row.location) for row in rows]


def _moved(location: str, root: Path, before: Path, after: Path) -> str:
    """Where a file is after its folder was moved; as it was, absolute or relative to the root."""
    moved = after / (root / location).relative_to(before)
    return str(moved) if Path(location).is_absolute() else moved.relative_to(root).as_posix()
