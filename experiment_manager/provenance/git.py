"""The ``git`` program: asked without a change to the repository, and what it says of a tree."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiment_manager.common.errors import ExperimentManagerError

TIMEOUT_S = 10.0

# Set where git runs us as a hook; what counts is the folder.
_NOT_FOR_US = frozenset(
    {
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"),
        *("GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_DIFF_OPTS", "GIT_LITERAL_PATHSPECS"),
        *("GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"),
    }
)
_FIELDS_BEFORE_NAME = {"1": 7, "u": 9}  # an ordinary change, and one with conflicts
_SETTINGS = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


class GitError(ExperimentManagerError):
    """Git is missing, refuses, or takes too long; the text says which."""


def run_git(
    folder: Path, *arguments: str, given: bytes = b"", timeout_s: float | None = None
) -> bytes:
    """What a git command prints.

    Args:
        folder: Where it runs.
        arguments: The command and its arguments.
        given: Its standard input.
        timeout_s: Seconds after which it is stopped; None for :data:`TIMEOUT_S`.

    Raises:
        GitError: There is no git, or it failed, with the first line of its complaint.
    """
    variables = {k: v for k, v in os.environ.items() if k not in _NOT_FOR_US} | _SETTINGS
    command = ("git", "-C", str(folder), *arguments)
    timeout = TIMEOUT_S if timeout_s is None else timeout_s
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and git is found as users find it
            command, input=given, capture_output=True, check=True, env=variables, timeout=timeout
        )
    except FileNotFoundError as error:
        raise GitError("git is not installed") from error
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git {arguments[0]} took more than {timeout:g} s") from error
    except subprocess.CalledProcessError as error:
        raise GitError(_complaint(error)) from error
    return done.stdout


def _complaint(error: subprocess.CalledProcessError) -> str:
    lines = error.stderr.decode(errors="replace").strip().splitlines()
    first = lines[0].removeprefix("fatal: ").removeprefix("error: ") if lines else ""
    return first or f"git ended with code {error.returncode}"


@dataclass(frozen=True)
class TreeStatus:
    """How a working tree stands to its commit; names are relative to its root, with ``/``.

    Attributes:
        commit: The full hash; None before the first commit.
        branch: None where none is checked out.
        changed: Files of the commit or the index that are not as in the commit.
        untracked: Files that are neither there nor ignored; a repository ends with ``/``.
        submodules: Those at another commit, or with changes in them.
    """

    commit: str | None
    branch: str | None
    changed: tuple[str, ...]
    untracked: tuple[str, ...]
    submodules: tuple[str, ...]


def tree_status(folder: Path, pathspecs: Sequence[str] = ()) -> TreeStatus:
    """How the working tree that a folder is in stands.

    Args:
        folder: Any folder of it.
        pathspecs: Which files count; all, where there are none.

    Raises:
        GitError: Git does not tell.
    """
    options = ("--porcelain=v2", "--branch", "--no-ahead-behind", "--no-renames", "-z")
    wanted = ("--untracked-files=all", "--ignore-submodules=none", "--", *pathspecs)
    return parse_status(run_git(folder, "status", *options, *wanted))


def parse_status(output: bytes) -> TreeStatus:
    r"""What ``git status --porcelain=v2 --branch --no-renames -z`` says.

    Example:
        >>> status = parse_status(b"# branch.oid 1a2b\0# branch.head main\0? notes.py\0")
        >>> status.commit, status.branch, status.untracked
        ('1a2b', 'main', ('notes.py',))
    """
    headers: dict[str, str] = {}
    names: dict[str, list[str]] = {"changed": [], "untracked": [], "submodules": []}
    for entry in os.fsdecode(output).split("\0"):
        kind, _, rest = entry.partition(" ")
        if kind == "#":
            key, _, headers[key] = rest.partition(" ")
        elif kind == "?":
            names["untracked"].append(rest)
        elif kind in _FIELDS_BEFORE_NAME:
            *fields, name = rest.split(" ", _FIELDS_BEFORE_NAME[kind])
            is_submodule = fields[1].startswith("S")
            names["submodules" if is_submodule else "changed"].append(name)
    commit, branch = headers.get("branch.oid"), headers.get("branch.head")
    return TreeStatus(
        None if commit == "(initial)" else commit,
        None if branch == "(detached)" else branch,
        **{group: tuple(sorted(found)) for group, found in names.items()},
    )
