"""Files that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place, force it to disk and rename it there.

    A reader sees the old file or the new one, never a part; a failure leaves the old one.

    Args:
        path: Where the file shall be; missing folders are made.
        write: Gets a temporary path with the same suffix and writes the content to it.

    Raises:
        OSError: The folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    beside = Path(name)
    try:
        write(beside)
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.chmod(0o666 & ~_umask())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text_atomic(path: Path, text: str) -> None:
    """Like :func:`write_atomic`, with the UTF-8 text as content."""
    write_atomic(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def append_line(path: Path, line: str) -> None:
    """Append one line with a single write, so that lines of several processes never mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


def _umask() -> int:
    """The permissions that new files do not get; mkstemp ignores them, other writers do not."""
    current = os.umask(0)
    os.umask(current)
    return current
