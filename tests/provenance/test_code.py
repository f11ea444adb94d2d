"""The record of a folder's code, from real repositories in every state."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.provenance import git as git_module
from experiment_manager.provenance.code import capture_code, dirty_tree_problem

Git = Callable[..., str]


def put(path: Path, content: str | bytes = "x = 1\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def names(code: dict[str, Any]) -> tuple[list[str], list[str]]:
    return list(code["changes"]), list(code["files"])


# A repository.


def test_a_clean_repository_is_its_commit(repository: Path, git: Git) -> None:
    assert capture_code(repository) == {
        "root": str(repository),
        "folder": "",
        "commit": git(repository, "rev-parse", "HEAD"),
        "branch": "main",
        "remote": None,
        "is_dirty": False,
        "changes": {},
        "files": {},
        "files_not_listed": 0,
        "repositories": {},
        "reason": None,
    }


def test_a_folder_within_stands_for_its_whole_repository(repository: Path) -> None:
    put(repository / "net.py", "width = 16\n")
    code = capture_code(repository / "experiments")
    assert (code["root"], code["folder"]) == (str(repository), "experiments")
    assert names(code) == (["net.py"], [])


def test_a_detached_head_has_no_branch(repository: Path, git: Git) -> None:
    git(repository, "checkout", "--detach")
    assert capture_code(repository)["branch"] is None


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        ("https://me:token@example.com/lab/nets.git", "https://example.com/lab/nets.git"),
        ("https://token@example.com/nets.git", "https://example.com/nets.git"),
        ("git@example.com:lab/nets.git", "git@example.com:lab/nets.git"),
    ],
)
def test_the_remote_is_recorded_without_what_opens_it(
    repository: Path, git: Git, url: str, recorded: str
) -> None:
    git(repository, "remote", "add", "upstream", "https://example.com/other.git")
    git(repository, "remote", "add", "origin", url)
    assert capture_code(repository)["remote"] == recorded


def test_a_remote_of_another_name_will_do(repository: Path, git: Git) -> None:
    git(repository, "remote", "add", "upstream", "https://example.com/other.git")
    assert capture_code(repository)["remote"] == "https://example.com/other.git"


# What differs from the commit.


def test_a_changed_file_is_recorded_as_what_was_changed(repository: Path) -> None:
    put(repository / "net.py", "width = 16\n")
    code = capture_code(repository)
    assert code["is_dirty"] is True
    assert code["changes"]["net.py"]["text"].endswith("-width = 8\n+width = 16\n")


def test_staged_new_and_deleted_files_are_changes(repository: Path, git: Git) -> None:
    put(repository / "new.py")
    git(repository, "add", "new.py")
    (repository / "net.py").unlink()
    assert names(capture_code(repository)) == (["net.py", "new.py"], [])


def test_a_file_that_was_only_touched_is_no_change(repository: Path) -> None:
    os.utime(repository / "net.py", (1, 1))
    put(repository / "experiments" / "base.yaml", "epochs: 4\n")
    assert names(capture_code(repository)) == (["experiments/base.yaml"], [])


def test_a_staged_change_that_was_undone_in_the_file_is_none(repository: Path, git: Git) -> None:
    put(repository / "net.py", "width = 16\n")
    git(repository, "add", "net.py")
    put(repository / "net.py", "width = 8\n")
    assert capture_code(repository)["is_dirty"] is False


def test_a_file_with_conflicts_is_a_change(repository: Path, git: Git) -> None:
    for branch, width in (("wide", 64), ("main", 16)):
        git(repository, "checkout", "-B", branch, "main")
        put(repository / "net.py", f"width = {width}\n")
        git(repository, "commit", "--all", "--message=width")
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "wide")
    assert "+=======" in capture_code(repository)["changes"]["net.py"]["text"]


def test_a_change_that_is_no_utf_8_is_recorded_in_base64(repository: Path) -> None:
    put(repository / "net.py", "# größer\nwidth = 16\n".encode("latin-1"))
    assert list(capture_code(repository)["changes"]["net.py"]) == ["base64"]


def test_a_change_that_seems_to_hold_a_secret_is_left_out(repository: Path) -> None:
    put(repository / "net.py", "width = 16\n")
    put(repository / "experiments" / "base.yaml", "url: mysql://me:hunter2@example.com/x\n")
    changes = capture_code(repository)["changes"]
    assert changes["experiments/base.yaml"].keys() == {"sha256", "reason"}
    assert "text" in changes["net.py"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (".env", b"A=1", "its name is one for secrets"),
        ("weights.bin", bytes(16 * 2**20 + 1), "larger than 16 MiB"),
    ],
)
def test_a_tracked_file_of_secrets_or_of_great_size_is_no_part_of_the_changes(
    repository: Path, git: Git, name: str, content: bytes, reason: str
) -> None:
    put(repository / name, b"before")
    git(repository, "add", ".")
    git(repository, "commit", "--message=second")
    put(repository / name, content)
    assert capture_code(repository)["changes"] == {name: {"reason": reason}}


def test_changes_that_are_large_by_themselves_or_together_are_left_out(
    repository: Path, git: Git
) -> None:
    files = {f"{number}.py": 100_000 + 100 * number for number in range(5)} | {"5.py": 130_000}
    for name in files:
        put(repository / name)
    git(repository, "add", ".")
    git(repository, "commit", "--message=second")
    for name, lines in files.items():
        put(repository / name, "1234567\n" * lines)
    changes = capture_code(repository)["changes"]
    assert {name: content.get("reason") for name, content in changes.items()} == {
        **dict.fromkeys(("0.py", "1.py", "2.py", "3.py")),
        "4.py": "4 MiB were taken already",
        "5.py": "larger than 1 MiB",
    }


# Files that are not tracked.


def test_untracked_source_files_are_recorded_and_ignored_ones_are_not(repository: Path) -> None:
    put(repository / "lib" / "new.py", "y = 2\n")
    put(repository / "ignored" / "old.py")
    code = capture_code(repository)
    assert code["is_dirty"] is True
    assert code["files"] == {"lib/new.py": {"text": "y = 2\n"}}


def test_an_untracked_file_that_is_no_source_is_named_and_makes_nothing_dirty(
    repository: Path,
) -> None:
    put(repository / "plot.png", b"\x89PNG")
    code = capture_code(repository)
    assert code["files"] == {"plot.png": {"reason": "no source file"}}
    assert code["is_dirty"] is False


def test_names_may_have_spaces_quotes_and_letters_of_any_language(
    repository: Path, git: Git
) -> None:
    put(repository / 'a "b" ä.py')
    git(repository, "add", ".")
    put(repository / "c d ü.py")
    code = capture_code(repository)
    assert code["files"] == {"c d ü.py": {"text": "x = 1\n"}}
    (change,) = code["changes"].values()
    assert "+x = 1" in change["text"]


def test_what_is_left_out_is_no_part_of_the_code(repository: Path, git: Git) -> None:
    put(repository / "outputs" / "tracked.yaml", "a: 1\n")
    git(repository, "add", ".")
    git(repository, "commit", "--message=second")
    put(repository / "outputs" / "tracked.yaml", "a: 2\n")
    put(repository / "outputs" / "new.yaml")
    put(repository / "experiments.json")
    outputs = [repository / "outputs", repository / "experiments.json", Path("/elsewhere")]
    code = capture_code(repository, leave_out=outputs)
    assert (code["is_dirty"], *names(code)) == (False, [], [])


def test_a_folder_that_holds_the_code_is_never_left_out(repository: Path) -> None:
    put(repository / "experiments" / "training.py")
    folder = repository / "experiments"
    code = capture_code(folder, leave_out=[repository, folder])
    assert names(code) == ([], ["experiments/training.py"])


def test_an_ignored_folder_is_recorded_where_it_is_the_one_that_runs(repository: Path) -> None:
    put(repository / "ignored" / "training.py")
    code = capture_code(repository / "ignored")
    assert (code["folder"], code["is_dirty"]) == ("ignored", True)
    assert names(code) == ([], ["ignored/training.py"])


# Repositories in a repository.


@pytest.fixture
def library(tmp_path: Path, git: Git) -> Path:
    """Another repository with a commit."""
    root = tmp_path / "library"
    put(root / "lib.py", "z = 1\n")
    git(root, "init")
    git(root, "add", ".")
    git(root, "commit", "--message=lib")
    return root


@pytest.fixture
def submodule(repository: Path, library: Path, git: Git) -> Path:
    """The library as a submodule of the repository."""
    allowed = ("-c", "protocol.file.allow=always")
    git(repository, *allowed, "submodule", "add", str(library), "lib")
    git(repository, "commit", "--message=submodule")
    return repository / "lib"


@pytest.mark.usefixtures("submodule")
def test_a_submodule_as_in_the_commit_needs_no_record(repository: Path) -> None:
    code = capture_code(repository)
    assert (code["is_dirty"], code["repositories"]) == (False, {})


def test_a_changed_submodule_has_a_record_of_its_own(repository: Path, submodule: Path) -> None:
    put(submodule / "lib.py", "z = 2\n")
    code = capture_code(repository)
    assert code["is_dirty"] is True
    assert names(code["repositories"]["lib"]) == (["lib.py"], [])


def test_a_submodule_at_another_commit_has_a_record(
    repository: Path, submodule: Path, git: Git
) -> None:
    git(submodule, "commit", "--allow-empty", "--message=newer")
    inner = capture_code(repository)["repositories"]["lib"]
    assert inner["commit"] == git(submodule, "rev-parse", "HEAD")
    assert inner["is_dirty"] is False


def test_a_repository_that_lies_inside_untracked_has_a_record(
    repository: Path, library: Path
) -> None:
    shutil.move(library, repository / "vendored")
    code = capture_code(repository)
    assert (code["is_dirty"], code["files"]) == (True, {})
    assert code["repositories"]["vendored"]["root"] == str(repository / "vendored")


def test_a_worktree_is_a_repository(repository: Path, git: Git, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-b", "side", str(tmp_path / "side"))
    put(tmp_path / "side" / "net.py", "width = 16\n")
    code = capture_code(tmp_path / "side")
    assert (code["root"], code["branch"]) == (str(tmp_path / "side"), "side")
    assert names(code) == (["net.py"], [])


# No repository, or one that git will not read.


def test_without_a_repository_the_source_files_are_recorded(tmp_path: Path) -> None:
    put(tmp_path / "training.py", "y = 2\n")
    put(tmp_path / "weights.pt", b"\x00")
    put(tmp_path / ".venv" / "lib.py")
    put(tmp_path / "outputs" / "config.yaml")
    code = capture_code(tmp_path, leave_out=[tmp_path / "outputs"])
    assert code["files"] == {"training.py": {"text": "y = 2\n"}}
    assert (code["root"], code["commit"], code["is_dirty"]) == (str(tmp_path), None, None)
    assert code["reason"].startswith("not a git repository")


def test_without_git_the_source_files_are_recorded(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code = capture_code(repository)
    assert names(code) == ([], [".gitignore", "experiments/base.yaml", "net.py"])
    assert code["reason"] == "git is not installed"


def test_before_the_first_commit_all_files_are_recorded(tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "--initial-branch=main")
    put(tmp_path / "added.py")
    git(tmp_path, "add", "added.py")
    put(tmp_path / "new.py")
    code = capture_code(tmp_path)
    assert names(code) == ([], ["added.py", "new.py"])
    assert (code["commit"], code["branch"]) == (None, "main")
    assert code["reason"] == "the repository has no commit yet"


def test_a_bare_repository_has_no_working_tree(tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "--bare")
    assert "work tree" in capture_code(tmp_path)["reason"]


def test_a_repository_of_somebody_else_is_not_read(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for its tests
    code = capture_code(repository)
    assert "dubious ownership" in code["reason"]
    assert "net.py" in code["files"]


def test_a_repository_that_takes_too_long_still_tells_its_commit(
    repository: Path, git: Git, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hook = tmp_path / "hook"
    put(hook, "#!/bin/sh\nexec sleep 30\n")
    hook.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(hook))
    monkeypatch.setattr(git_module, "TIMEOUT_S", 0.3)
    code = capture_code(repository / "experiments")
    assert code["reason"] == "git status took more than 0.3 s"
    assert (code["commit"], code["is_dirty"]) == (git(repository, "rev-parse", "HEAD"), None)
    assert names(code) == ([], ["experiments/base.yaml"])


def test_of_named_files_those_that_are_no_code_are_left_out(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("net.py", "a.py", "outputs/x.yaml")]
    for file in (*files, tmp_path / "other.py"):
        put(file)
    code = capture_code(tmp_path, [tmp_path / "outputs"], files)
    assert names(code) == ([], ["a.py", "net.py"])


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    code = capture_code(tmp_path / "nowhere")
    assert (code["files"], code["commit"]) == ({}, None)


# As long as nothing changes.


def test_the_same_code_has_the_same_record_which_json_can_hold(repository: Path) -> None:
    put(repository / "net.py", "width = 16\n")
    put(repository / "new.py")
    code = capture_code(repository)
    assert capture_code(repository) == code
    assert json.loads(json.dumps(code)) == code


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("diff.noprefix", "true"),
        ("diff.external", "false"),
        ("color.ui", "always"),
        ("diff.context", "0"),
        ("status.showUntrackedFiles", "no"),
        ("core.quotePath", "true"),
    ],
)
def test_the_users_settings_of_git_do_not_change_the_record(
    repository: Path, git: Git, key: str, value: str
) -> None:
    put(repository / "net.py", "width = 16\n")
    put(repository / "neü.py")
    before = capture_code(repository)
    git(repository, "config", key, value)
    assert capture_code(repository) == before


def test_a_hook_of_another_repository_does_not_mislead(
    repository: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(library / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(library / ".git" / "index"))
    assert capture_code(repository)["is_dirty"] is False


def test_nothing_in_the_repository_is_written(repository: Path) -> None:
    def files() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in repository.rglob("*")}

    os.utime(repository / "net.py", (1, 1))  # git would refresh its index
    put(repository / "new.py")
    before = files()
    capture_code(repository)
    assert files() == before


# Whether the tree is clean.


def test_a_clean_tree_is_no_problem(repository: Path) -> None:
    assert dirty_tree_problem(capture_code(repository)) is None


def test_the_problem_of_a_dirty_tree_names_a_few_files(repository: Path) -> None:
    put(repository / "net.py", "width = 16\n")
    for letter in "abcd":
        put(repository / f"{letter}.py")
    put(repository / "plot.png")
    assert dirty_tree_problem(capture_code(repository)) == (
        f"{repository}: a.py, b.py, c.py and 2 more are not as in the last commit; "
        "commit them, or add them to .gitignore"
    )


def test_where_nothing_tells_whether_the_tree_is_clean_the_problem_says_why(
    tmp_path: Path,
) -> None:
    problem = dirty_tree_problem(capture_code(tmp_path))
    assert problem is not None
    assert "not a git repository" in problem
