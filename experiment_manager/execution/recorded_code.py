"""The recorded code of a run in a folder of its own, and beside it what never was code."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment_manager.provenance.contents import is_source
from experiment_manager.provenance.git import GitError, run_git
from experiment_manager.provenance.worktree import temporary_checkout

_NEVER_LINKED = frozenset({".git", "__pycache__"})


@contextmanager
def recorded_code(code: Mapping[str, Any], repository: Path | None = None) -> Iterator[Path]:
    """The folder of the recorded code, which is gone afterwards.

    Whatever the record does not have is linked from where it is now, because a run may need it:
    data, files that git ignores, files that were left out. Source files that were written later
    are not.

    Args:
        code: What :func:`~experiment_manager.provenance.code.capture_code` gave.
        repository: Where the repository is now; where it was, if it is None.

    Raises:
        CheckoutError: The code cannot be had again.
    """
    root = Path(code["root"]) if repository is None else repository.resolve()
    with temporary_checkout(code, repository) as folder:
        link_others(code, root, folder)
        yield folder


def link_others(
    code: Mapping[str, Any], root: Path, folder: Path, leave_out: Path | None = None
) -> None:
    """Link what a checkout of recorded code does not have, because it never was code.

    Args:
        code: The record.
        root: Where the repository is now.
        folder: The checkout.
        leave_out: What is not linked, such as outputs.
    """
    without_content = {name for name, content in code["files"].items() if "reason" in content}
    if root.is_dir():
        _Links(leave_out, without_content | _ignored(root)).make(root, folder)


def _ignored(root: Path) -> set[str]:
    """The files that git ignores; the folders too, with ``/`` at their end."""
    with suppress(GitError):
        listed = run_git(
            root, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"
        )
        return set(os.fsdecode(listed).split("\0"))
    return set()


@dataclass(frozen=True)
class _Links:
    """Which are made: to folders, and to files that are no source or are wanted."""

    leave_out: Path | None
    wanted: Collection[str]

    def make(self, source: Path, target: Path, place: str = "") -> None:
        """Link what ``target`` does not have."""
        for entry in sorted(source.iterdir()):
            name, there = f"{place}{entry.name}", target / entry.name
            if entry.name in _NEVER_LINKED or entry == self.leave_out:
                continue
            if there.is_dir() and entry.is_dir() and not there.is_symlink():
                self.make(entry, there, f"{name}/")
            elif not os.path.lexists(there) and (
                entry.is_dir() or not is_source(name) or name in self.wanted
            ):
                there.symlink_to(entry)
