"""What lies in folders, each of which is read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from experiment_manager.common.errors import ExperimentManagerError

_NOTHING: Mapping[str, bool] = {}


class Listing:
    """The contents of folders as they were when each was first asked for.

    Ten thousand runs have fifty thousand folders and many more files: to ask for each file by
    itself would take ten times as long.
    """

    def __init__(self) -> None:
        self._read: dict[str, Mapping[str, bool]] = {}

    def names(self, folder: str | Path) -> Mapping[str, bool]:
        """What is in a folder, and whether it is a folder itself; empty for no folder.

        A link that leads nowhere is not there.

        Raises:
            ExperimentManagerError: The folder may not be read.
        """
        key = os.fspath(folder)
        if key not in self._read:
            self._read[key] = _contents(key)
        return self._read[key]

    def exists(self, path: str | Path) -> bool:
        """Whether there is such a file or folder."""
        folder, name = os.path.split(path)
        if name in {"", os.curdir, os.pardir}:
            return os.path.exists(path)  # noqa: PTH110 - a text, and there may be very many
        return name in self.names(folder)

    def is_folder(self, path: str | Path) -> bool:
        """Whether there is such a folder."""
        folder, name = os.path.split(path)
        return self.names(folder).get(name, False)

    def folders(self, folder: str | Path) -> list[str]:
        """The names of the folders in a folder, in order of the alphabet."""
        return sorted(name for name, is_folder in self.names(folder).items() if is_folder)


def _contents(folder: str) -> Mapping[str, bool]:
    try:
        with os.scandir(folder) as entries:
            return {e.name: e.is_dir() for e in entries if not e.is_symlink() or _leads_on(e)}
    except (FileNotFoundError, NotADirectoryError):
        return _NOTHING
    except OSError as error:
        raise ExperimentManagerError(
            f"{folder} cannot be looked into: {error.strerror}; the check needs to read all of "
            "the workspace"
        ) from error


def _leads_on(link: os.DirEntry[str]) -> bool:
    return os.path.exists(link.path)  # noqa: PTH110 - see above
