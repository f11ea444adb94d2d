"""Git is asked, and its answers are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_manager.provenance.git import GitError, parse_status, run_git, tree_status

Git = Callable[..., str]


def test_what_a_command_prints_is_given_back(repository: Path) -> None:
    assert run_git(repository, "rev-parse", "--abbrev-ref", "HEAD") == b"main\n"


def test_a_command_gets_its_input(repository: Path) -> None:
    empty = b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\n"  # git's name of a file without content
    assert run_git(repository, "hash-object", "--stdin", given=b"") == empty
    assert run_git(repository, "hash-object", "--stdin", given=b"x") != empty


def test_a_refusal_is_told_by_its_first_line(tmp_path: Path) -> None:
    with pytest.raises(GitError, match=r"^not a git repository \(or any"):
        run_git(tmp_path, "status")


def test_a_failure_without_words_is_told_by_its_code(repository: Path) -> None:
    with pytest.raises(GitError, match=r"^git ended with code 1$"):
        run_git(repository, "check-ignore", "--quiet", "net.py")


def test_a_git_that_cannot_be_started_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").write_text("", encoding="utf-8")  # is not executable
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match=r"^git cannot be started: Permission denied$"):
        run_git(tmp_path, "status")


def test_a_command_that_takes_too_long_is_stopped(repository: Path, git: Git) -> None:
    git(repository, "config", "alias.sleep", "!exec sleep 30")
    with pytest.raises(GitError, match=r"^git sleep took more than 0\.2 s$"):
        run_git(repository, "sleep", timeout_s=0.2)


def test_the_status_of_a_tree_is_read(repository: Path, git: Git) -> None:
    (repository / "net.py").write_text("", encoding="utf-8")
    (repository / "a b\n.py").write_text("", encoding="utf-8")
    status = tree_status(repository)
    assert (status.commit, status.branch) == (git(repository, "rev-parse", "HEAD"), "main")
    assert (status.changed, status.untracked) == (("net.py",), ("a b\n.py",))


def test_changes_conflicts_and_submodules_are_told_apart() -> None:
    hashes = " ".join(["1a2b"] * 2)
    entries = [
        "# branch.oid (initial)",
        "# branch.head (detached)",
        f"1 .M N... 100644 100644 100644 {hashes} a b.py",
        f"1 .M SC.. 160000 160000 160000 {hashes} lib",
        f"u UU N... 100644 100644 100644 100644 1a2b {hashes} c d.py",
        "? nested/",
    ]
    status = parse_status("\0".join([*entries, ""]).encode())
    assert (status.commit, status.branch) == (None, None)
    assert (status.changed, status.submodules) == (("a b.py", "c d.py"), ("lib",))
    assert status.untracked == ("nested/",)
