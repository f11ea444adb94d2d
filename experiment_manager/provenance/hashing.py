"""Hashes of files, and a file that keeps them."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from experiment_manager.common.files import write_text_atomic

_BLOCK_BYTES = 2**20
_SETTLED_NS = 2 * 10**9


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_ends(path: Path) -> str:
    """The SHA-256 of a file's first and last MiB, in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        digest.update(file.read(_BLOCK_BYTES))
        size_bytes = os.fstat(file.fileno()).st_size
        file.seek(max(_BLOCK_BYTES, size_bytes - _BLOCK_BYTES))
        digest.update(file.read(_BLOCK_BYTES))
    return digest.hexdigest()


class HashCache:
    """The hashes of files that have not changed since they were hashed last.

    A file is taken for unchanged where its size, its inode and the times of its last changes
    are the same. One that changed in the last two seconds is not kept, because it could change
    again within one tick of its clock.

    Args:
        path: The file that keeps them; None for nowhere. One that cannot be read is empty.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._before = _load(path)
        self._now: dict[str, list[int | str]] = {}

    def sha256(self, path: Path, status: os.stat_result) -> str:
        """The SHA-256 of a file's content, in hexadecimal.

        Args:
            path: The file.
            status: How it stands.

        Raises:
            OSError: It cannot be read.
        """
        stamp = [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]
        key = str(path.absolute())
        *known, digest = self._before.get(key, [None])
        if known != stamp or not isinstance(digest, str):
            digest = sha256_of(path)
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED_NS:
            self._now[key] = [*stamp, digest]
        return digest

    def save(self) -> None:
        """Write what was asked for this time, where it is not what the file has already."""
        if self._path is not None and self._now != self._before:
            with suppress(OSError):
                write_text_atomic(self._path, json.dumps(self._now))


def _load(path: Path | None) -> dict[str, list[int | str]]:
    if path is not None:
        with suppress(OSError, ValueError):
            loaded = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(loaded, dict) and all(map(_is_row, loaded.values())):
                return loaded
    return {}


def _is_row(row: object) -> bool:
    return isinstance(row, list) and len(row) > 0
