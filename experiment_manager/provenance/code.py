"""The code of a run: the commit, what differs from it, and the files that it does not have.

The record is a dict with

- ``root``: the folder that the names are relative to; ``folder``: that of the code in it,
- ``commit``, ``branch``, ``remote``: None where there is none,
- ``is_dirty``: whether the code is another than the commit's; None where nothing tells,
- ``changes``: by file, the difference to the commit, as ``git apply`` takes it,
- ``files``: by file, the content of those that git does not track; without a commit of all,
- ``files_not_listed``: how many more there are,
- ``repositories``: such a record for each submodule that is not as in the commit, and for each
  repository inside that is no submodule,
- ``reason``: why ``is_dirty`` is None, where it is,
- ``elsewhere``: such a record for each other folder that code comes from, by its name; of what
  was recorded before these were, it is missing.

``changes`` and ``files`` hold contents as :mod:`~experiment_manager.provenance.contents` has
them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiment_manager.common.secret_names import MASK
from experiment_manager.provenance.changes import excluding, read_changes
from experiment_manager.provenance.contents import (
    FILES_LIMIT,
    NOT_SOURCE,
    is_source,
    list_sources,
    read_contents,
)
from experiment_manager.provenance.git import GitError, TreeStatus, run_git, tree_status
from experiment_manager.provenance.masking import mask_logins

REPOSITORIES_LIMIT = 8
NAMED_FILES = 3


def capture_code(
    folder: Path, leave_out: Iterable[Path] = (), files: Iterable[Path] | None = None
) -> dict[str, Any]:
    """The record of the code in a folder; of the repository around it, where there is one.

    Nothing is raised: where git cannot tell, the folder's source files are in the record, and
    the reason.

    Args:
        folder: Any folder of the code.
        leave_out: Folders and files that are no code, such as outputs; one that the code lies
            in does not count.
        files: Those in the folder that are its code where git cannot tell; None for all of its
            source files.
    """
    folder = folder.resolve()
    outside = {path.resolve() for path in leave_out}
    outside -= {folder, *folder.parents}
    try:
        return _capture_repository(folder, outside)
    except GitError as error:
        names = list_sources(folder, outside) if files is None else _names_in(folder, files)
        inside = [name for name in sorted(names) if outside.isdisjoint((folder / name).parents)]
        return _record(folder, files=inside, reason=str(error))


def all_codes(code: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A record and those of what lies elsewhere, each with what stands before its names.

    Args:
        code: What :func:`~experiment_manager.provenance.capture.capture` gave of the code.
    """
    yield "", code
    for name, other in code.get("elsewhere", {}).items():
        yield f"{name}: ", other


def dirty_tree_problem(code: Mapping[str, Any]) -> str | None:
    """Why a record's code is not that of a commit, in a sentence; None where it is.

    Args:
        code: What :func:`capture_code` gave.

    Example:
        >>> code = {"root": "/project", "commit": "1a2b", "is_dirty": True, "repositories": {},
        ...         "changes": {"net.py": {"text": ""}}, "files": {}}
        >>> print(dirty_tree_problem(code))
        /project: net.py is not as in the last commit; commit it, or add it to .gitignore
    """
    if code["is_dirty"] is None:
        return f"{code['root']}: nothing says that the code is that of a commit: {code['reason']}"
    if not code["is_dirty"]:
        return None
    names = sorted({*code["changes"], *code["repositories"], *_untracked_sources(code)})
    verb, pronoun = ("is", "it") if len(names) == 1 else ("are", "them")
    return (
        f"{code['root']}: {few_of(names)} {verb} not as in the last commit; commit {pronoun}, "
        f"or add {pronoun} to .gitignore"
    )


def few_of(names: Sequence[str]) -> str:
    """The first names, and how many more there are.

    Example:
        >>> few_of(["a.py", "b.py"]), few_of(["a.py", "b.py", "c.py", "d.py", "e.py"])
        ('a.py and b.py', 'a.py, b.py, c.py and 2 more')
    """
    more = len(names) - NAMED_FILES
    *shown, last = [*names[:NAMED_FILES], f"{more} more"] if more > 0 else names
    return f"{', '.join(shown)} and {last}" if shown else last


def _names_in(folder: Path, files: Iterable[Path]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files]


def _untracked_sources(code: Mapping[str, Any]) -> list[str]:
    return [name for name, content in code["files"].items() if content.get("reason") != NOT_SOURCE]


def _capture_repository(folder: Path, leave_out: Collection[Path]) -> dict[str, Any]:
    located = os.fsdecode(run_git(folder, "rev-parse", "--show-toplevel", "--show-prefix"))
    top, prefix, *_ = located.split("\n")
    root = Path(top)
    known: dict[str, Any] = {"folder": prefix.rstrip("/"), "remote": _remote_of(root)}
    try:
        status = tree_status(root, excluding(root, leave_out))
    except GitError as error:
        known |= {"commit": _commit_of(root), "reason": str(error)}
        return _record(root, files=_sources_in(folder, prefix, leave_out), **known)
    files = [name for name in status.untracked if not name.endswith("/")]
    if prefix and _is_ignored(folder):
        files += _sources_in(folder, prefix, leave_out)
    known |= {"branch": status.branch, "repositories": _inside(root, status, leave_out)}
    if status.commit is None:
        reason = "the repository has no commit yet"
        return _record(root, files=[*status.changed, *files], reason=reason, **known)
    changes = read_changes(root, status.changed, leave_out)
    is_dirty = bool(changes or known["repositories"] or any(map(is_source, files)))
    known |= {"commit": status.commit, "is_dirty": is_dirty, "changes": changes}
    return _record(root, files=files, **known)


def _sources_in(folder: Path, prefix: str, leave_out: Iterable[Path]) -> list[str]:
    return [f"{prefix}{name}" for name in list_sources(folder, leave_out)]


def _record(root: Path, *, files: Sequence[str], **known: Any) -> dict[str, Any]:
    unknown = dict.fromkeys(("commit", "branch", "remote", "is_dirty", "reason"))
    return {
        "root": root.as_posix(),
        "folder": "",
        **unknown,
        "changes": {},
        "files": read_contents(root, files),
        "files_not_listed": max(0, len(files) - FILES_LIMIT),
        "repositories": {},
        **known,
    }


def _is_ignored(folder: Path) -> bool:
    try:
        run_git(folder, "check-ignore", "--quiet", ".")
    except GitError:
        return False
    return True


def _commit_of(root: Path) -> str | None:
    try:
        return run_git(root, "rev-parse", "--verify", "HEAD").decode().strip()
    except GitError:
        return None


def _inside(root: Path, status: TreeStatus, leave_out: Collection[Path]) -> dict[str, Any]:
    nested = [name for name in status.untracked if name.endswith("/")]
    names = [*status.submodules, *nested][:REPOSITORIES_LIMIT]
    return {name.rstrip("/"): capture_code(root / name, leave_out) for name in sorted(names)}


def _remote_of(root: Path) -> str | None:
    """The URL, without user and password, of the remote called origin, else of the first one."""
    try:
        listed = run_git(root, "config", "-z", "--get-regexp", r"^remote\..*\.url$")
    except GitError:
        return None
    pairs = [entry.partition("\n") for entry in os.fsdecode(listed).split("\0") if entry]
    urls = {key: url for key, _, url in reversed(pairs)}
    url = urls.get("remote.origin.url") or urls[min(urls)]
    return mask_logins(url).replace(f"{MASK}@", "")
