"""Files that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

UNFINISHED = ".unfinished-"


def write_atomic(
    path: Path, write: Callable[[Path], object], *, survives_power_loss: bool = True
) -> None:
    """Write a file beside its place and rename it there.

    A reader sees the old file or the new one, never a part; a failure leaves the old one. What a
    process left that was killed here goes when the next file is written into the folder.

    Args:
        path: Where the file shall be; missing folders are made.
        write: Gets a temporary path with the same suffix and makes the file there.
        survives_power_loss: True to have it on the disk when this returns, which may take
            milliseconds; otherwise it survives the death of the process alone.

    Raises:
        OSError: The folder cannot be written.
    """
    with writing_in(path.parent, _delete_unfinished):
        beside = path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}{path.suffix}")
        try:
            write(beside)
            if survives_power_loss:
                with beside.open("rb") as written:
                    os.fsync(written.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def write_text_atomic(path: Path, text: str, *, survives_power_loss: bool = True) -> None:
    """Like :func:`write_atomic`, with the UTF-8 text as content."""
    write_atomic(
        path,
        lambda beside: beside.write_text(text, encoding="utf-8"),
        survives_power_loss=survives_power_loss,
    )


def append_line(path: Path, line: str) -> None:
    """Append one line with a single write, so that lines of several processes never mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def writing_in(folder: Path, tidy: Callable[[Path], object]) -> Iterator[None]:
    """Inside, nobody tidies up in a folder.

    Args:
        folder: Where something is about to be written; is made where it is missing.
        tidy: Deletes what the dead have left in the folder; called before, if nobody else is
            inside and the file system has locks.
    """
    handle = _open_folder(folder)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            tidy(folder)
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def _open_folder(folder: Path) -> int:
    try:
        return os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder, os.O_RDONLY)


def _delete_unfinished(folder: Path) -> None:
    for name in os.listdir(folder):  # noqa: PTH208 - before each file: pathlib takes ten times as long
        if name.startswith(UNFINISHED):
            (folder / name).unlink(missing_ok=True)
