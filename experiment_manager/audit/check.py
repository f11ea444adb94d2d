"""The rows of a database against the files of its workspaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from experiment_manager.audit.files import missing_files, unrecorded_files
from experiment_manager.audit.finding import Finding
from experiment_manager.audit.folders import missing_folders, unknown_folders
from experiment_manager.audit.leftovers import (
    is_held,
    is_of_this_machine,
    journal_problems,
    unfinished_files,
)
from experiment_manager.audit.listing import Listing
from experiment_manager.audit.stored import Stored, load_stored
from experiment_manager.db.manager import DatabaseManager


@dataclass(frozen=True)
class FileCheck:
    """What came of a check.

    Attributes:
        findings: What is wrong.
        notes: What is not wrong, but good to know, a sentence each.
    """

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def check_files(db: DatabaseManager, workspaces: Mapping[str, Path]) -> FileCheck:
    """Find rows without files and files without rows; nothing is changed.

    Files that only a user or a tracker knows of are left alone: logs, configurations, whatever
    else lies among artifacts. So is what a process is at that executes a run now.

    Args:
        db: The database.
        workspaces: The workspace of each experiment that is to be looked at, by title.

    Raises:
        ExperimentManagerError: A folder cannot be read.
    """
    stored = load_stored(db, workspaces)
    findings = list(_look(stored, db))
    if findings:  # files may have been moved meanwhile: what is wrong is so at a second look, too
        stored = load_stored(db, workspaces)
        again = set(_look(stored, db))
        findings = [finding for finding in findings if finding in again]
    return FileCheck(tuple(findings), tuple(_notes(stored)))


def _look(stored: Stored, db: DatabaseManager) -> Iterator[Finding]:
    listing = Listing()
    folders = list(missing_folders(stored, listing))
    yield from folders
    yield from missing_files(stored, listing, {finding.path for finding in folders})
    yield from unknown_folders(stored, listing, db)
    yield from unrecorded_files(stored, listing)
    yield from journal_problems(stored, listing)
    yield from unfinished_files(stored, listing)


def _notes(stored: Stored) -> Iterator[str]:
    if stored.held:
        names = ", ".join(sorted(stored.held))
        yield f"Being executed, so that what changes there was left out: {names}"
    here = [one for one in stored.journals if one.path.exists()]
    if waiting := sum(not is_held(one.path) for one in here):
        yield f"Journals that wait for 'db sync' (or the next 'run'): {waiting}"
    away = [one for one in stored.journals if one not in here and not is_of_this_machine(one)]
    if away:
        hosts = ", ".join(sorted({one.row.host for one in away}))
        yield f"Journals that are on other machines: {len(away)}, of {hosts}"
