"""Folders that SQLite cannot share or write are noticed, and what is there stays readable."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from experiment_manager.db import filesystem
from experiment_manager.db.filesystem import network_type
from experiment_manager.db.manager import DatabaseManager

NOBODY = 65534


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the system says is mounted: a share with a local folder in it."""
    file = tmp_path / "mounts"
    file.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        f"server:/share {tmp_path}/the\\040share nfs4 rw 0 0\n"
        f"tmpfs {tmp_path}/the\\040share/scratch tmpfs rw 0 0\n"
    )
    (tmp_path / "the share" / "scratch").mkdir(parents=True)
    monkeypatch.setattr(filesystem, "MOUNTS", file)
    return tmp_path


def test_the_deepest_mount_decides(mounts: Path) -> None:
    assert network_type(mounts) is None
    assert network_type(mounts / "the share") == "nfs4"
    assert network_type(mounts / "the share" / "inside") == "nfs4"
    assert network_type(mounts / "the share" / "scratch") is None


def test_a_system_that_does_not_tell_has_local_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "MOUNTS", tmp_path / "missing")
    assert network_type(tmp_path) is None


def test_on_a_network_the_rollback_journal_is_used_and_said_so(
    mounts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = mounts / "the share" / "experiments.db"
    with DatabaseManager(str(file), use_sqlite=True) as db:
        db.create_experiment("digits")
    assert "nfs4" in caplog.text
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


@pytest.fixture
def unwritable() -> Iterator[Path]:
    """A database in a folder that the user ``nobody`` may read but not write."""
    folder = Path(tempfile.mkdtemp())
    with DatabaseManager(str(folder / "experiments.db"), use_sqlite=True) as db:
        db.create_experiment("digits")
    folder.chmod(0o555)
    yield folder
    shutil.rmtree(folder)


# Once everything is loaded the script gives up the rights of root, for whom those of files do
# not count; before that it may need them, because the interpreter may lie in a private folder.
PROLOGUE = f"""
import os, sys
from experiment_manager.db.manager import ConnectionError, DatabaseManager
DatabaseManager(":memory:", use_sqlite=True).close()
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
"""
READ = """
with DatabaseManager(sys.argv[1], use_sqlite=True, read_only=True) as db:
    print([experiment.title for experiment in db.list_experiments()])
"""
WRITE = """
try:
    with DatabaseManager(sys.argv[1], use_sqlite=True) as db:
        db.create_experiment("more")
except ConnectionError as error:
    print(error)
"""


def as_nobody(script: str, file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROLOGUE + script, str(file)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_read_only_folder_can_be_read(unwritable: Path) -> None:
    done = as_nobody(READ, unwritable / "experiments.db")
    assert (done.stdout, done.stderr) == ("['digits']\n", "")
    assert [path.name for path in unwritable.iterdir()] == ["experiments.db"]


def test_writing_into_a_read_only_folder_says_so(unwritable: Path) -> None:
    done = as_nobody(WRITE, unwritable / "experiments.db")
    assert done.stderr == ""
    assert f"Cannot open the database sqlite:///{unwritable}" in done.stdout
    assert "readonly" in done.stdout or "unable to open" in done.stdout
