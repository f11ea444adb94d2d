"""The files that a training has produced, held against their rows."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from experiment_manager.audit.finding import Finding, Kind
from experiment_manager.audit.listing import Listing
from experiment_manager.audit.stored import Stored, StoredFile
from experiment_manager.config.paths import Directory
from experiment_manager.pipelines.callbacks.metric_tracker import FILE_NAME
from experiment_manager.pipelines.checkpoint_folder import FOLDER, MANIFEST, CheckpointFolder

_ADDRESS = "://"
_logger = logging.getLogger(__name__)


def missing_files(stored: Stored, listing: Listing, missing: Collection[str]) -> Iterator[Finding]:
    """The artifacts whose files are not there.

    Args:
        stored: What the database says.
        listing: What there is.
        missing: Folders that were found to be missing: what was in them is not named again.
    """
    seen: set[str] = set()
    for file in stored.files:
        path = path_of(file, stored)
        if path is None or path in seen or (file.run is not None and file.run.is_busy):
            continue
        seen.add(path)
        if not listing.exists(path) and not any(str(p) in missing for p in Path(path).parents):
            yield _missing(file, path)


def unrecorded_files(stored: Stored, listing: Listing) -> Iterator[Finding]:
    """The checkpoints and the CSV files of runs that have succeeded, but that have no row.

    Those of other runs get theirs, or are deleted, when these are executed again.
    """
    recorded = {path_of(file, stored) for file in stored.files}
    for run in stored.runs:
        if not run.status.is_success or run.folder is None:
            continue
        for path in _must_have_rows(Directory(run.folder).artifacts, listing):
            if str(path) not in recorded:
                text = f"{run.name}: no row of the database has the file {path}"
                yield Finding(
                    Kind.UNRECORDED_FILE,
                    run.name,
                    str(path),
                    text,
                    "delete it, if you can spare it",
                )


def path_of(file: StoredFile, stored: Stored) -> str | None:
    """Where an artifact's file must be; None where that is no place on this machine."""
    location = file.artifact.location
    if file.experiment not in stored.places or _ADDRESS in location:
        return None
    return os.path.join(stored.places[file.experiment].workspace, location)  # noqa: PTH118 - a text


def _missing(file: StoredFile, path: str) -> Finding:
    if os.path.isabs(file.artifact.location):  # noqa: PTH117 - a text
        kind, where = Kind.MISSING_EXTERNAL_FILE, "outside of the workspace, is not there"
        remedy = "bring it there again, or take the run away with 'rm' and 'gc'"
    else:
        kind, where = Kind.MISSING_FILE, "is missing"
        remedy = "put it back from a backup, or make it anew with 'run --restart'"
    text = f"{file.name}: the file {path} ({file.artifact.type}) {where}"
    return Finding(kind, file.name, path, text, remedy)


def _must_have_rows(artifacts: Path, listing: Listing) -> Iterator[Path]:
    """The files among a run's artifacts that our callbacks have written and recorded."""
    names = listing.names(artifacts)
    if FILE_NAME in names:
        yield artifacts / FILE_NAME
    if MANIFEST in names:
        saved = CheckpointFolder(artifacts, _logger).saved()
        folder = artifacts / FOLDER
        there = listing.names(folder)
        yield from (folder / one.file for one in saved if one.file in there)
