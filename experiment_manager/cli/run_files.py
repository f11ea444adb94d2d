"""The files of a run, and what each belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from experiment_manager.cli.console import path_text
from experiment_manager.cli.naming import Named
from experiment_manager.cli.workspaces import ElsewhereError, workspace_of
from experiment_manager.db.rows import ArtifactRow

_NOUNS = {"TRIAL_RUN": "run", "RESULTS": "results", "EPOCH": "epoch", "BATCH": "batch"}


@dataclass(frozen=True)
class RunFile:
    """A file that a run, its results, or one of its epochs or batches has.

    Attributes:
        artifact: Its type, and its location as it is stored.
        path: The absolute one; None where it is not found on this machine.
        of: ``run``, ``results``, ``epoch`` or ``batch``.
        epoch: Index of the epoch.
        batch: Index of the batch in its epoch.
    """

    artifact: ArtifactRow
    path: Path | None
    of: str
    epoch: int | None = None
    batch: int | None = None

    @property
    def owner(self) -> str:
        """What it belongs to, in words."""
        if self.batch is not None:
            return f"batch {self.batch} of epoch {self.epoch}"
        return self.of if self.epoch is None else f"epoch {self.epoch}"

    @property
    def place(self) -> str:
        """Its path from here, or its location where it is not found."""
        return self.artifact.location if self.path is None else path_text(self.path)


def list_run_files(named: Named, run_id: int) -> list[RunFile]:
    """Those of the run as a whole, of its results, of its epochs and of its batches."""
    workspace = _workspace(named)
    return [
        RunFile(artifact, _find(artifact.location, workspace), _NOUNS[owner.table], *owner.key[1:])
        for owner, artifact in named.db.list_run_artifacts(run_id)
    ]


def _workspace(named: Named) -> Path | None:
    try:
        return workspace_of(named.database, named.experiment)
    except ElsewhereError:
        return None


def _find(location: str, workspace: Path | None) -> Path | None:
    """Where a file is; a relative location is one below the workspace."""
    path = (workspace or Path()) / location
    return path if path.is_absolute() and path.exists() else None


def common_folder(locations: Sequence[str]) -> str:
    """The folder that all are in, with a slash at its end; empty where there is none.

    Example:
        >>> common_folder(["run_1/checkpoints/epoch_4.pt", "run_1/curve.png"])
        'run_1/'
    """
    folders = [location.split("/")[:-1] for location in locations]
    common = takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    return "".join(f"{parts[0]}/" for parts in common)
