"""The checkpoints of one run: which files there are, which are whole, and which may go."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from experiment_manager.common.errors import CheckpointError
from experiment_manager.common.files import write_atomic, write_text_atomic

FOLDER, MANIFEST = "checkpoints", "checkpoints.json"
_OURS = re.compile(r"\..*|(.*_)?(epoch_\d+|last|final)\.\w+")  # and what writing one has left


@dataclass(frozen=True)
class SavedCheckpoint:
    """A checkpoint as the manifest knows it.

    Attributes:
        file: Name of its file.
        epoch: Index of the last epoch that is in it.
        sha256: Of the file's content.
        size_bytes: Size of the file.
        has_state: True where a run can go on from it.
        value: What the watched metric was; None where none is watched.
    """

    file: str
    epoch: int
    sha256: str
    size_bytes: int
    has_state: bool = False
    value: float | None = None


class CheckpointFolder:
    """The checkpoints below a run's artifacts.

    A file is written beside its place and renamed, and counts from the moment when it stands in
    the manifest (``checkpoints.json`` beside the folder) with its checksum.

    Args:
        artifact_dir: The run's folder for artifacts.
        logger: Told of a damaged file.
    """

    def __init__(self, artifact_dir: Path, logger: logging.Logger) -> None:
        self.path = artifact_dir / FOLDER
        self._manifest = artifact_dir / MANIFEST
        self._logger = logger

    def saved(self) -> list[SavedCheckpoint]:
        """All checkpoints, the oldest first."""
        try:
            entries = json.loads(self._manifest.read_text(encoding="utf-8"))
            saved = [SavedCheckpoint(**entry) for entry in entries]
            outside = [one.file for one in saved if Path(one.file).name != one.file]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError) as error:
            self._logger.warning("No checkpoint is used, %s is damaged: %s", self._manifest, error)
            return []
        if outside:
            self._logger.warning("No checkpoint is used, %s names %s", self._manifest, outside)
            return []
        return saved

    def write(self, file: str, write: Callable[[Path], object]) -> Path:
        """Write a file, whole or not at all; one of the same name is replaced.

        Raises:
            CheckpointError: It cannot be written.
        """
        path = self.path / file
        try:
            write_atomic(path, write)
        except Exception as error:
            raise CheckpointError(
                f"The checkpoint {path} could not be written: {error}"
            ) from error
        return path

    def add(
        self, file: str, epoch: int, *, has_state: bool = False, value: float | None = None
    ) -> SavedCheckpoint:
        """Have a file that was written count from now on."""
        path = self.path / file
        new = SavedCheckpoint(
            file, epoch, _sha256(path), path.stat().st_size, has_state=has_state, value=value
        )
        self._write_manifest([*(old for old in self.saved() if old.file != file), new])
        return new

    def add_copy(self, one: SavedCheckpoint, file: str) -> None:
        """Have the same checkpoint under another name too, which takes no room of its own."""
        source = self.path / one.file
        self.write(file, lambda path: _link(source, path))
        new = replace(one, file=file)
        self._write_manifest([*(old for old in self.saved() if old.file != file), new])

    def drop(self, dropped: Collection[SavedCheckpoint]) -> None:
        """Delete some."""
        if dropped:
            self._write_manifest([one for one in self.saved() if one not in dropped])
            for one in dropped:
                (self.path / one.file).unlink(missing_ok=True)

    def last_good(self) -> SavedCheckpoint | None:
        """The newest one that a run can go on from; damaged and later ones are deleted."""
        saved = self.saved()
        for place in range(len(saved) - 1, -1, -1):
            one = saved[place]
            if not one.has_state:
                continue
            if self._is_whole(one):
                self.drop(saved[place + 1 :])
                self._sweep()
                return one
            self._logger.warning(
                "The checkpoint %s is damaged; the one before it is used", self.path / one.file
            )
        self.clear()
        return None

    def clear(self) -> None:
        """Delete them all: the run begins anew."""
        self.drop(self.saved())
        self._sweep()

    def _sweep(self) -> None:
        """Delete what a dead process left of writing one, and what was never counted."""
        known = {one.file for one in self.saved()}
        for path in self.path.iterdir() if self.path.is_dir() else ():
            if path.name not in known and _OURS.fullmatch(path.name):
                path.unlink()

    def _is_whole(self, one: SavedCheckpoint) -> bool:
        path = self.path / one.file
        return path.is_file() and not path.is_symlink() and _sha256(path) == one.sha256

    def _write_manifest(self, saved: Sequence[SavedCheckpoint]) -> None:
        write_text_atomic(self._manifest, json.dumps([asdict(one) for one in saved]))


def how_to_begin_anew(artifact_dir: Path) -> str:
    """The end of an error about a checkpoint that no longer fits."""
    return f"To begin the run anew, delete {artifact_dir / MANIFEST}"


def _link(source: Path, path: Path) -> None:
    """A hard link, or a copy on a file system that has none."""
    path.unlink()
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()
