"""The way of what a training records: safe at once, in the database soon."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, time
from typing import Any

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import ConnectionError, QueryError  # noqa: A004
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.column_types import as_name, encode_json
from experiment_manager.db.delivery import INTERVAL_S, Courier, Delivery
from experiment_manager.db.journal import Journal
from experiment_manager.db.journal_calls import JournalCalls
from experiment_manager.db.keys import Owner
from experiment_manager.db.records import (
    ARTIFACT,
    PARAMETERS,
    STATUS,
    metric_values,
    owner_record,
)

FLUSH_RECORDS = 4000
_UNWRITABLE = (ValueError, TypeError, OverflowError)


class Recorder:
    """Writes into a journal, and from there into the database.

    A call that has returned survives the death of the process. The rows follow at once, or a
    tenth of a second later where that many metrics come that there is more than one call in it.
    While the database cannot be reached all wait in the journal, and nobody waits for them.

    It may be used from several threads, and in a process that was forked, which gets a journal
    of its own.

    Args:
        db: The database, open for writing.
        folder: Where the journal goes.
        logger: Told when the database is away, and when it is back.
    """

    def __init__(self, db: JournalCalls, folder: Path, logger: logging.Logger) -> None:
        self._db = db
        self._folder = folder
        self._logger = logger
        self._pending = 0
        self._begin()

    def record_metric(self, owner: Owner, point: MetricPoint) -> None:
        """One metric of an owner; like :meth:`record_metrics`, in a microsecond or two."""
        journal = self._journal
        if owner is not self._owner or journal is None or self._pid != os.getpid():
            self.record_metrics(owner, (point,))
            return
        values = metric_values(point)
        with journal.lock:
            if journal.is_empty:  # a trim took away whose the records are
                journal.append_one(owner_record(owner))
            try:
                journal.append_one(values)
            except _UNWRITABLE as error:
                raise _refusal(owner, error) from error
        self._pending += 1
        if self._is_announced and self._pending < FLUSH_RECORDS and monotonic() < self._flush_at_s:
            return
        self._flush_or_announce()

    def record_metrics(self, owner: Owner, points: Sequence[MetricPoint]) -> None:
        """Metrics of an owner, whose row comes into being with them.

        Raises:
            QueryError: One of them cannot be stored; none is recorded then.
            OSError: The disk is full.
        """
        self._append(owner, [metric_values(point) for point in points])
        self._flush_or_announce()

    def record_parameters(self, owner: Owner, parameters: Mapping[str, Any]) -> None:
        """Parameters by name; those of other names stay."""
        named = [(as_name(name), encode_json(value)) for name, value in parameters.items()]
        self._append(owner, [(PARAMETERS, *named)])
        self.flush()

    def record_artifact(self, owner: Owner, artifact_type: str, location: str) -> None:
        """A file of an owner, whose row comes into being with it."""
        self._append(owner, [(ARTIFACT, as_name(artifact_type), location)])
        self.flush()

    def record_status(self, owner: Owner, status: RunStatus, error: str | None) -> None:
        """How a run stands from now on."""
        self._append(owner, [(STATUS, status.value, error, time())])
        self.flush()

    def flush(self) -> None:
        """Have everything in the database now; a moment later, where that is a server.

        Raises:
            QueryError: The database refuses what was recorded.
        """
        if self._courier is not None and self._pending and self._pid == os.getpid():
            self._pending = 0
            self._is_announced = False
            self._courier.deliver_now()
            self._flush_at_s = monotonic() + INTERVAL_S

    def close(self) -> None:
        """Bring the rest into the database and let go of the journal.

        Where the database is away the journal stays, for the next one that opens it.

        Raises:
            QueryError: The database refuses what was recorded; the journal stays.
        """
        journal, courier, delivery = self._journal, self._courier, self._delivery
        is_of_parent = self._pid != os.getpid()
        self._begin()
        if journal is None or courier is None or delivery is None or is_of_parent:
            return
        may_end = True
        try:
            may_end = courier.finish()
        finally:
            if not (may_end and delivery.end()):
                self._logger.warning(
                    "%s has not taken everything that was recorded. The rest is in %s; bring "
                    "it in with: experiment-manager db sync",
                    self._db.url,
                    journal.path,
                )

    def _flush_or_announce(self) -> None:
        if self._pending >= FLUSH_RECORDS or monotonic() >= self._flush_at_s:
            self.flush()
        elif self._courier is not None and not self._is_announced:
            self._is_announced = True
            self._courier.deliver_soon()

    def _begin(self) -> None:
        """Nothing is recorded by this process yet."""
        self._pid = os.getpid()
        self._opening = threading.Lock()
        self._journal: Journal | None = None
        self._delivery: Delivery | None = None
        self._courier: Courier | None = None
        self._owner: Owner | None = None
        self._pending = 0
        self._is_announced = False
        self._flush_at_s = 0.0

    def _append(self, owner: Owner, entries: list[Any]) -> None:
        if self._pid != os.getpid():
            self._begin()  # what the parent has is the parent's to deliver
        journal = self._journal or self._open_journal(owner.run_id)
        with journal.lock:
            if owner != self._owner or journal.is_empty:
                entries.insert(0, owner_record(owner))
            try:
                journal.append(*entries)
            except _UNWRITABLE as error:
                raise _refusal(owner, error) from error
            self._owner = owner
        self._pending += len(entries)

    def _open_journal(self, run_id: int | None) -> Journal:
        with self._opening:
            if self._journal is not None:
                return self._journal
            try:
                journal = Journal.create(self._folder)
            except OSError as error:
                raise ConnectionError(
                    f"Nothing can be recorded in {self._folder}: {error.strerror}; "
                    "make it writable, or name another workspace in env.yaml"
                ) from error
            try:
                journal_id = self._db.register_journal(journal.path, run_id)
            except BaseException:
                journal.remove()
                raise
            self._delivery = Delivery(self._db, journal, journal_id)
            self._courier = Courier(
                self._delivery,
                str(journal.path),
                self._logger,
                in_background=not self._db.is_file,
            )
            self._journal = journal
            return journal


def _refusal(owner: Owner, error: Exception) -> QueryError:
    return QueryError(f"cannot be recorded of {owner}: {error}")
