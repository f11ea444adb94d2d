"""The recorded code in a folder of its own, with links to what never was code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from experiment_manager.common.code_place import moved
from experiment_manager.execution.recorded_code import recorded_code
from experiment_manager.provenance.code import capture_code

if TYPE_CHECKING:
    from tests.execution.conftest import Project


@pytest.fixture(autouse=True)
def _committed(project: Project) -> None:
    project.commit()


def names_in(folder: Path) -> set[str]:
    names = (path.relative_to(folder) for path in folder.rglob("*"))
    return {name.as_posix() for name in names if ".git" not in name.parts}


def test_it_is_the_code_that_was_recorded(project: Project) -> None:
    project.write("repeated_noise.py", "NOISE = 2.0\n")
    project.write("never_committed.py", "x = 1\n")
    code = capture_code(project.root)
    project.write("repeated_noise.py", "NOISE = 3.0\n")
    (project.root / "never_committed.py").unlink()
    with recorded_code(code) as folder:
        assert (folder / "repeated_noise.py").read_text(encoding="utf-8") == "NOISE = 2.0\n"
        assert (folder / "never_committed.py").read_text(encoding="utf-8") == "x = 1\n"
    assert not folder.exists()


def test_it_is_gone_after_an_interrupt_and_what_is_linked_stays(project: Project) -> None:
    data = project.write("data/deep/number.txt", "0.5")
    code = capture_code(project.root)

    def work() -> None:
        with recorded_code(code) as folder:
            assert (folder / "data" / "deep" / "number.txt").read_text(encoding="utf-8") == "0.5"
            places.append(folder)
            raise KeyboardInterrupt

    places: list[Path] = []
    with pytest.raises(KeyboardInterrupt):
        work()
    assert not places[0].exists()
    assert data.read_text(encoding="utf-8") == "0.5"


def test_ignored_files_are_linked_whatever_they_are(project: Project) -> None:
    project.write(".gitignore", "labels.txt\n/configs/local.yaml\n")
    project.write("labels.txt", "cat dog")
    project.write("configs/local.yaml", "here: true")
    with recorded_code(capture_code(project.root)) as folder:
        assert (folder / "labels.txt").read_text(encoding="utf-8") == "cat dog"
        assert (folder / "configs" / "local.yaml").is_symlink()


def test_files_that_the_record_left_out_are_linked(project: Project) -> None:
    project.write("weights.npz", "binary")
    project.write(".env", "TOKEN=abc")
    with recorded_code(capture_code(project.root)) as folder:
        assert (folder / "weights.npz").is_symlink()
        assert (folder / ".env").is_symlink()


def test_source_files_that_were_written_later_are_not_linked(project: Project) -> None:
    code = capture_code(project.root)
    project.write("later.py", "")
    project.write("configs/later.yaml", "")
    with recorded_code(code) as folder:
        assert names_in(folder) & {"later.py", "configs/later.yaml"} == set()


def test_compiled_modules_are_not_linked(project: Project) -> None:
    project.write("__pycache__/repeated_noise.cpython-311.pyc", "")
    with recorded_code(capture_code(project.root)) as folder:
        assert "__pycache__" not in names_in(folder)


def test_without_a_repository_it_is_all_that_was_recorded(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "net.py").write_text("width = 8\n", encoding="utf-8")
    (tmp_path / "plain" / "data.bin").write_bytes(b"\0")
    code = capture_code(tmp_path / "plain")
    (tmp_path / "plain" / "net.py").write_text("width = 9\n", encoding="utf-8")
    with recorded_code(code) as folder:
        assert (folder / "net.py").read_text(encoding="utf-8") == "width = 8\n"
        assert (folder / "data.bin").is_symlink()


@pytest.mark.parametrize(
    ("path", "place"), [("inside/deep", "copy/inside/deep"), ("", "copy"), ("../other", "other")]
)
def test_a_path_inside_moves_along_and_one_outside_stays(
    tmp_path: Path, path: str, place: str
) -> None:
    root = tmp_path / "root"
    found = moved(str(root / path), root, tmp_path / "copy")
    assert Path(found).resolve() == (tmp_path / place).resolve()
