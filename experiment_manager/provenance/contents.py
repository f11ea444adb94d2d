"""Files as plain data, as far as they are source code, not large, and hold no secret.

The content of a file is a dict with one of

- ``text``: it is UTF-8,
- ``base64``: it is not,
- ``link``: what it links to,
- ``reason``: why there is none of these; as a rule with the ``sha256`` of all that was left
  out, so that a change of it is seen, and of what is large with ``size_bytes``,

and ``executable`` where it may be executed.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from experiment_manager.provenance.hashing import sha256_of
from experiment_manager.provenance.secret_files import holds_secret, is_secret_file

MIB = 2**20
FILE_LIMIT_BYTES = MIB
TOTAL_LIMIT_BYTES = 4 * MIB
HASHED_LIMIT_BYTES = 16 * MIB
FILES_LIMIT = 1000
VISITED_LIMIT = 10_000

NOT_SOURCE = "no source file"
SOURCE_SUFFIXES = frozenset(
    {
        *(".py", ".pyi", ".pyx", ".pxd", ".ipynb", ".r", ".jl", ".m", ".lua", ".java", ".scala"),
        *(".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".rs", ".go", ".f90", ".js", ".ts"),
        *(".sh", ".bash", ".zsh", ".ps1", ".bat", ".slurm", ".sbatch", ".mk", ".cmake", ".sql"),
        *(".yaml", ".yml", ".toml", ".json", ".cfg", ".conf", ".ini", ".txt", ".in", ".lock"),
        *(".j2", ".jinja", ".jinja2", ".tpl", ".gin", ".libsonnet", ".jsonnet", ".proto", ""),
    }
)
_NOT_ENTERED = frozenset({"__pycache__", "node_modules", "site-packages"})


def is_source(name: str) -> bool:
    """True for a file of code or configuration, by the ending of its name, or where it has none.

    Example:
        >>> [is_source(name) for name in ("net.py", "Makefile", "weights.pt", "lib/")]
        [True, True, False, False]
    """
    return not name.endswith("/") and PurePosixPath(name).suffix.lower() in SOURCE_SUFFIXES


def list_sources(folder: Path, leave_out: Iterable[Path] = ()) -> list[str]:
    """The names of the source files in a folder, relative to it, with ``/``; sorted.

    Hidden folders, virtual environments and caches are not entered. After ten thousand files
    of any kind the search ends.

    Args:
        folder: Where to search.
        leave_out: Absolute paths that do not count.
    """
    names = []
    for visited, path in enumerate(_walk(folder, frozenset(leave_out))):
        if visited >= VISITED_LIMIT:
            break
        names.append(path.relative_to(folder).as_posix())
    return sorted(filter(is_source, names))


def _walk(folder: Path, leave_out: frozenset[Path]) -> Iterator[Path]:
    for name, folders, files in os.walk(folder):
        place = Path(name)
        entered = [child for child in folders if _is_entered(place / child, leave_out)]
        folders[:] = sorted(entered)
        yield from (place / file for file in sorted(files) if place / file not in leave_out)


def _is_entered(folder: Path, leave_out: frozenset[Path]) -> bool:
    is_ours = not folder.name.startswith(".") and folder.name not in _NOT_ENTERED
    return is_ours and folder not in leave_out and not (folder / "pyvenv.cfg").exists()


def read_contents(root: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The contents of files by name.

    Source files come before others and small ones before large ones, until 4 MiB are full; of
    the files beyond a thousand there is nothing. A file larger than 1 MiB is left out.

    Args:
        root: The folder that the names are relative to.
        names: The files.
    """
    budget = _Budget()
    sizes = {name: _size_of(root / name) for name in names}
    order = sorted(names, key=lambda name: (not is_source(name), sizes[name], name))
    found = {name: _read(root, name, sizes[name], budget) for name in order[:FILES_LIMIT]}
    return dict(sorted(found.items()))


def limit_contents(parts: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Parts of a diff by their file's name, within the limits of :func:`read_contents`."""
    budget = _Budget()
    found = {}
    for name, part in sorted(parts.items(), key=lambda item: (len(item[1]), item[0])):
        problem = budget.problem_with(len(part))
        left_out = {"size_bytes": len(part), "sha256": _sha256(part), "reason": problem}
        found[name] = left_out if problem else encode_content(name, part)
    return dict(sorted(found.items()))


def encode_content(name: str, content: bytes) -> dict[str, Any]:
    """A file's bytes as plain data, or their hash alone where they seem to hold a secret.

    Example:
        >>> encode_content("notes.txt", b"tuned by hand")
        {'text': 'tuned by hand'}
        >>> encode_content("icon", bytes([255]))
        {'base64': '/w=='}
    """
    if holds_secret(name, content):
        return {"sha256": _sha256(content), "reason": "seems to hold a secret"}
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    return {"base64": base64.b64encode(content).decode()} if "\0" in text else {"text": text}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def decode_content(content: Mapping[str, Any]) -> bytes | None:
    r"""The bytes that :func:`encode_content` was given; None where they were left out.

    Example:
        >>> decode_content({"base64": "/w=="}), decode_content({"reason": "larger than 1 MiB"})
        (b'\xff', None)
    """
    if "base64" in content:
        return base64.b64decode(content["base64"])
    return content["text"].encode() if "text" in content else None


class _Budget:
    """What may still be taken, and hashed."""

    def __init__(self) -> None:
        self._left_bytes = TOTAL_LIMIT_BYTES
        self._hashed_bytes = 0

    def problem_with(self, size_bytes: int) -> str:
        """Why no more content of this size may be taken; else "", and it is accounted for."""
        if size_bytes > FILE_LIMIT_BYTES:
            return f"larger than {FILE_LIMIT_BYTES // MIB} MiB"
        if size_bytes > self._left_bytes:
            return f"{TOTAL_LIMIT_BYTES // MIB} MiB were taken already"
        self._left_bytes -= size_bytes
        return ""

    def may_hash(self, size_bytes: int) -> bool:
        """Whether there is time to hash a file of this size."""
        self._hashed_bytes += size_bytes
        return self._hashed_bytes <= HASHED_LIMIT_BYTES


def _size_of(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0  # reading it tells why


def _read(root: Path, name: str, size_bytes: int, budget: _Budget) -> dict[str, Any]:
    path = root / name
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return {"link": path.readlink().as_posix()}
        if not (is_source(name) and stat.S_ISREG(mode)):
            return {"reason": NOT_SOURCE}
        if is_secret_file(name):
            return {"reason": "its name is one for secrets"}
        problem = budget.problem_with(size_bytes)
        if not problem:
            executable = {"executable": True} if mode & stat.S_IXUSR else {}
            return encode_content(name, path.read_bytes()) | executable
        digest = {"sha256": sha256_of(path)} if budget.may_hash(size_bytes) else {}
    except OSError as error:
        return {"reason": f"cannot be read: {error.strerror}"}
    return {"size_bytes": size_bytes, **digest, "reason": problem}
