"""Journals whose processes died, or could not reach the database while they lived."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from experiment_manager.common.errors import (
    ConnectionError,  # noqa: A004 - the contract's name
    DatabaseError,
    RunTakenError,
    describe,
)
from experiment_manager.db.delivery import Delivery
from experiment_manager.db.journal import Journal
from experiment_manager.db.journal_calls import JournalCalls
from experiment_manager.db.rows import JournalRow


@dataclass(frozen=True)
class Leftover:
    """What became of a journal.

    Attributes:
        journal: Its row.
        outcome: ``delivered``, ``in use`` by a process that lives, ``elsewhere`` where its file
            is not on this machine, ``waiting`` where the database could not be reached,
            ``refused`` where it did not take a record, ``torn`` where the file cannot be read
            to its end.
        records: How many records were delivered.
    """

    journal: JournalRow
    outcome: str
    records: int = 0


def deliver_leftovers(db: JournalCalls) -> list[Leftover]:
    """Bring in what is left in the journals of this database that nobody holds any more."""
    return list(_deliver_each(db))


def _deliver_each(db: JournalCalls) -> Iterator[Leftover]:
    for row in db.list_left_journals():
        try:
            journal = Journal.reopen(db.journal_path(row))
        except BlockingIOError:
            yield Leftover(row, "in use")
        except OSError:
            if not _is_deleted(db, row):
                yield Leftover(row, "elsewhere")
        else:
            yield _deliver(db, row.id, journal) or Leftover(row, "delivered")


def _is_deleted(db: JournalCalls, row: JournalRow) -> bool:
    """Forget a journal whose process was killed between deleting the file and the row."""
    path = db.journal_path(row)
    is_deleted = row.host == socket.gethostname() and path.parent.is_dir() and not path.exists()
    if is_deleted:
        db.forget_journal(row.id)
    return is_deleted


def _deliver(db: JournalCalls, journal_id: int, journal: Journal) -> Leftover | None:
    """None where another process was faster and left nothing to do."""
    row = db.find_journal(journal_id)  # again: it may have changed before we held the file
    if row is None:
        journal.remove()
        return None
    delivery = Delivery(db, journal, row.id, row.applied)
    outcome, records = "delivered", 0
    try:
        records = delivery.deliver()
    except RunTakenError:  # its run was begun again in this moment
        delivery.end()
        return None
    except ConnectionError:
        outcome = "waiting"
    except DatabaseError as error:
        outcome = "refused"
        _report(f"the database refuses what it holds: {describe(error)}", journal)
    else:
        journal.drop_unfinished()
    if not delivery.end() and outcome == "delivered":
        outcome = "torn"
        _report("it cannot be read to its end", journal)
    if outcome in {"refused", "torn"}:
        journal.path.rename(journal.path.with_suffix(f".{outcome}"))
        db.forget_journal(row.id)
    return Leftover(row, outcome, records)


def _report(what: str, journal: Journal) -> None:
    logging.getLogger(__name__).warning("The journal %s is put aside: %s", journal.path, what)
