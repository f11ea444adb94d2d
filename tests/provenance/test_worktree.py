"""Recorded code becomes files again, elsewhere."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.provenance.code import capture_code
from experiment_manager.provenance.comparison import compare
from experiment_manager.provenance.worktree import (
    CheckoutError,
    checkout,
    left_out,
    temporary_checkout,
)

Git = Callable[..., str]


def put(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def files_in(folder: Path) -> dict[str, bytes]:
    """The content of every file, but for git's own."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def recorded(folder: Path) -> dict[str, Any]:
    """The record as it comes out of a database."""
    loaded: dict[str, Any] = json.loads(json.dumps(capture_code(folder)))
    return loaded


@pytest.fixture
def dirty(repository: Path, git: Git) -> Path:
    """A repository with changes of every kind."""
    put(repository / "data.bin", bytes(range(256)))
    put(repository / "old.py", "old = 1\n")
    put(repository / "tool", "#!/bin/sh\n")
    put(repository / "latin.py", "# größer\n".encode("latin-1"))
    git(repository, "add", ".")
    git(repository, "commit", "--message=second")
    put(repository / "net.py", "width = 16  \r\nno newline at the end")
    put(repository / "data.bin", bytes(range(255, -1, -1)))
    put(repository / "latin.py", "# viel größer\n".encode("latin-1"))
    put(repository / "staged ü.py", "new = 1\n")
    git(repository, "add", "staged ü.py")
    (repository / "old.py").unlink()
    (repository / "tool").chmod(0o755)
    (repository / ".gitignore").unlink()
    (repository / ".gitignore").symlink_to("net.py")
    put(repository / "lib" / "new.py", "new = 2\n")
    put(repository / "lib" / "run.sh", "#!/bin/sh\n")
    (repository / "lib" / "run.sh").chmod(0o755)
    (repository / "data").symlink_to("/mnt/data")
    return repository


def test_every_file_is_as_it_was(dirty: Path, tmp_path: Path) -> None:
    checkout(recorded(dirty), tmp_path / "again")
    assert files_in(tmp_path / "again") == files_in(dirty)
    for name in ("tool", "lib/run.sh"):
        assert os.access(tmp_path / "again" / name, os.X_OK)
    for name in ("data", ".gitignore"):
        assert (tmp_path / "again" / name).readlink() == (dirty / name).readlink()


def test_what_is_captured_of_it_is_what_was_recorded(dirty: Path, tmp_path: Path) -> None:
    code = recorded(dirty)
    checkout(code, tmp_path / "again")
    again = capture_code(tmp_path / "again")
    assert {**again, "root": code["root"], "branch": code["branch"]} == code
    assert compare({"code": code}, {"code": again}) == []


def test_the_repository_is_left_as_it_was(dirty: Path, tmp_path: Path) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in dirty.rglob("*") if path.is_file()}

    before = files()
    checkout(recorded(dirty), tmp_path / "again")
    assert files() == before


def test_a_commit_that_no_branch_has_any_more_is_found(
    repository: Path, git: Git, tmp_path: Path
) -> None:
    code = recorded(repository)
    git(repository, "commit", "--amend", "--message=other", "--allow-empty")
    checkout(code, tmp_path / "again")
    assert git(tmp_path / "again", "rev-parse", "HEAD") == code["commit"]


def test_a_commit_of_a_shallow_clone_is_enough(repository: Path, git: Git, tmp_path: Path) -> None:
    git(repository, "commit", "--allow-empty", "--message=second")
    git(tmp_path, "clone", "--depth=1", repository.as_uri(), "shallow")
    checkout(recorded(tmp_path / "shallow"), tmp_path / "again")
    assert files_in(tmp_path / "again") == files_in(repository)


def test_a_repository_with_longer_hashes_is_rebuilt(tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "--object-format=sha256", "project")
    put(tmp_path / "project" / "net.py", "width = 8\n")
    git(tmp_path / "project", "add", ".")
    git(tmp_path / "project", "commit", "--message=first")
    put(tmp_path / "project" / "net.py", "width = 16\n")
    checkout(recorded(tmp_path / "project"), tmp_path / "again")
    assert files_in(tmp_path / "again") == {"net.py": b"width = 16\n"}


def test_a_worktree_is_rebuilt(repository: Path, git: Git, tmp_path: Path) -> None:
    git(repository, "worktree", "add", str(tmp_path / "side"))
    put(tmp_path / "side" / "new.py", "new = 1\n")
    checkout(recorded(tmp_path / "side"), tmp_path / "again")
    assert "new.py" in files_in(tmp_path / "again")


def test_code_without_a_repository_is_its_files(tmp_path: Path) -> None:
    put(tmp_path / "code" / "training.py", "x = 1\n")
    code = recorded(tmp_path / "code")
    checkout(code, tmp_path / "again")
    assert files_in(tmp_path / "again") == {"training.py": b"x = 1\n"}


def test_submodules_are_rebuilt_changed_or_not(repository: Path, git: Git, tmp_path: Path) -> None:
    for name in ("plain", "changed"):
        put(tmp_path / name / "lib.py", "z = 1\n")
        git(tmp_path / name, "init")
        git(tmp_path / name, "add", ".")
        git(tmp_path / name, "commit", "--message=lib")
        allowed = ("-c", "protocol.file.allow=always")
        git(repository, *allowed, "submodule", "add", str(tmp_path / name), f"lib/{name}")
    git(repository, "commit", "--message=submodules")
    put(repository / "lib" / "changed" / "lib.py", "z = 2\n")
    checkout(recorded(repository), tmp_path / "again")
    assert files_in(tmp_path / "again") == files_in(repository)


