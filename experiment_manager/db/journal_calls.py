"""Calls that bring the records of journals into the database."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.engine import make_url

from experiment_manager.common.errors import RunTakenError
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db import reader, schema
from experiment_manager.db.bulk import bulk_writer
from experiment_manager.db.engine import database_file
from experiment_manager.db.journal import Record
from experiment_manager.db.keys import Owner
from experiment_manager.db.liveness import list_leases, runs_alive_elsewhere
from experiment_manager.db.records import OWNER, apply_records
from experiment_manager.db.rows import JournalRow
from experiment_manager.db.session import Session

_ALIVE = schema.JOURNAL.c.trial_run_id.in_(runs_alive_elsewhere(bindparam("machine")))
_MAY_BE_LEFT = schema.JOURNAL.c.trial_run_id.is_(None) | ~_ALIVE
_LEFT = reader.select_rows(JournalRow, schema.JOURNAL).where(_MAY_BE_LEFT)
_FORGOTTEN = schema.JOURNAL.delete().where(schema.JOURNAL.c.id == bindparam("journal"))


class JournalCalls(Session):
    """Journals: each has a row for as long as it may hold what the database does not have."""

    def register_journal(self, path: Path, trial_run_id: int | None) -> int:
        """The id of a new journal's row; from now on whoever opens the database finds it.

        Args:
            path: The journal's file.
            trial_run_id: The run that it is of, if it is of one.
        """
        with self._writing(f"register_journal({path})") as connection:
            values = {
                # SQLite gives the ids of deleted rows again; whoever remembers one means another.
                "id": secrets.randbits(62),
                "trial_run_id": trial_run_id,
                "location": self._journal_location(path),
                "host": socket.gethostname(),
                "applied": 0,
            }
            key = connection.execute(schema.JOURNAL.insert(), values).inserted_primary_key
        return int(key[0])  # type: ignore[index]

    def apply_journal(
        self, journal_id: int, records: Sequence[Record], owner: Owner | None, applied: int
    ) -> Owner | None:
        """Make rows of a journal's next records, in one transaction with the last one's number.

        Args:
            journal_id: The journal's row.
            records: As they follow each other.
            owner: Whose the first ones are; what the call before returned.
            applied: Number of the last record that was applied before.

        Returns:
            Whose the last record is.

        Raises:
            RunTakenError: The journal has no row any more, because its run was removed or begun
                again; nothing is written.
        """
        last = max(applied, records[-1][0])
        with self._writing(f"writing the records {applied + 1} to {last}") as connection:
            if not self.is_file:  # it may have yet to come to the commit of a killed process
                applied = max(applied, _committed(connection, journal_id))
                last = max(last, applied)
            if not bulk_writer(connection).set_applied(journal_id, last):
                raise RunTakenError(
                    f"the run was {_fate(connection, records, owner)}; what this process has "
                    "recorded of it since is discarded"
                )
            return apply_records(connection, records, owner, applied)

    def forget_journal(self, journal_id: int) -> None:
        """Delete the row of a journal that holds nothing any more."""
        with self._writing(f"forget_journal({journal_id})") as connection:
            connection.execute(_FORGOTTEN, {"journal": journal_id})

    def list_journals(self) -> list[JournalRow]:
        """The journals that may hold what the database does not have."""
        with self._reading("list_journals()") as connection:
            return reader.list_rows(connection, JournalRow, schema.JOURNAL)

    def list_left_journals(self) -> list[JournalRow]:
        """Those that may be left behind: not of a run that lives on another machine.

        Which of this machine's are in use the files themselves tell.
        """
        machine = {"machine": ProcessIdentity.current().machine}
        with self._reading("list_left_journals()") as connection:
            return [JournalRow(*row) for row in connection.execute(_LEFT, machine)]

    def find_journal(self, journal_id: int) -> JournalRow | None:
        """The journal's row, or None where it holds nothing any more."""
        table = schema.JOURNAL
        with self._reading(f"find_journal({journal_id})") as connection:
            found = reader.list_rows(connection, JournalRow, table, table.c.id == journal_id)
        return found[0] if found else None

    def journal_path(self, journal: JournalRow) -> Path:
        """Where a journal lies, if it is one of this machine."""
        return self._journal_root() / journal.location

    def _journal_location(self, path: Path) -> str:
        """Relative to an SQLite file that lies above it, so that both can be moved."""
        absolute, root = path.resolve(), self._journal_root()
        inside = absolute.is_relative_to(root)
        return absolute.relative_to(root).as_posix() if inside else str(absolute)

    def _journal_root(self) -> Path:
        file = database_file(make_url(self.url))
        return Path("/") if file is None else file.resolve().parent


def _fate(connection: Connection, records: Sequence[Record], owner: Owner | None) -> str:
    """Why nothing is recorded of a run any more."""
    owners = [Owner(record[2], record[3]) for record in records if record[1] == OWNER]
    run_id = next((one.run_id for one in (owner, *owners) if one is not None), None)
    leases = list_leases(connection, schema.LEASE.c.trial_run_id == run_id)
    if not leases:
        return "removed, or begun again by another process"
    return f"begun again by {leases[0].process}"


def _committed(connection: Connection, journal_id: int) -> int:
    """The number of the last record of a journal that is in the database; locks its row."""
    row = select(schema.JOURNAL.c.applied).where(schema.JOURNAL.c.id == journal_id)
    return int(connection.execute(row.with_for_update()).scalar() or 0)
