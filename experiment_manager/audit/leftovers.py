"""What processes that died have left: journals, and files that they were writing."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from experiment_manager.audit.finding import Finding, Kind
from experiment_manager.audit.listing import Listing
from experiment_manager.audit.stored import Stored, StoredJournal
from experiment_manager.common.files import UNFINISHED
from experiment_manager.config.paths import Directory, name_problem
from experiment_manager.db.journal import PREFIX, SUFFIX
from experiment_manager.pipelines.checkpoint_folder import FOLDER

_PUT_ASIDE = (".torn", ".refused")


def journal_problems(stored: Stored, listing: Listing) -> Iterator[Finding]:
    """The journals without a row, and the rows of this machine without a journal."""
    found = list(_journals_found(stored, listing))
    by_name = {path.name: path for _, path in found}
    for journal in stored.journals:
        elsewhere = by_name.get(journal.path.name)
        is_missing = not listing.exists(journal.path)
        if is_missing and (elsewhere is not None or is_of_this_machine(journal)):
            yield _missing(journal, elsewhere, listing)
    known = {journal.path.name for journal in stored.journals}
    for name, path in found:
        if path.name not in known and not is_held(path):
            yield _unknown(name, path)


def unfinished_files(stored: Stored, listing: Listing) -> Iterator[Finding]:
    """The files that a process was writing when it was killed."""
    for name, directory in _directories(stored):
        for folder in _written_folders(directory):
            for file in listing.names(folder):
                if file.startswith(UNFINISHED) and not is_held(folder):
                    yield _unfinished(name, folder / file)


def is_of_this_machine(journal: StoredJournal) -> bool:
    """Whether the process that wrote a journal ran here."""
    return journal.row.host == socket.gethostname()


def is_held(path: Path) -> bool:
    """Whether a process that lives writes into a journal or a folder; True if nobody can know."""
    # Who has a journal has it alone; of a folder writers share the lock (see common/files.py).
    lock = fcntl.LOCK_EX if path.is_dir() else fcntl.LOCK_SH
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(handle, lock | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _directories(stored: Stored) -> Iterator[tuple[str, Directory]]:
    """The folders of workspaces, experiments, trials and runs, each with a name."""
    for workspace in sorted({paths.workspace for paths in stored.places.values()}):
        yield workspace.name, Directory(workspace)
    for experiment, trials in stored.trials.items():
        paths = stored.places.get(experiment)
        if paths is not None and not name_problem(experiment):
            yield experiment, paths.experiment(experiment)
            for trial in (trial for trial in trials if not name_problem(trial)):
                yield f"{experiment}/{trial}", paths.trial(experiment, trial)
    for run in stored.runs:
        if run.folder is not None:
            yield run.name, Directory(run.folder)


def _written_folders(directory: Directory) -> list[Path]:
    """The folders into which files are written as a whole or not at all."""
    own = [directory.root, directory.configs, directory.logs, directory.artifacts]
    return [*own, directory.artifacts / FOLDER]


def _journals_found(stored: Stored, listing: Listing) -> Iterator[tuple[str, Path]]:
    for name, directory in _directories(stored):
        for file in listing.names(directory.root):
            if file.startswith(PREFIX) and file.endswith((SUFFIX, *_PUT_ASIDE)):
                yield name, directory.root / file


def _missing(journal: StoredJournal, elsewhere: Path | None, listing: Listing) -> Finding:
    text = f"{journal.name}: its journal {journal.path} is missing"
    if elsewhere is not None:
        remedy = f"it is {elsewhere}: move it there, and bring it in with 'db sync'"
    elif listing.is_folder(journal.path.parent):
        remedy = "'db sync' forgets it"
    else:
        remedy = "bring its folder back, and what it holds in with 'db sync'"
    return Finding(Kind.MISSING_JOURNAL, journal.name, str(journal.path), text, remedy)


def _unknown(name: str, path: Path) -> Finding:
    if path.suffix in _PUT_ASIDE:
        text = f"{name}: the journal {path} was put aside, because not all of it could be taken"
        remedy = "a warning said why; delete it when you do not need it any more"
    else:
        text = f"{name}: no row of the database knows the journal {path}"
        remedy = "delete it, if no other database records here: its run was begun anew"
    return Finding(Kind.UNKNOWN_JOURNAL, name, str(path), text, remedy)


def _unfinished(name: str, path: Path) -> Finding:
    text = f"{name}: {path} was being written by a process that was killed"
    remedy = "delete it; else it goes when the next file is written beside it"
    return Finding(Kind.UNFINISHED_FILE, name, str(path), text, remedy)
