"""Fingerprints of data files, folders and patterns."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.provenance.data import capture_data

LIMIT = 256 * 2**20


def fingerprint(path: Path) -> dict[str, Any]:
    return capture_data([str(path)])[str(path)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small files, one of them in a folder within."""
    (tmp_path / "images" / "cats").mkdir(parents=True)
    (tmp_path / "images" / "labels.csv").write_bytes(b"cat\n")
    (tmp_path / "images" / "cats" / "1.png").write_bytes(b"\x89PNG")
    return tmp_path / "images"


# Files.


def test_a_file_is_its_size_and_hash(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes(b"1,2\n")
    assert fingerprint(tmp_path / "train.csv") == {
        "kind": "file",
        "size_bytes": 4,
        "sha256": hashlib.sha256(b"1,2\n").hexdigest(),
    }


def test_of_a_large_file_the_ends_are_hashed(tmp_path: Path) -> None:
    path = tmp_path / "large.npy"
    with path.open("wb") as file:
        file.truncate(LIMIT + 1)  # without content it takes no space
    os.utime(path, ns=(5, 7))
    found = fingerprint(path)
    zeros = hashlib.sha256(bytes(2 * 2**20)).hexdigest()
    assert found == {
        "kind": "file",
        "size_bytes": LIMIT + 1,
        "modified_ns": 7,
        "sha256": zeros,
        "partial": True,
    }
    with path.open("r+b") as file:
        file.seek(LIMIT)
        file.write(b"x")
    assert fingerprint(path)["sha256"] != zeros


def test_names_are_kept_as_given_sorted_and_relative_to_a_folder(folder: Path) -> None:
    found = capture_data(["labels.csv", "cats/1.png", "labels.csv"], folder)
    assert list(found) == ["cats/1.png", "labels.csv"]
    assert found["labels.csv"]["size_bytes"] == 4


def test_names_are_relative_to_the_current_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert capture_data(["labels.csv"])["labels.csv"]["kind"] == "file"


# Folders and patterns.


def test_a_folder_is_its_files_with_one_hash(folder: Path) -> None:
    found = fingerprint(folder)
    assert (found["kind"], found["files"], found["size_bytes"]) == ("folder", 2, 8)
    assert fingerprint(folder) == found
    assert "partial" not in found


@pytest.mark.parametrize("change", ["content", "name", "new"])
def test_another_content_name_or_file_is_another_folder(folder: Path, change: str) -> None:
    before = fingerprint(folder)["sha256"]
    if change == "content":
        (folder / "labels.csv").write_bytes(b"dog\n")
    elif change == "name":
        (folder / "labels.csv").rename(folder / "targets.csv")
    else:
        (folder / "empty").touch()
    assert fingerprint(folder)["sha256"] != before


def test_a_folder_is_the_same_wherever_it_lies_and_whenever_it_was_written(
    folder: Path, tmp_path: Path
) -> None:
    before = fingerprint(folder)
    os.utime(folder / "labels.csv", (1, 1))
    folder.rename(tmp_path / "moved")
    assert fingerprint(tmp_path / "moved") == before


def test_a_large_folder_is_its_names_sizes_and_times(folder: Path) -> None:
    with (folder / "large.bin").open("wb") as file:
        file.truncate(LIMIT)
    before = fingerprint(folder)
    assert (before["size_bytes"], before["partial"]) == (LIMIT + 8, True)
    os.utime(folder / "labels.csv", (1, 1))
    assert fingerprint(folder)["sha256"] != before["sha256"]


def test_links_in_a_folder_are_followed_but_not_in_a_circle(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "dog.png").write_bytes(b"12345")
    (folder / "dogs").symlink_to(tmp_path / "elsewhere")
    (folder / "cats" / "up").symlink_to(folder)
    found = fingerprint(folder)
    assert (found["files"], found["size_bytes"]) == (3, 13)


def test_what_is_no_file_in_a_folder_does_not_count(folder: Path) -> None:
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    assert fingerprint(folder)["files"] == 2


@pytest.mark.parametrize(("pattern", "files"), [("*.csv", 1), ("**/*", 2), ("*.npy", 0)])
def test_a_pattern_is_the_files_that_it_matches(folder: Path, pattern: str, files: int) -> None:
    found = capture_data([pattern], folder)[pattern]
    assert (found["kind"], found["files"]) == ("pattern", files)


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "run[1].csv").touch()
    assert capture_data(["run[1].csv"], tmp_path)["run[1].csv"]["kind"] == "file"


# What cannot be read.


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("nowhere.csv", {"kind": "missing"}),
        ("s3://bucket/train.csv", {"kind": "remote"}),
        ("/dev/null", {"kind": "unreadable", "reason": "is neither a file nor a folder"}),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, found: dict[str, str]) -> None:
    assert capture_data([name], tmp_path) == {name: found}


def test_a_login_in_a_name_is_masked() -> None:
    assert list(capture_data(["https://me:hunter2@host/x"])) == ["https://***@host/x"]
