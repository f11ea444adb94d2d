"""From the journal into the database: what is delivered, when, and what happens if it fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from time import monotonic

from experiment_manager.common.errors import (
    ConnectionError,  # noqa: A004 - the contract's name
    DatabaseError,
    RunTakenError,
    describe,
)
from experiment_manager.db.journal import Journal, Record
from experiment_manager.db.journal_calls import JournalCalls
from experiment_manager.db.keys import Owner

INTERVAL_S = 0.1
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 30.0
FINISH_TIMEOUT_S = 30.0


class Delivery:
    """Applies a journal's records to the database, each once, whoever calls how often.

    Args:
        db: The database, open for writing.
        journal: Where the records are.
        journal_id: The journal's row.
        applied: Number of its last record that is in the database.
    """

    def __init__(
        self, db: JournalCalls, journal: Journal, journal_id: int, applied: int = 0
    ) -> None:
        self._db = db
        self._journal = journal
        self._journal_id = journal_id
        self._applied = applied
        self._is_uncertain = False
        self._is_unwanted = False
        self._owner: Owner | None = None
        self._one_at_a_time = threading.Lock()

    def deliver(self) -> int:
        """Bring everything that is unread into the database; the number of records.

        Raises:
            ConnectionError: The database cannot be reached; the rest waits in the journal.
            RunTakenError: The run was begun again elsewhere; nobody wants what the journal has.
            QueryError: The database refuses a record; it and the rest stay in the journal.
        """
        with self._one_at_a_time:
            before = self._applied
            while records := self._journal.unread():
                self._apply(records)
                self._journal.mark_read()
            self._journal.trim()
            return self._applied - before

    def end(self) -> bool:
        """Let go of the journal, and delete it if nothing is left that is wanted; True if so."""
        with self._one_at_a_time:
            may_go = self._is_unwanted or self._journal.trim(at_least=0)
            try:
                if may_go:
                    self._journal.path.unlink(missing_ok=True)
                    self._db.forget_journal(self._journal_id)
            except ConnectionError:
                pass  # whoever opens the database next finds no file, and forgets it
            finally:
                self._journal.close()
        return may_go

    def _apply(self, records: Sequence[Record]) -> None:
        try:
            self._owner = self._db.apply_journal(
                self._journal_id, records, self._owner, self._number_applied()
            )
        except RunTakenError:
            self._is_unwanted = True
            raise
        except BaseException:
            self._is_uncertain = True  # the server went, or Ctrl-C came, just after the commit
            raise
        self._applied = max(self._applied, records[-1][0])

    def _number_applied(self) -> int:
        if self._is_uncertain:
            row = self._db.find_journal(self._journal_id)
            self._applied = self._applied if row is None else row.applied
            self._is_uncertain = False
        return self._applied


class Courier:
    """Decides when a delivery happens, and reports when the database is away.

    A thread delivers what has waited for :data:`INTERVAL_S`. Into a file the training's own
    thread delivers more often, by :meth:`deliver_now`: the two would have to share the
    interpreter, which costs both of them more than the delivery does. Of a server, which may
    take long or never answer, the training hears nothing.

    Args:
        delivery: What is delivered.
        place: Where it waits, as a person is told.
        logger: Told when the database is away, and when it is back.
        in_background: True to leave everything to the thread.
    """

    def __init__(
        self, delivery: Delivery, place: str, logger: logging.Logger, *, in_background: bool
    ) -> None:
        self._delivery = delivery
        self._place = place
        self._logger = logger
        self._in_background = in_background
        self._retry_s = 0.0
        self._next_try_s = 0.0
        self._refusal: DatabaseError | None = None
        self._wanted = threading.Event()
        self._finishing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="delivery", daemon=True)
        self._thread.start()

    def deliver_soon(self) -> None:
        """Have what is in the journal delivered within a moment."""
        self._wanted.set()

    def deliver_now(self) -> None:
        """Have it delivered before this returns, where that takes microseconds.

        Raises:
            QueryError: The database refused it, now or before.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._in_background:
            self._wanted.set()
        elif self._retry_s == 0 or monotonic() >= self._next_try_s:
            self._try()

    def finish(self) -> bool:
        """Have the rest delivered, waiting for it, though not for ever.

        Returns:
            False where the thread hangs, so that the delivery is not to be touched.

        Raises:
            QueryError: The database refused it, now or before.
        """
        self._finishing.set()
        self._wanted.set()
        self._thread.join(FINISH_TIMEOUT_S)
        if self._refusal is not None:
            raise self._refusal
        if self._thread.is_alive():
            return False
        self._try()
        return True

    def _work(self) -> None:
        while self._refusal is None:
            self._wanted.wait()
            self._wanted.clear()
            while (wait_s := self._next_try_s - monotonic()) > 0 and not self._finishing.is_set():
                self._finishing.wait(wait_s)
            if self._finishing.is_set():
                return
            try:
                self._try()
            except DatabaseError as error:
                self._refusal = error

    def _try(self) -> None:
        try:
            delivered = self._delivery.deliver()
        except ConnectionError as error:
            if self._retry_s == 0:
                self._logger.warning(
                    "%s. The training goes on; what it records waits in %s",
                    describe(error),
                    self._place,
                )
            self._retry_s = min(max(FIRST_RETRY_S, 2 * self._retry_s), LONGEST_RETRY_S)
            self._wanted.set()
        else:
            if self._retry_s > 0:
                self._logger.warning("The database is back and took %d records", delivered)
            self._retry_s = 0.0
        self._next_try_s = monotonic() + (self._retry_s or INTERVAL_S)
