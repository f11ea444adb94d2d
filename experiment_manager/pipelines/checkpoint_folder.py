"""The checkpoints of one run: which files there are, which are whole, and which may go."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from experiment_manager.common.errors import CheckpointError
from experiment_manager.common.files import write_atomic, write_text_atomic

FOLDER, MANIFEST = "checkpoints", "checkpoints.json"
_OURS = re.compile(r"\..*|(.*_)?(epoch_\d+|last|final)\.\w+")  # and what writing one has left
_STAGED = ".staged-"


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

    Those count that stand in the manifest (``checkpoints.json`` beside the folder), each with its
    checksum. The manifest is written as a whole, so whatever changes at the end of an epoch does
    so at one instant: a process that is killed leaves the checkpoints of before or those of after.

    Args:
        artifact_dir: The run's folder for artifacts.
        logger: Told of a damaged file.
    """

    def __init__(self, artifact_dir: Path, logger: logging.Logger) -> None:
        self.path = artifact_dir / FOLDER
        self._manifest = artifact_dir / MANIFEST
        self._logger = logger
        self._staged: set[str] = set()

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
        """Write a file, whole or not at all; it counts when it is told to :meth:`have`.

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

    def stage(self, file: str, write: Callable[[Path], object]) -> Path:
        """Like :meth:`write`, where a file of that name counts; it is replaced by :meth:`have`."""
        path = self.write(_staged(file), write)
        self._staged.add(file)
        return path

    def stage_copy(self, one: SavedCheckpoint, file: str) -> SavedCheckpoint:
        """Stage the same checkpoint under another name, where it takes no room of its own."""
        source = self.path / one.file
        self.stage(file, lambda path: _link(source, path))
        return replace(one, file=file)

    def describe(
        self,
        path: Path,
        epoch: int,
        *,
        has_state: bool = False,
        value: float | None = None,
    ) -> SavedCheckpoint:
        """What the manifest shall say of a file that was written or staged."""
        size_bytes = path.stat().st_size
        file = path.name.removeprefix(_STAGED)
        return SavedCheckpoint(file, epoch, _sha256(path), size_bytes, has_state, value)

    def have(self, saved: Sequence[SavedCheckpoint]) -> None:
        """Have these count from now on, and no others: their files are deleted."""
        files = {one.file for one in saved}
        unwanted = {one.file for one in self.saved()} - files
        write_text_atomic(self._manifest, json.dumps([asdict(one) for one in saved]))
        for file in self._staged & files:
            (self.path / _staged(file)).replace(self.path / file)
        for file in unwanted:
            (self.path / file).unlink(missing_ok=True)
        self._staged.clear()

    def last_good(self) -> SavedCheckpoint | None:
        """The newest one that a run can go on from; damaged and later ones are deleted."""
        saved = self.saved()
        for place in range(len(saved) - 1, -1, -1):
            one = saved[place]
            if not one.has_state:
                continue
            if self._is_whole(one):
                self._have_alone(saved[: place + 1])
                return one
            self._logger.warning(
                "The checkpoint %s is damaged; the one before it is used", self.path / one.file
            )
        self.clear()
        return None

    def forget_states(self) -> None:
        """Have no run go on from any of them; the files stay."""
        self.have([replace(one, has_state=False) for one in self.saved()])

    def clear(self) -> None:
        """Delete them all: the run begins anew."""
        self._have_alone([])

    def _have_alone(self, saved: list[SavedCheckpoint]) -> None:
        """Delete all others, and what a dead process left of writing them."""
        if saved != self.saved():
            self.have(saved)
        known = {one.file for one in saved}
        for path in self.path.iterdir() if self.path.is_dir() else ():
            if path.name not in known and _OURS.fullmatch(path.name):
                path.unlink()

    def _is_whole(self, one: SavedCheckpoint) -> bool:
        """Whether its file is as it was; one that a dead process staged takes its place now."""
        path, staged = self.path / one.file, self.path / _staged(one.file)
        if _has_content(staged, one):
            staged.replace(path)
        return _has_content(path, one)


def how_to_begin_anew(artifact_dir: Path) -> str:
    """The end of an error about a checkpoint that no longer fits."""
    return f"To begin the run anew, delete {artifact_dir / MANIFEST}"


def _staged(file: str) -> str:
    """Name of the file that takes the place of another one when the manifest tells it."""
    return f"{_STAGED}{file}"


def _has_content(path: Path, one: SavedCheckpoint) -> bool:
    return path.is_file() and not path.is_symlink() and _sha256(path) == one.sha256


def _link(source: Path, path: Path) -> None:
    """A hard link, or a copy on a file system that has none."""
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
