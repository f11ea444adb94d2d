"""The record of everything."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from experiment_manager.provenance.capture import capture, capture_command


def test_the_record_has_every_area_and_json_can_hold_it(repository: Path) -> None:
    record = capture(repository, data_files=["no/such/file"])
    assert list(record) == [
        *("code", "packages", "python", "machine", "command", "environment_variables", "data")
    ]
    assert record["code"]["root"] == str(repository)
    assert record["data"] == {"no/such/file": {"kind": "missing"}}
    assert json.loads(json.dumps(record)) == record


def test_it_is_the_same_text_as_long_as_nothing_changes(repository: Path) -> None:
    (repository / "new.py").touch()
    first, second = (json.dumps(capture(repository)) for _ in range(2))
    assert first == second


def test_outputs_are_left_out_and_variables_added(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "outputs").mkdir()
    (repository / "outputs" / "config.yaml").touch()
    monkeypatch.setenv("LAB_SITE", "b")
    outputs = [repository / "outputs"]
    record = capture(repository, leave_out=outputs, environment_variables=["LAB_*"])
    assert record["code"]["files"] == {}
    assert record["environment_variables"]["LAB_SITE"] == "b"


def test_code_of_several_folders_is_recorded_by_their_names(
    repository: Path, tmp_path: Path
) -> None:
    places = [tmp_path / name for name in ("lib", "deep/lib")]
    for place in places:
        place.mkdir(parents=True)
        for name in ("used.py", "unused.py"):
            (place / name).touch()
    files = {places[0]: [places[0] / "used.py"]}
    code = capture(repository, *places, code_files=files)["code"]
    assert code["root"] == str(repository)
    assert {name: set(other["files"]) for name, other in code["elsewhere"].items()} == {
        "lib": {"used.py"},
        "lib (2)": {"used.py", "unused.py"},
    }


def test_hashes_of_data_are_kept(repository: Path) -> None:
    data, cache = repository / "net.py", repository / "hashes.json"
    capture(repository, data_files=[str(data)], hash_cache=cache)
    assert not cache.exists()  # the file has only just changed
    status = data.stat()
    stamp = [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]
    cache.write_text(json.dumps({str(data): [*stamp, "as kept"]}), encoding="utf-8")
    record = capture(repository, data_files=[str(data)], hash_cache=cache)
    assert record["data"][str(data)]["sha256"] == "as kept"


def test_the_command_is_recorded_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "train.py", "lr=0.1", "--token", "abc"]
    monkeypatch.setattr(sys, "orig_argv", command)
    assert capture_command() == {
        "arguments": [sys.executable, "train.py", "lr=0.1", "--token", "***"],
        "folder": str(Path.cwd()),
    }


def test_names_that_are_no_unicode_become_readable(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py")).touch()
    except (OSError, UnicodeError):
        pytest.skip("the file system takes no such name")
    record = capture(tmp_path)
    assert record["code"]["files"] == {"\\udcff.py": {"text": ""}}


def test_a_secret_is_nowhere_in_the_record(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "hunter2"
    monkeypatch.setenv("LAB_TOKEN", secret)
    monkeypatch.setenv("LAB_PROXY", f"https://me:{secret}@example.com")
    monkeypatch.setattr(sys, "orig_argv", ["em", f"env.database.url=mysql://me:{secret}@host/x"])
    (repository / ".env").write_text(f"LAB={secret}\n", encoding="utf-8")
    (repository / "env.yaml").write_text(f"database: {{password: {secret}}}\n", encoding="utf-8")
    (repository / "net.py").write_text(f"connect(password='{secret}')\n", encoding="utf-8")
    record = capture(repository, environment_variables=["*"], data_files=[f"s3://a:{secret}@b/c"])
    assert secret not in json.dumps(record)
