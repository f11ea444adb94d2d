"""How the files of a working tree differ from its commit, file by file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from experiment_manager.provenance.contents import MIB, limit_contents
from experiment_manager.provenance.git import GitError, run_git
from experiment_manager.provenance.secret_files import is_secret_file

DIFFED_LIMIT_BYTES = 16 * MIB

# A plumbing command, because the user's settings may change what `git diff` prints.
_DIFF = (
    *("-c", "core.quotePath=false", "diff-index", "--patch", "--binary", "--no-renames"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "HEAD"),
)
_PART = re.compile(rb"^diff --git ", re.MULTILINE)


def excluding(root: Path, paths: Iterable[Path]) -> list[str]:
    """The arguments of a git command that leave out paths, as far as they are in ``root``.

    Example:
        >>> excluding(Path("/project"), [Path("/project/outputs"), Path("/tmp")])
        [':/', ':(top,exclude,literal)outputs']
    """
    inside = [path.relative_to(root) for path in paths if path.is_relative_to(root)]
    return [":/", *(f":(top,exclude,literal){path.as_posix()}" for path in inside)]


def read_changes(
    root: Path, changed: Sequence[str], leave_out: Iterable[Path]
) -> dict[str, dict[str, Any]]:
    """What has to be applied to the last commit to get each file, by name.

    Args:
        root: The repository's folder.
        changed: The files that differ, as git says.
        leave_out: Absolute paths that do not count.

    Returns:
        Contents, as :mod:`~experiment_manager.provenance.contents` has them, of parts of a
        diff that ``git apply`` takes.
    """
    if not changed:
        return {}
    left_out = {name: reason for name in changed if (reason := _unfit(root / name))}
    paths = excluding(root, [*leave_out, *(root / name for name in left_out)])
    try:
        diff = run_git(root, *_DIFF, "--", *paths)
    except GitError as error:
        left_out, diff = dict.fromkeys(changed, str(error)), b""
    reasons = {name: {"reason": reason} for name, reason in left_out.items()}
    return dict(sorted({**limit_contents(split_diff(diff)), **reasons}.items()))


def _unfit(path: Path) -> str | None:
    """Why no difference is made of a file."""
    if is_secret_file(path.name):
        return "its name is one for secrets"
    is_large = path.is_file() and path.stat().st_size > DIFFED_LIMIT_BYTES
    return f"larger than {DIFFED_LIMIT_BYTES // MIB} MiB" if is_large else None


def split_diff(diff: bytes) -> dict[str, bytes]:
    r"""The parts of a diff by their file's name.

    Example:
        >>> split_diff(b"diff --git a/x b/x\nold mode 100644\nnew mode 100755\n")
        {'x': b'diff --git a/x b/x\nold mode 100644\nnew mode 100755\n'}
    """
    parts: dict[str, bytes] = {}
    starts = [match.start() for match in _PART.finditer(diff)]
    for start, end in zip(starts, [*starts[1:], len(diff)], strict=False):
        part = diff[start:end]
        header, _, body = part.partition(b"\n")
        if body:  # else the file was merely touched
            name = _name_in(header)
            parts[name] = parts.get(name, b"") + part
    return parts


def _name_in(header: bytes) -> str:
    """The name in ``diff --git a/NAME b/NAME``; an unusual one stays quoted, as git has it."""
    both = os.fsdecode(header).removeprefix("diff --git ")
    return both[: len(both) // 2].replace("a/", "", 1)
