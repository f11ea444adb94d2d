"""Hashes of files are kept as long as nothing about the file changes."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from experiment_manager.provenance.hashing import HashCache, sha256_of, sha256_of_ends

MIB = 2**20
HOUR_NS = 3600 * 10**9


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.csv"
    path.write_bytes(b"1,2\n")
    return path


@pytest.fixture
def _an_hour_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + HOUR_NS)


def kept(cache: Path) -> dict[str, list[int | str]]:
    found: dict[str, list[int | str]] = json.loads(cache.read_text(encoding="utf-8"))
    return found


def hash_with(cache: Path | None, *files: Path) -> list[str]:
    hashes = HashCache(cache)
    found = [hashes.sha256(file, file.stat()) for file in files]
    hashes.save()
    return found


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    content = os.urandom(2 * MIB + 5)
    (tmp_path / "x").write_bytes(content)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size", [0, 5, MIB, MIB + 5, 2 * MIB])
def test_the_ends_of_a_small_file_are_all_of_it(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "x").write_bytes(content)
    assert sha256_of_ends(tmp_path / "x") == hashlib.sha256(content).hexdigest()


def test_the_middle_of_a_large_file_is_not_hashed(tmp_path: Path) -> None:
    content = os.urandom(3 * MIB)
    (tmp_path / "x").write_bytes(content)
    ends = content[:MIB] + content[-MIB:]
    assert sha256_of_ends(tmp_path / "x") == hashlib.sha256(ends).hexdigest()


@pytest.mark.usefixtures("_an_hour_later")
def test_a_hash_that_was_kept_is_used_again(file: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "hashes.json"
    before = hash_with(cache, file)
    row = kept(cache)[str(file)]
    cache.write_text(json.dumps({str(file): [*row[:-1], "as kept"]}), encoding="utf-8")
    assert before == [sha256_of(file)]
    assert hash_with(cache, file) == ["as kept"]


@pytest.mark.usefixtures("_an_hour_later")
def test_a_file_that_changed_is_hashed_again_even_if_its_time_was_set_back(
    file: Path, tmp_path: Path
) -> None:
    cache, status = tmp_path / "hashes.json", file.stat()
    before = hash_with(cache, file)
    file.write_bytes(b"3,4\n")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert hash_with(cache, file) == [sha256_of(file)] != before


def test_the_hash_of_a_file_that_has_just_changed_is_not_kept(file: Path, tmp_path: Path) -> None:
    hash_with(tmp_path / "hashes.json", file)
    assert not (tmp_path / "hashes.json").exists()


@pytest.mark.usefixtures("_an_hour_later")
def test_only_what_was_asked_for_stays(file: Path, tmp_path: Path) -> None:
    other, cache = tmp_path / "test.csv", tmp_path / "hashes.json"
    other.touch()
    hash_with(cache, file, other)
    hash_with(cache, other)
    assert list(kept(cache)) == [str(other)]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 3}', "null"])
def test_a_cache_that_is_none_is_empty(file: Path, tmp_path: Path, content: str) -> None:
    cache = tmp_path / "hashes.json"
    cache.write_text(content.replace("x", str(file)), encoding="utf-8")
    assert hash_with(cache, file) == [sha256_of(file)]


@pytest.mark.usefixtures("_an_hour_later")
def test_a_cache_that_cannot_be_written_is_no_matter(file: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    assert hash_with(tmp_path / "taken" / "hashes.json", file) == [sha256_of(file)]


def test_without_a_cache_every_file_is_hashed(file: Path) -> None:
    assert hash_with(None, file) == [sha256_of(file)]
