"""Files are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from experiment_manager.common.files import append_line, write_atomic, write_text_atomic


def breaks_halfway(beside: Path) -> None:
    beside.write_text("only a par", encoding="utf-8")
    raise OSError("disk full")


@pytest.fixture
def umask() -> Iterator[int]:
    mask = 0o026
    before = os.umask(mask)
    yield mask
    os.umask(before)


def test_a_file_is_written_as_utf_8_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folders" / "note.txt"
    write_text_atomic(path, "naïve 🦊")
    assert path.read_bytes() == "naïve 🦊".encode()


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    for text in ("a long first text", "short"):
        write_text_atomic(path, text)
    assert path.read_text(encoding="utf-8") == "short"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("old", encoding="utf-8")

    def write(beside: Path) -> None:
        beside.write_text("new", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"

    write_atomic(path, write)
    assert path.read_text(encoding="utf-8") == "new"


def test_the_temporary_file_has_the_same_suffix_and_folder(tmp_path: Path) -> None:
    seen: list[Path] = []

    def write(beside: Path) -> None:
        beside.write_bytes(b"weights")
        seen.append(beside)

    write_atomic(tmp_path / "model.npz", write)
    assert [(path.suffix, path.parent) for path in seen] == [(".npz", tmp_path)]
    assert seen[0].name != "model.npz"


@pytest.mark.parametrize("before", [{}, {"note.txt": "old"}], ids=["absent", "present"])
def test_a_failure_leaves_everything_as_it_was(tmp_path: Path, before: dict[str, str]) -> None:
    for name, text in before.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(OSError, match="disk full"):
        write_atomic(tmp_path / "note.txt", breaks_halfway)
    assert {p.name: p.read_text(encoding="utf-8") for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("write", [write_text_atomic, append_line])
def test_its_permissions_are_those_of_any_new_file(
    tmp_path: Path, umask: int, write: Callable[[Path, str], None]
) -> None:
    write(tmp_path / "note.txt", "text")
    assert (tmp_path / "note.txt").stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("write", [write_text_atomic, append_line])
def test_no_file_is_left_open(tmp_path: Path, write: Callable[[Path, str], None]) -> None:
    def next_descriptor() -> int:
        with (tmp_path / "probe").open("w") as file:
            return file.fileno()

    before = next_descriptor()
    write(tmp_path / "note.txt", "text")
    assert next_descriptor() == before


def test_writing_leaves_the_umask_as_it_was(tmp_path: Path, umask: int) -> None:
    write_text_atomic(tmp_path / "note.txt", "text")
    assert os.umask(umask) == umask


def test_what_a_killed_writer_left_goes_with_the_next_file(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; "
        "from experiment_manager.common.files import write_atomic; "
        "write_atomic(Path(sys.argv[1]), "
        "lambda beside: beside.touch() or os.kill(os.getpid(), signal.SIGKILL))"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "killed.txt")], check=False)
    (left,) = tmp_path.iterdir()
    write_text_atomic(tmp_path / "note.txt", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
    assert left.name != "killed.txt"


def test_what_a_writer_is_at_stays(tmp_path: Path) -> None:
    def write(beside: Path) -> None:
        write_text_atomic(tmp_path / "other.txt", "written meanwhile")
        beside.write_text("text", encoding="utf-8")

    write_atomic(tmp_path / "note.txt", write)
    assert {path.name for path in tmp_path.iterdir()} == {"note.txt", "other.txt"}


def test_what_somebody_else_hides_stays(tmp_path: Path) -> None:
    (tmp_path / ".note.backup.txt").write_text("mine", encoding="utf-8")
    write_text_atomic(tmp_path / "note.txt", "text")
    assert (tmp_path / ".note.backup.txt").exists()


def test_lines_are_appended_to_a_file_that_is_made_where_it_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "notes.log"
    append_line(path, "first ä")
    append_line(path, "second")
    assert path.read_bytes() == "first ä\nsecond\n".encode()


def test_lines_of_several_writers_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "notes.log"
    lines = [str(digit) * 5000 for digit in range(8)] * 10
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda line: append_line(path, line), lines))
    assert sorted(path.read_text(encoding="utf-8").splitlines()) == sorted(lines)
