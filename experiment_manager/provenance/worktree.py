"""Recorded code as files again, in a folder of its own that leaves the user's repository alone."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from experiment_manager.common.errors import ExperimentManagerError
from experiment_manager.provenance.contents import NOT_SOURCE, decode_content
from experiment_manager.provenance.git import GitError, run_git

TIMEOUT_S = 600.0

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256_LENGTH = 64
_SUBMODULE_MODE = "160000"
_WITHOUT_HOOKS = ("-c", f"core.hooksPath={os.devnull}")


class CheckoutError(ExperimentManagerError):
    """Recorded code that cannot be had again; the text says why."""


class RepositoryGoneError(CheckoutError):
    """The repository is not where it was recorded, so that its commits cannot be had."""


def left_out(code: Mapping[str, Any], *, unseen_only: bool = False) -> dict[str, str]:
    """The source files that a record does not hold, by name, and why.

    Args:
        code: What :func:`~experiment_manager.provenance.code.capture_code` gave.
        unseen_only: True for those alone of which not even a change would be seen.

    Example:
        >>> large = {"size_bytes": 2**22, "reason": "larger than 1 MiB"}
        >>> left_out({"changes": {}, "files": {"all.ipynb": large}, "repositories": {}})
        {'all.ipynb': 'larger than 1 MiB'}
    """
    contents = {**code["files"], **code["changes"]}
    if unseen_only:
        contents = {name: one for name, one in contents.items() if "sha256" not in one}
    reasons = {name: content.get("reason", NOT_SOURCE) for name, content in contents.items()}
    found = {name: reason for name, reason in reasons.items() if reason != NOT_SOURCE}
    inside = {**code["repositories"], **code.get("elsewhere", {})}
    for path, inner in inside.items():
        names = left_out(inner, unseen_only=unseen_only)
        found |= {f"{path}/{name}": reason for name, reason in names.items()}
    return found


@contextmanager
def temporary_checkout(code: Mapping[str, Any], repository: Path | None = None) -> Iterator[Path]:
    """The folder of a :func:`checkout`, which is gone afterwards.

    Args:
        code: What :func:`~experiment_manager.provenance.code.capture_code` gave.
        repository: Where the repository is now; where it was, if it is None.

    Raises:
        CheckoutError: The code cannot be had again.
    """
    with tempfile.TemporaryDirectory(prefix="code-", ignore_cleanup_errors=True) as folder:
        checkout(code, Path(folder), repository)
        yield Path(folder)


def checkout(code: Mapping[str, Any], target: Path, repository: Path | None = None) -> None:
    """Write the recorded code: the commit, the changes to it, and the files beside it.

    The folder becomes a repository that shares the objects of the recorded one, in which
    nothing is changed, and nothing left, however this ends. What is captured of the folder is
    what was recorded. Files that the record does not hold (:func:`left_out`) are not there.

    Args:
        code: What :func:`~experiment_manager.provenance.code.capture_code` gave.
        target: A folder that is empty, or not there yet.
        repository: Where the repository is now; where it was, if it is None.

    Raises:
        CheckoutError: The repository or the commit is not there any more, or the record is
            none that was captured.
    """
    root = Path(code["root"]) if repository is None else repository
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise CheckoutError(f"{target}: is not empty; name a new folder")
        if code["commit"] is not None:
            _checkout_commit(root, code["commit"], target)
            _apply(code["changes"], target)
        _write_files(code["files"], target)
        for path, inner in _repositories_in(code, root, target).items():
            checkout(inner, _place(target, path), root / path)
    except OSError as error:
        raise CheckoutError(f"{target}: the code cannot be written: {error}") from error


def _checkout_commit(root: Path, commit: str, target: Path) -> None:
    if not _COMMIT.fullmatch(commit):
        raise CheckoutError(f"{commit!r} is no commit; the record was damaged")
    unusable = f"{root}: the recorded repository cannot be used; perhaps it was moved"
    gone = (
        f"{root}: the commit {commit} is not there any more; perhaps it can be had again with "
        f"'git fetch origin {commit}'"
    )
    try:
        located = _git(unusable, root, "rev-parse", "--git-path", "objects")
    except CheckoutError as error:
        raise RepositoryGoneError(str(error)) from error
    objects = os.fsdecode(located).strip()
    _git(gone, root, "cat-file", "-e", f"{commit}^{{commit}}")
    failed = f"{root}: the commit {commit} cannot be checked out"
    kind = "sha256" if len(commit) == _SHA256_LENGTH else "sha1"
    _git(failed, target, "init", "--quiet", "--template=", f"--object-format={kind}")
    alternates = target / ".git/objects/info/alternates"
    alternates.parent.mkdir(exist_ok=True)
    alternates.write_bytes(os.fsencode((root / objects).resolve()) + b"\n")
    _git(failed, target, *_WITHOUT_HOOKS, "checkout", "--quiet", "--detach", commit)


def _git(problem: str, folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    try:
        return run_git(folder, *arguments, given=given, timeout_s=TIMEOUT_S)
    except GitError as error:
        raise CheckoutError(f"{problem}: {error}") from error


def _apply(changes: Mapping[str, Any], target: Path) -> None:
    parts = (decode_content(content) for _, content in sorted(changes.items()))
    diff = b"".join(part for part in parts if part is not None)
    if diff:
        failed = f"{target}: the recorded changes do not fit to the commit"
        _git(failed, target, "apply", "--index", "--whitespace=nowarn", "-", given=diff)


def _write_files(files: Mapping[str, Any], target: Path) -> None:
    for name, content in sorted(files.items()):
        data = decode_content(content)
        if data is not None:
            path = _place(target, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(path.stat().st_mode | (0o111 if content.get("executable") else 0))
    for name, content in sorted(files.items()):  # now that nothing is written through them
        if "link" in content:
            path = _place(target, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(content["link"])


def _place(target: Path, name: str) -> Path:
    """Where a recorded name is; a record that someone else wrote may name any place."""
    path = target / name
    parts = [part.lower() for part in PurePosixPath(name).parts]
    is_inside = path.resolve().is_relative_to(target.resolve())
    if not is_inside or not parts or ".." in parts or ".git" in parts:
        raise CheckoutError(f"{name!r} is no name within the code; the record was damaged")
    return path


def _repositories_in(code: Mapping[str, Any], root: Path, target: Path) -> dict[str, Any]:
    """The recorded ones, and the submodules that were as in the commit."""
    if code["commit"] is None:
        return dict(code["repositories"])
    listed = _git(f"{target}: no submodules can be found", target, "ls-files", "--stage", "-z")
    index = os.fsdecode(listed).split("\0")
    entries = (entry.partition("\t") for entry in index if entry.startswith(_SUBMODULE_MODE))
    unchanged = {
        path: {"commit": fields.split()[1], "changes": {}, "files": {}, "repositories": {}}
        for fields, _, path in entries
        if (root / path / ".git").exists()
    }
    return {**unchanged, **code["repositories"]}
