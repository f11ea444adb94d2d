"""MLflow's own SQLite file, made as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

PREFIX = "sqlite:///"


def create_database(uri: str, migrate: Callable[[str], object]) -> None:
    """Make the file of a new SQLite store, if the address names one.

    MLflow makes its tables in many steps, and a process that is killed among them leaves a file
    that MLflow can never open again. So they are made in another file, which gets the name when it
    is complete, unless another process was quicker.

    Args:
        uri: MLflow's tracking URI.
        migrate: Makes the tables at the address that it is given.
    """
    path = Path(uri.removeprefix(PREFIX).partition("?")[0])
    if not uri.startswith(PREFIX) or not path.name or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        beside = Path(folder) / path.name
        migrate(f"{PREFIX}{beside}")
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)