def test_the_users_settings_of_git_do_not_change_what_is_written(
    dirty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "hooks"
    put(hooks / "post-checkout", "#!/bin/sh\ntouch hook-was-here\n")
    (hooks / "post-checkout").chmod(0o755)
    put(tmp_path / "settings", f"[apply]\nwhitespace = fix\n[core]\nhooksPath = {hooks}\n")
    code = recorded(dirty)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "settings"))
    checkout(code, tmp_path / "again")
    assert files_in(tmp_path / "again") == files_in(dirty)


def test_a_temporary_one_is_gone_afterwards(repository: Path) -> None:
    with temporary_checkout(recorded(repository)) as folder:
        assert files_in(folder) == files_in(repository)
    assert not folder.exists()


def test_a_temporary_one_is_gone_after_an_error_as_well(repository: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        temporary_checkout(recorded(repository)) as folder,
    ):
        raise KeyboardInterrupt
    assert not folder.exists()


def test_a_repository_that_was_moved_can_be_named(repository: Path, tmp_path: Path) -> None:
    code = recorded(repository)
    moved = repository.rename(tmp_path / "moved")
    checkout(code, tmp_path / "again", repository=moved)
    assert files_in(tmp_path / "again") == files_in(moved)


# What cannot be had again.


def test_a_repository_that_is_gone_is_told(repository: Path, tmp_path: Path) -> None:
    code = recorded(repository)
    shutil.rmtree(repository)
    with pytest.raises(
        CheckoutError,
        match=r"project: the recorded repository cannot be used; perhaps it was moved",
    ):
        checkout(code, tmp_path / "again")


def test_a_commit_that_is_gone_is_told_with_a_way_to_get_it(
    repository: Path, tmp_path: Path
) -> None:
    code = {**recorded(repository), "commit": "1a2b" * 10}
    with pytest.raises(CheckoutError, match=r"is not there any more.*'git fetch origin 1a2b"):
        checkout(code, tmp_path / "again")


def test_changes_that_do_not_fit_are_told(dirty: Path, git: Git, tmp_path: Path) -> None:
    code = {**recorded(dirty), "commit": git(dirty, "rev-parse", "HEAD~1")}
    with pytest.raises(CheckoutError, match=r"the recorded changes do not fit to the commit: "):
        checkout(code, tmp_path / "again")


def test_a_folder_that_has_files_is_not_touched(repository: Path, tmp_path: Path) -> None:
    put(tmp_path / "again" / "mine.txt", "mine")
    with pytest.raises(CheckoutError, match="again: is not empty; name a new folder"):
        checkout(recorded(repository), tmp_path / "again")
    assert files_in(tmp_path / "again") == {"mine.txt": b"mine"}


def test_a_folder_that_cannot_be_written_is_told(repository: Path, tmp_path: Path) -> None:
    put(tmp_path / "file", "")
    with pytest.raises(CheckoutError, match="the code cannot be written"):
        checkout(recorded(repository), tmp_path / "file" / "again")


# A record that somebody else wrote.


@pytest.mark.parametrize(
    "name",
    ["/tmp/x.py", "../x.py", "a/../../x.py", ".git/hooks/post-commit", "lib/.GIT/config", ""],
)
@pytest.mark.parametrize("content", [{"text": "x"}, {"link": "/etc"}])
def test_nothing_is_written_outside(
    repository: Path, tmp_path: Path, name: str, content: dict[str, str]
) -> None:
    code = {**recorded(repository), "files": {name: content}}
    with pytest.raises(CheckoutError, match=r"is no name within the code; the record was damaged"):
        checkout(code, tmp_path / "again")
    assert not (tmp_path / "x.py").exists()


@pytest.mark.parametrize("name", ["out", "out/x.py"])
def test_nothing_is_written_through_a_link_of_the_code(
    repository: Path, git: Git, tmp_path: Path, name: str
) -> None:
    (repository / "out").symlink_to(tmp_path / "elsewhere")
    git(repository, "add", ".")
    git(repository, "commit", "--message=link")
    code = {**recorded(repository), "files": {name: {"text": "x"}}}
    with pytest.raises(CheckoutError, match="is no name within the code"):
        checkout(code, tmp_path / "again")
    assert not (tmp_path / "elsewhere").exists()


def test_nothing_is_written_through_a_link_of_the_record(repository: Path, tmp_path: Path) -> None:
    files = {"a": {"link": str(tmp_path)}, "a/x.py": {"text": "x"}}
    with pytest.raises(CheckoutError):
        checkout({**recorded(repository), "files": files}, tmp_path / "again")
    assert not (tmp_path / "x.py").exists()


@pytest.mark.parametrize("commit", ["--help", "main", "1a2b", "1A2B" * 10])
def test_a_commit_is_a_full_hash(repository: Path, tmp_path: Path, commit: str) -> None:
    code = {**recorded(repository), "commit": commit}
    with pytest.raises(CheckoutError, match=r"is no commit; the record was damaged"):
        checkout(code, tmp_path / "again")


# What the record does not hold.


def test_source_files_that_were_left_out_are_told(repository: Path, git: Git) -> None:
    put(repository / "large.py", "#" * (2**20 + 1))
    put(repository / "plot.png", "no source")
    put(repository / "net.py", "password = 'hunter2'\n")
    put(repository / "vendored" / "all.ipynb", "#" * (2**20 + 1))
    git(repository / "vendored", "init")
    code = recorded(repository)
    assert left_out(code) == {
        "large.py": "larger than 1 MiB",
        "net.py": "seems to hold a secret",
        "vendored/all.ipynb": "larger than 1 MiB",
    }
