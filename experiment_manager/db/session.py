"""The connection that all calls of the database share, and the errors they raise."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from experiment_manager.common.errors import ConnectionError, QueryError  # noqa: A004
from experiment_manager.db import writer
from experiment_manager.db.engine import (
    Writer,
    close_engine,
    open_engine,
    reading,
    translated_errors,
)
from experiment_manager.db.keys import Owner
from experiment_manager.db.records import record_points

S = TypeVar("S", bound="Session")


class Session:
    """An open database; each call is a transaction of its own unless one is open.

    Attributes:
        url: The database, its password hidden.
        read_only: True where writing is refused.
    """

    def __init__(self, url: URL, *, read_only: bool) -> None:
        self.url = url.render_as_string(hide_password=True)
        self.read_only = read_only
        self._lock = threading.RLock()
        self._transaction: Connection | None = None
        self._pid = os.getpid()
        self._engine: Engine | None = open_engine(url, read_only=read_only)
        self._writer = Writer(self._engine)

    @property
    def is_file(self) -> bool:
        """True for SQLite, False for a server."""
        return self.url.startswith("sqlite")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r}, read_only={self.read_only})"

    def __enter__(self: S) -> S:  # noqa: PYI019 - Self wants Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back; may be called twice."""
        with self._lock:
            if self._engine is not None:
                self._writer.close()
                close_engine(self._engine)
            self._engine = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Inside, all calls of this thread are committed together at the end, or not at all.

        A call in it that is refused leaves nothing behind, and those around it go on. So does a
        transaction within another one.
        """
        with self._writing("transaction()") as connection:
            outer, self._transaction = self._transaction, connection
            try:
                yield
            finally:
                self._transaction = outer

    @contextmanager
    def _writing(self, doing: str) -> Iterator[Connection]:
        engine = self._checked_engine(doing)
        if self.read_only:
            raise QueryError(f"{doing}: {self.url} was opened read-only")
        with self._lock, translated_errors(doing, engine):
            if self._transaction is not None:
                with self._transaction.begin_nested():  # a call that is refused leaves nothing
                    yield self._transaction
            else:
                with self._writer.transaction() as connection:
                    yield connection

    @contextmanager
    def _reading(self, doing: str) -> Iterator[Connection]:
        engine = self._checked_engine(doing)
        with self._lock, translated_errors(doing, engine):
            if self._transaction is not None:
                yield self._transaction
            else:
                with reading(engine) as connection:
                    yield connection

    def _link(self, owner: Owner, member: str, member_id: int) -> None:
        """Link a row of ``METRIC`` or ``ARTIFACT`` to its owner; results come into being so."""
        with self._writing(f"linking {member} {member_id} to {owner}") as connection:
            if owner.table == "RESULTS":
                record_points(connection, owner, ())
            writer.link_once(connection, owner.junction(member), owner, member_id)

    def _checked_engine(self, doing: str) -> Engine:
        if self._engine is None:
            raise ConnectionError(f"{doing}: the connection to {self.url} is closed")
        if self._pid != os.getpid():
            self._leave_to_parent(self._engine)
        return self._engine

    def _leave_to_parent(self, engine: Engine) -> None:
        """After a fork: the connections, and whoever holds the lock, are the parent's."""
        engine.dispose(close=False)
        self._lock = threading.RLock()
        self._transaction = None
        self._writer = Writer(engine)
        self._pid = os.getpid()

    def __reduce__(self) -> NoReturn:
        """Refuse: a connection belongs to its process, and its URL may hold a password."""
        raise TypeError(
            f"{self!r} cannot be pickled; open the database again where it is needed, with "
            "DatabaseManager.from_url"
        )
