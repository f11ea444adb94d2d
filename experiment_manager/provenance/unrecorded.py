"""Which files a record of code says nothing of, so that they may change unseen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiment_manager.provenance.git import GitError, run_git


def unrecorded_files(codes: Iterable[Mapping[str, Any]], files: Iterable[str]) -> list[str]:
    """Those of the files of which a change would be seen in none of some records.

    Args:
        codes: What :func:`~experiment_manager.provenance.code.capture_code` gave just now.
        files: Their absolute paths.
    """
    unknown = list(files)
    for code in codes:
        held = _held_by(code, unknown)
        unknown = [file for file in unknown if file not in held]
    return unknown


def _held_by(code: Mapping[str, Any], files: Sequence[str]) -> set[str]:
    root = Path(code["root"])
    names = {
        file: Path(file).relative_to(root).as_posix()
        for file in files
        if root in Path(file).parents
    }
    contents = {**code["files"], **code["changes"]}
    seen = {name for name, one in contents.items() if "reason" not in one or "sha256" in one}
    if code["commit"] is not None and names:
        seen |= _tracked(root, [name for name in names.values() if name not in contents])
    held = {file for file, name in names.items() if name in seen}
    for inner in code["repositories"].values():
        held |= _held_by(inner, files)
    return held


def _tracked(root: Path, names: Sequence[str]) -> set[str]:
    try:
        listed = run_git(root, "ls-files", "-z", "--recurse-submodules", "--", *names)
    except GitError:
        return set()
    return set(os.fsdecode(listed).split("\0"))
