"""MLflow's own SQLite file: made as a whole or not at all, and moved with its workspace."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

PREFIX = "sqlite:///"
_BUSY_TIMEOUT_S = 30.0
_HAS_TABLES = "SELECT 1 FROM sqlite_master WHERE name = 'experiments'"
_MOVED = (
    "SELECT experiment_id, artifact_location FROM experiments "
    "WHERE artifact_location LIKE ? AND artifact_location != ?"
)
_MOVE_EXPERIMENT = "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?"
_MOVE_RUNS = (
    "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, length(?) + 1) "
    "WHERE experiment_id = ? AND substr(artifact_uri, 1, length(?)) = ?"
)


def create_database(uri: str, migrate: Callable[[str], object]) -> None:
    """Make the file of a new SQLite store, if the address names one.

    MLflow makes its tables in many steps, and a process that is killed among them leaves a file
    that MLflow can never open again. So they are made in another file, which gets the name when it
    is complete, unless another process was quicker.

    Args:
        uri: MLflow's tracking URI.
        migrate: Makes the tables at the address that it is given.
    """
    path = _file_of(uri)
    if path is None or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        beside = Path(folder) / path.name
        migrate(f"{PREFIX}{beside}")
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)


def bring_along(uri: str, artifacts: Path) -> None:
    """Have MLflow look for its files where they are after the workspace was moved.

    MLflow keeps their absolute addresses, and has no call that changes them. Nothing is changed
    in a store outside of the workspace, which may have files of others.

    Args:
        uri: MLflow's tracking URI.
        artifacts: The folder of the workspace that MLflow keeps files in, absolute.
    """
    path = _file_of(uri)
    if path is None or not path.resolve().is_relative_to(artifacts.parent.resolve()):
        return
    now = artifacts.as_uri()
    with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)) as store, store:
        if not store.execute(_HAS_TABLES).fetchone():
            return
        for experiment, before in store.execute(_MOVED, (f"%/{artifacts.name}", now)).fetchall():
            store.execute(_MOVE_RUNS, (now, before, experiment, before, before))
            store.execute(_MOVE_EXPERIMENT, (now, experiment))


def _file_of(uri: str) -> Path | None:
    """The file of an SQLite store; None for another one."""
    path = Path(uri.removeprefix(PREFIX).partition("?")[0])
    return path if uri.startswith(PREFIX) and path.name else None
