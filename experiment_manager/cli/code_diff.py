"""How the recorded code of two runs differs, line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiment_manager.provenance.contents import decode_content
from experiment_manager.provenance.worktree import CheckoutError, temporary_checkout

_GIT = ".git"


def code_diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The lines of a unified diff of two records of code.

    Where a commit is not there any more, what was recorded beside it is compared: the files that
    it does not have, and the changes to it.

    Args:
        before: What :func:`~experiment_manager.provenance.code.capture_code` gave once.
        after: What it gave another time.
    """
    try:
        with temporary_checkout(before) as one, temporary_checkout(after) as other:
            return list(_diff(_files_in(one), _files_in(other)))
    except CheckoutError as error:
        found = _diff(_recorded_contents(before), _recorded_contents(after))
        return [f"Only what was recorded beside the commit: {error}", *found]


def _files_in(folder: Path) -> dict[str, bytes]:
    names = {path.relative_to(folder): path for path in sorted(folder.rglob("*"))}
    return {
        name.as_posix(): _content(path)
        for name, path in names.items()
        if _GIT not in name.parts and (path.is_symlink() or path.is_file())
    }


def _content(path: Path) -> bytes:
    return f"-> {path.readlink()}".encode() if path.is_symlink() else path.read_bytes()


def _recorded_contents(code: Mapping[str, Any]) -> dict[str, bytes]:
    changes = {f"{name} (change to the commit)": part for name, part in code["changes"].items()}
    decoded = {name: decode_content(c) for name, c in {**code["files"], **changes}.items()}
    return {name: content for name, content in decoded.items() if content is not None}


def _diff(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name, b""), after.get(name, b"")
        if one != other or (name in before) is not (name in after):
            yield from _diff_file(f"a/{name}", f"b/{name}", one, other)


def _diff_file(one_name: str, other_name: str, one: bytes, other: bytes) -> Iterator[str]:
    try:
        before, after = one.decode().splitlines(), other.decode().splitlines()
    except UnicodeDecodeError:
        yield f"Binary files {one_name} and {other_name} differ"
        return
    lines = list(difflib.unified_diff(before, after, one_name, other_name, lineterm=""))
    yield from lines or [f"Files {one_name} and {other_name} differ in their line ends"]
