"""An experiment in the hands of this process, as long as it executes runs of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol

from experiment_manager.common.errors import DatabaseError, ExperimentHeldError, describe
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.config.plan import Plan
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import LEASE_S, LeaseRow

BEAT_INTERVAL_S = 15.0  # a sixth of what may pass until a process counts as dead
RETRY_INTERVAL_S = 1.0  # a database that is back must not count us as dead for long


@contextmanager
def holding(plan: Plan, database_url: str, *, join: bool) -> Iterator[DatabaseManager]:
    """The database, while this process executes the plan; it says all the time that it lives.

    Args:
        plan: What is executed.
        database_url: Where it is recorded.
        join: True to share the work with other processes that hold the experiment.

    Raises:
        ExperimentHeldError: Another process holds it; the text says who, and what to do.
    """
    process = ProcessIdentity.current()
    with DatabaseManager.from_url(database_url) as db:
        experiment = db.create_experiment(plan.name)
        try:
            lease = db.take_experiment(experiment.id, process, join=join)
        except ExperimentHeldError as error:
            raise ExperimentHeldError(
                f"The experiment {plan.name!r} {error}. Wait for it or stop it; or add --join, to "
                "execute the runs that it has not begun"
            ) from None
        try:
            db.set_workspace(experiment.id, plan.workspace)
            with Heartbeat(db, process):
                yield db
        finally:
            _give_back(db, lease)


def _give_back(db: DatabaseManager, lease: LeaseRow) -> None:
    """Where the database is away this must not hide why the execution has ended."""
    try:
        db.give_back(lease)
    except DatabaseError as error:
        logging.getLogger(__name__).warning(
            "%s. As long as this process lives, and for %.0f s more on other machines, others are "
            "told that it executes the experiment",
            describe(error),
            LEASE_S,
        )


class KeepsLeases(Protocol):
    """Whom to tell that a process lives, such as a database."""

    def beat(self, process: ProcessIdentity) -> None:
        """It lives."""


class Heartbeat:
    """Says in the background that a process lives, of everything that it executes.

    Use it in a ``with`` block. A database that is away is tried again.

    Args:
        db: The database.
        process: Who lives.
        interval_s: How often it says so.
    """

    def __init__(
        self, db: KeepsLeases, process: ProcessIdentity, interval_s: float = BEAT_INTERVAL_S
    ) -> None:
        self._db = db
        self._process = process
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:  # noqa: PYI034 - Self wants Python 3.11
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        wait_s = self._interval_s
        while not self._ended.wait(wait_s):
            try:
                self._db.beat(self._process)
                wait_s = self._interval_s
            except DatabaseError:  # what the runs record waits in their journals meanwhile
                wait_s = min(RETRY_INTERVAL_S, self._interval_s)
