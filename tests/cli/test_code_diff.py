"""The recorded code of two runs, line by line."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_manager.cli.code_diff import code_diff
from experiment_manager.provenance.code import capture_code

Commit = Callable[[], None]


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commit:
    """Commits all that is in the test's folder, a repository."""
    for kind in ("SYSTEM", "GLOBAL"):
        monkeypatch.setenv(f"GIT_CONFIG_{kind}", os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.com")

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    def commit_all() -> None:
        git("add", ".")
        git("commit", "--message=work")

    git("init", "--initial-branch=main")
    return commit_all


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def test_files_of_two_commits_are_compared(tmp_path: Path, commit: Commit) -> None:
    write(tmp_path, net="width = 8\n", same="x = 1\n")
    commit()
    before = capture_code(tmp_path)
    write(tmp_path, net="width = 16\n", new="y = 2\n")
    commit()
    assert code_diff(before, capture_code(tmp_path)) == [
        *("--- a/net.py", "+++ b/net.py", "@@ -1 +1 @@", "-width = 8", "+width = 16"),
        *("--- a/new.py", "+++ b/new.py", "@@ -0,0 +1 @@", "+y = 2"),
    ]


def test_changes_that_no_commit_has_are_compared(tmp_path: Path, commit: Commit) -> None:
    write(tmp_path, net="width = 8\n")
    commit()
    write(tmp_path, net="width = 16\n")
    before = capture_code(tmp_path)
    write(tmp_path, net="width = 32\n")
    assert code_diff(before, capture_code(tmp_path))[-2:] == ["-width = 16", "+width = 32"]


def test_the_same_code_has_no_difference(tmp_path: Path, commit: Commit) -> None:
    write(tmp_path, net="width = 8\n")
    commit()
    code = capture_code(tmp_path)
    assert code_diff(code, code) == []


def test_without_the_repository_what_was_recorded_beside_it_is_compared(
    tmp_path: Path, commit: Commit
) -> None:
    write(tmp_path, net="width = 8\n")
    commit()
    write(tmp_path, net="width = 16\n", new="y = 2\n")
    before = capture_code(tmp_path)
    write(tmp_path, net="width = 32\n", new="y = 3\n")
    after = capture_code(tmp_path)
    shutil.rmtree(tmp_path / ".git")
    first, *lines = code_diff(before, after)
    assert first.startswith("Only what was recorded beside the commit: ")
    assert "--- a/net.py (change to the commit)" in lines
    assert "-+width = 16" in lines
    assert "++width = 32" in lines
    assert lines[-2:] == ["-y = 2", "+y = 3"]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (b"\xff\x00", b"\xfe", "Binary files a/Makefile and b/Makefile differ"),
        (b"x = 1\n", b"x = 1", "Files a/Makefile and b/Makefile differ in their line ends"),
    ],
)
def test_what_has_no_lines_that_differ_is_named(
    tmp_path: Path, before: bytes, after: bytes, line: str
) -> None:
    codes = []
    for content in (before, after):
        (tmp_path / "Makefile").write_bytes(content)
        codes.append(capture_code(tmp_path))
    assert code_diff(*codes) == [line]


def test_a_link_that_leads_elsewhere_is_a_difference(tmp_path: Path, commit: Commit) -> None:
    codes = []
    for target in ("one.py", "other.py"):
        (tmp_path / "link.py").unlink(missing_ok=True)
        (tmp_path / "link.py").symlink_to(target)
        commit()
        codes.append(capture_code(tmp_path))
    assert code_diff(*codes)[-2:] == ["--> one.py", "+-> other.py"]
