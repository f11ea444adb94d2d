"""The files of which a change would be seen in no record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_manager.provenance.code import capture_code
from experiment_manager.provenance.unrecorded import unrecorded_files

Git = Callable[..., str]


def unrecorded(root: Path, *names: str) -> list[str]:
    files = [str(root / name) for name in names]
    found = unrecorded_files([capture_code(root)], files)
    return [Path(file).relative_to(root).as_posix() for file in found]


def test_what_a_commit_has_and_what_was_recorded_beside_it_is_known(repository: Path) -> None:
    (repository / "net.py").write_text("width = 16\n", encoding="utf-8")
    (repository / "new.py").touch()
    (repository / "login.py").write_text('PASSWORD = "a1b2c3"\n', encoding="utf-8")
    names = ("net.py", "experiments/base.yaml", "new.py", "login.py")
    assert unrecorded(repository, *names) == []


def test_what_git_ignores_or_lies_elsewhere_is_not(repository: Path) -> None:
    (repository / "ignored").mkdir()
    (repository / "ignored" / "net.py").touch()
    assert unrecorded(repository, "ignored/net.py", "net.py") == ["ignored/net.py"]
    elsewhere = str(repository.parent / "net.py")
    assert unrecorded_files([capture_code(repository)], [elsewhere]) == [elsewhere]


@pytest.mark.parametrize("is_submodule", [True, False])
def test_what_a_repository_within_has_is_known(
    repository: Path, tmp_path: Path, git: Git, *, is_submodule: bool
) -> None:
    git(tmp_path, "clone", "--quiet", str(repository), "lib")
    if is_submodule:
        allowed = ("-c", "protocol.file.allow=always")
        git(repository, *allowed, "submodule", "add", "--quiet", str(tmp_path / "lib"), "lib")
        git(repository, "commit", "--message=lib")
    else:
        (tmp_path / "lib").rename(repository / "lib")
    (repository / "lib" / "ignored").mkdir()
    (repository / "lib" / "ignored" / "x.py").touch()
    assert unrecorded(repository, "lib/net.py", "lib/ignored/x.py") == ["lib/ignored/x.py"]


def test_without_a_repository_it_is_what_was_recorded(tmp_path: Path) -> None:
    for name in ("net.py", "late.py"):
        (tmp_path / name).touch()
    code = capture_code(tmp_path, files=[tmp_path / "net.py"])
    late = str(tmp_path / "late.py")
    assert unrecorded_files([code], [str(tmp_path / "net.py"), late]) == [late]
