"""The folders of experiments, trials and runs, held against their rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from experiment_manager.archive import RunFolders, list_unknown_folders
from experiment_manager.audit.finding import Finding, Kind
from experiment_manager.audit.listing import Listing
from experiment_manager.audit.stored import Stored, StoredRun
from experiment_manager.config.files import EXPERIMENT
from experiment_manager.config.paths import DISCARDED, Directory, WorkspacePaths, name_problem
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ArchivedRunRow, TrialRunRow

_RUN = re.compile(r"run_\d+")
_DELETE = "delete it, if no other database records into this workspace"


def missing_folders(stored: Stored, listing: Listing) -> Iterator[Finding]:
    """The folders that runs must have; of one within another that is missing nothing is said."""
    found: set[Path] = set()
    archived = {run.folder for run in stored.runs if isinstance(run.row, ArchivedRunRow)}
    for run in stored.runs:
        if not run.is_planned or run.is_busy or run.folder is None:
            continue
        for name, folder in _folders_of(run, run.folder, stored.places[run.experiment]):
            if not listing.is_folder(folder):
                if folder not in found:
                    yield _missing(name, folder, run, stored, archived)
                found.add(folder)
                break


def unknown_folders(stored: Stored, listing: Listing, db: DatabaseManager) -> Iterator[Finding]:
    """The folders that look like ours, but that no row knows.

    Of experiments that a process executes nothing is said: it may have yet to make the row.
    """
    known = _current_folders(stored)
    for experiment in sorted(stored.trials.keys() - stored.held):
        if experiment in stored.places and not name_problem(experiment):
            yield from _unknown_within(experiment, stored, listing, known)
    for workspace in sorted({paths.workspace for paths in stored.places.values()}):
        yield from _unknown_experiments(workspace, stored, listing)
        for folder in list_unknown_folders(db, workspace):
            name = folder.relative_to(workspace)
            if name.parts[0] not in stored.held:
                yield _unknown(name, folder, "'gc' deletes it")


def _folders_of(run: StoredRun, folder: Path, paths: WorkspacePaths) -> Iterator[tuple[str, Path]]:
    """The folders that a run needs, from the outermost on, each with the name of its owner."""
    yield run.experiment, paths.experiment(run.experiment).root
    yield f"{run.experiment}/{run.trial}", paths.trial(run.experiment, run.trial).root
    yield run.name, folder


def _missing(
    name: str, folder: Path, run: StoredRun, stored: Stored, archived: Collection[Path | None]
) -> Finding:
    remedy = "put it back from a backup, or take the runs in it away with 'rm' and 'gc'"
    if isinstance(run.row, ArchivedRunRow):
        remedy = "put it back from a backup, or delete the run for good with 'gc'"
    elif stranded := _stranded(run, stored, archived):
        remedy = f"a process that was killed has left it in {stranded}: move it back"
    text = f"{name}: its folder {folder} is missing"
    return Finding(Kind.MISSING_FOLDER, name, str(folder), text, remedy)


def _stranded(run: StoredRun, stored: Stored, archived: Collection[Path | None]) -> Path | None:
    """The folder of a current run where somebody left it who was setting it aside."""
    workspace = stored.places[run.experiment].workspace
    for number, _, path in RunFolders(workspace, run.experiment, run.trial).in_archive():
        if number == run.row.number and path not in archived and path.suffix != DISCARDED:
            return path
    return None


def _current_folders(stored: Stored) -> dict[tuple[str, str], set[str]]:
    """The names of the folders of current runs, by experiment and trial."""
    names: dict[tuple[str, str], set[str]] = {}
    for run in stored.runs:
        if isinstance(run.row, TrialRunRow):
            names.setdefault((run.experiment, run.trial), set()).add(f"run_{run.row.number}")
    return names


def _unknown_experiments(workspace: Path, stored: Stored, listing: Listing) -> Iterator[Finding]:
    """Beside an SQLite file: it has all experiments of its folder; one elsewhere need not."""
    for name in listing.folders(workspace) if workspace == stored.own_folder else ():
        directory = Directory(workspace / name)
        is_ours = listing.exists(directory.configs / EXPERIMENT)
        if is_ours and name not in stored.trials:
            yield _unknown(Path(name), directory.root, _DELETE)


def _unknown_within(
    experiment: str, stored: Stored, listing: Listing, known: dict[tuple[str, str], set[str]]
) -> Iterator[Finding]:
    paths = stored.places[experiment]
    trials = paths.trial(experiment, experiment).root.parent
    for trial in listing.folders(trials):
        if trial not in stored.trials[experiment]:
            yield _unknown(Path(experiment, trial), trials / trial, _DELETE)
            continue
        for name in listing.folders(trials / trial):
            if _RUN.fullmatch(name) and name not in known.get((experiment, trial), ()):
                yield _unknown(Path(experiment, trial, name), trials / trial / name, _DELETE)


def _unknown(name: Path, folder: Path, remedy: str) -> Finding:
    text = f"{name.as_posix()}: no row of the database knows the folder {folder}"
    return Finding(Kind.UNKNOWN_FOLDER, name.as_posix(), str(folder), text, remedy)
