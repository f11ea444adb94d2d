"""What data a run was given: a fingerprint of each file, folder and pattern.

The fingerprint is a dict with ``kind`` and

- of a ``file``: ``size_bytes`` and ``sha256``; of one larger than 256 MiB ``size_bytes``,
  ``modified_ns``, and ``sha256`` of its first and last MiB, marked ``partial``,
- of a ``folder`` or a ``pattern``: ``files`` (how many), ``size_bytes`` (of all), and ``sha256``
  over their names, sizes and hashes; of more than 256 MiB over their names, sizes and times of
  modification, marked ``partial``, as also of more than 100,000 files, of which only the first
  ones count,
- of what is ``missing``, or ``remote`` (a URL): nothing,
- of what is ``unreadable``: the ``reason``.
"""

from __future__ import annotations

import difflib
import glob
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from experiment_manager.provenance.hashing import HashCache, sha256_of_ends
from experiment_manager.provenance.masking import mask_logins

HASHED_LIMIT_BYTES = 256 * 2**20
FILES_LIMIT = 100_000


def capture_data(
    names: Iterable[str], folder: Path | None = None, cache: Path | None = None
) -> dict[str, dict[str, Any]]:
    """The fingerprint of each file, folder and pattern, by its name as given.

    Nothing is raised: what cannot be read is told in its place.

    Args:
        names: Paths, or patterns such as ``data/**/*.csv``.
        folder: What relative names are relative to; the current folder where it is None.
        cache: A file that keeps the hashes of files until they change, for the next time; a
            file that cannot be written is no matter.

    Example:
        >>> capture_data(["no/such/file.csv"])
        {'no/such/file.csv': {'kind': 'missing'}}
    """
    hashes = HashCache(cache)
    base = Path.cwd() if folder is None else folder
    found = {mask_logins(name): _fingerprint(base, name, hashes) for name in sorted(set(names))}
    hashes.save()
    return found


def missing_data(fingerprints: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A sentence for each name that no file has, with the nearest one that there is.

    Args:
        fingerprints: What :func:`capture_data` gave, for names relative to the current folder.

    Example:
        >>> missing_data({"no/such.csv": {"kind": "missing"}, "a.csv": {"kind": "file"}})
        ["'no/such.csv' is not there"]
    """
    return [
        f"{name!r} fits no file"
        if data["kind"] == "pattern"
        else f"{name!r} is not there{_nearest(Path(name).expanduser())}"
        for name, data in fingerprints.items()
        if data["kind"] == "missing" or (data["kind"] == "pattern" and not data["files"])
    ]


def _nearest(path: Path) -> str:
    """What was probably meant, judged by the first part of the path that is not there."""
    gone = next((p for p in (*reversed(path.parents), path) if not p.exists()), path)
    try:
        there = [entry.name for entry in gone.parent.iterdir()]
    except OSError:
        return ""
    near = difflib.get_close_matches(gone.name, there, n=1)
    rest = path.relative_to(gone)
    meant = [gone.with_name(name) / rest for name in near]
    return f"; did you mean {meant[0].as_posix()!r}?" if meant else ""


def _fingerprint(base: Path, name: str, hashes: HashCache) -> dict[str, Any]:
    if "://" in name:
        return {"kind": "remote"}
    try:
        path = base / Path(name).expanduser()
        if path.is_dir():
            return {"kind": "folder", **_of_files(_files_in(path), path, hashes)}
        if path.exists():
            return {"kind": "file", **_of_file(path, hashes)}
        if glob.has_magic(name):
            return {"kind": "pattern", **_of_files(_matches(path), base, hashes)}
    except (OSError, ValueError, RuntimeError) as error:  # a name may be none at all
        return {"kind": "unreadable", "reason": getattr(error, "strerror", None) or str(error)}
    return {"kind": "missing"}


def _of_file(path: Path, hashes: HashCache) -> dict[str, Any]:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("is neither a file nor a folder")
    size = {"size_bytes": status.st_size}
    if status.st_size <= HASHED_LIMIT_BYTES:
        return size | {"sha256": hashes.sha256(path, status)}
    ends = {"modified_ns": status.st_mtime_ns, "sha256": sha256_of_ends(path), "partial": True}
    return size | ends


def _files_in(folder: Path) -> Iterator[Path]:
    entered = set()
    for name, folders, files in os.walk(folder, followlinks=True):
        place = os.path.realpath(name)
        if place in entered:  # a link leads back here
            folders.clear()
            continue
        entered.add(place)
        folders.sort()
        yield from (Path(name, file) for file in sorted(files))


def _matches(pattern: Path) -> Iterator[Path]:
    found = glob.iglob(str(pattern), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute one
    return map(Path, sorted(found))


def _of_files(paths: Iterable[Path], base: Path, hashes: HashCache) -> dict[str, Any]:
    regular = (path for path in paths if path.is_file())
    files = [(path, path.stat()) for path in islice(regular, FILES_LIMIT + 1)]
    total_bytes = sum(status.st_size for _, status in files)
    is_partial = total_bytes > HASHED_LIMIT_BYTES or len(files) > FILES_LIMIT
    digest = hashlib.sha256()
    for path, status in files:
        name = os.path.relpath(path, base).replace(os.sep, "/")
        content = status.st_mtime_ns if is_partial else hashes.sha256(path, status)
        digest.update(os.fsencode(f"{name}\0{status.st_size}\0{content}\n"))
    known = {"files": len(files), "size_bytes": total_bytes, "sha256": digest.hexdigest()}
    return known | ({"partial": True} if is_partial else {})
