"""An append-only file that keeps what the database does not have yet.

A call that records something returns when its record is in the journal, by one ``write``: from
then on it survives the death of the process, though not of the machine. The records become rows
in bulk, and the number of the last one that did is committed together with them; so whoever
reads a journal, its own process or the next one to open the database, applies each record once.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import uuid
import weakref
from pathlib import Path
from typing import Any, NoReturn

import msgpack

from experiment_manager.common.files import writing_in

Record = tuple[Any, ...]
"""Its number, from 1, and whatever was appended."""

PREFIX, SUFFIX = "journal_", ".bin"
CHUNK_BYTES = 2**20
TRIM_BYTES = 2**20
_ARRAYS = {bytes([first]) for first in (*range(0x90, 0xA0), 0xDC, 0xDD)}  # how a record begins


class Journal:
    """A journal, held by this process until it is closed.

    Made by :meth:`create` or :meth:`reopen`.

    Attributes:
        path: The file.
        lock: To be held while something is appended, by all threads that do.
        is_empty: True where a reader of the file would find nothing in it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     journal = Journal.create(Path(folder))
        ...     journal.append(("loss", 0.5))
        ...     records = journal.unread()
        ...     journal.remove()
        >>> records
        [(1, 'loss', 0.5)]
    """

    def __init__(self, path: Path, flags: int) -> None:
        self.path = path
        self.lock = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | flags, 0o666)
        try:
            # Held by the opened file, not by the process: so it tells two in one process apart.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise
        self.is_empty = os.fstat(self._file).st_size == 0
        self._pack = msgpack.Packer().pack
        self._last = 0
        self._read = 0
        self._chunk_end = 0
        _held.add(self)

    @classmethod
    def create(cls, folder: Path) -> Journal:
        """A new one, under a name that no other journal in the folder has.

        Raises:
            OSError: The file cannot be made.
        """
        path = folder / f"{PREFIX}{uuid.uuid4().hex[:12]}{SUFFIX}"
        with writing_in(folder, _delete_empty):
            return cls(path, os.O_CREAT | os.O_EXCL)

    @classmethod
    def reopen(cls, path: Path) -> Journal:
        """One that its process left behind, to be read.

        Raises:
            BlockingIOError: Its process, or another one, still holds it.
            OSError: There is no such file, or it cannot be opened.
        """
        return cls(path, 0)

    def append(self, *entries: Record) -> None:
        """Add records; they are safe from the death of the process when this returns.

        Only to a new journal: one that was left behind has numbers of its own.

        Args:
            entries: Tuples of None, bool, int (64 bits), float, str and tuples of these. They
                are written together, all or none while the process lives.

        Raises:
            OSError: The disk is full; none of them was added.
            ValueError: Something that cannot be written, such as a larger integer.
        """
        first = self._last + 1
        self._last += len(entries)
        data = b"".join([self._pack((n, *entry)) for n, entry in enumerate(entries, first)])
        if (written := os.write(self._file, data)) != len(data):
            self._take_back(written)
        self.is_empty = False

    def append_one(self, entry: Record) -> None:
        """Like :meth:`append` for one record, half a microsecond faster."""
        self._last = number = self._last + 1
        data = self._pack((number, *entry))
        if (written := os.write(self._file, data)) != len(data):
            self._take_back(written)
        self.is_empty = False

    def unread(self) -> list[Record]:
        """The next records after those that were marked as read, some thousands at most."""
        waiting = os.fstat(self._file).st_size - self._read
        if not waiting:
            return []
        part = min(waiting, CHUNK_BYTES)
        records, length = decode(os.pread(self._file, part, self._read))
        while not records and part < waiting:  # a record that is longer
            part = min(waiting, 2 * part)
            records, length = decode(os.pread(self._file, part, self._read))
        self._chunk_end = self._read + length
        return records

    def mark_read(self) -> None:
        """What :meth:`unread` gave last is in the database."""
        self._read = self._chunk_end

    def trim(self, *, at_least: int = TRIM_BYTES) -> bool:
        """Empty the file if all of it was read and it is of some size; True if it was emptied."""
        with self.lock:
            size = os.fstat(self._file).st_size
            if size != self._read or size < at_least:
                return False
            self._read = 0  # first: an interrupt may come between, and to read twice does no harm
            self.is_empty = True
            os.ftruncate(self._file, 0)
            return True

    def drop_unfinished(self) -> None:
        """Cut off what was not read, if it is the beginning of a record.

        A process that is killed in the middle of a long ``write`` leaves that; the call that was
        to record it never returned.
        """
        rest = os.pread(self._file, os.fstat(self._file).st_size - self._read, self._read)
        if _is_beginning(rest):
            os.ftruncate(self._file, self._read)

    def close(self) -> None:
        """Let go of the file; another process may read it then."""
        _held.discard(self)
        os.close(self._file)

    def remove(self) -> None:
        """Delete the file, which is not needed any more, and let go of it."""
        self.path.unlink(missing_ok=True)
        self.close()

    def _take_back(self, written: int) -> NoReturn:
        """The disk is full: the beginning of a record would hide those after it."""
        os.ftruncate(self._file, os.fstat(self._file).st_size - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))


_held: weakref.WeakSet[Journal] = weakref.WeakSet()


def _leave_to_parent() -> None:
    """In a forked process: the journals are the parent's, whose death must free them."""
    for journal in list(_held):
        journal.close()


os.register_at_fork(after_in_child=_leave_to_parent)


def _delete_empty(folder: Path) -> None:
    """Delete journals of processes that were killed before anything was recorded."""
    for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
        if path.stat().st_size == 0:
            with contextlib.suppress(OSError):  # BlockingIOError where its process lives
                Journal.reopen(path).remove()


def decode(data: bytes) -> tuple[list[Record], int]:
    """The records at the beginning of some bytes, and how many bytes they take.

    A record that is torn ends them: the last one of a chunk, or of a file that the death of the
    machine left behind.
    """
    unpacker = msgpack.Unpacker(use_list=False, max_buffer_size=0, read_size=len(data))
    unpacker.feed(data)
    unpack, tell = unpacker.unpack, unpacker.tell
    records: list[Record] = []
    length = 0
    with contextlib.suppress(ValueError, msgpack.UnpackException):
        while isinstance(record := unpack(), tuple):
            records.append(record)
            length = tell()  # exact only after a record that is whole
    return records, length


def _is_beginning(data: bytes) -> bool:
    """Whether these bytes begin a record that goes on behind them."""
    unpacker = msgpack.Unpacker(max_buffer_size=0, read_size=max(len(data), 1))
    unpacker.feed(data)
    try:
        unpacker.skip()
    except msgpack.OutOfData:
        return data[:1] in _ARRAYS
    except (ValueError, msgpack.UnpackException):
        return False
    return False
