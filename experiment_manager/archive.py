"""Runs that are set aside, brought back or deleted: their rows and their files together.

The folder of a run that is set aside moves from ``trials/<trial>/run_<k>`` to
``trials/<trial>/archived/run_<k>.<version>``. A process may be killed at any instant between the
database and the disk. What it leaves is told by one rule: a folder in ``archived/`` that no run of
the database has is that of the current run of its number, if this one has no folder. So

- setting aside renames the folder last, before the commit;
- bringing back renames it after the commit;
- deleting renames it before the commit, to a name under which it is nobody's, and deletes it
  after the commit.

:func:`settle` applies the rule. Where nobody was killed it changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from experiment_manager.common.errors import DatabaseError, ExperimentManagerError
from experiment_manager.config.paths import (
    DISCARDED,
    Directory,
    WorkspacePaths,
    archived_name,
    name_problem,
)
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ArchivedRunRow, TrialRunRow

REMOVED = "removed"
"""Why people set a run aside; a program does it where it has ``changed`` or is ``restarted``."""


class RunFolders:
    """Where the files of a trial's runs are.

    Args:
        workspace: The workspace; None where it is on no disk of this machine.
        experiment: Title of the experiment.
        trial: Name of the trial.
    """

    def __init__(self, workspace: Path | None, experiment: str, trial: str) -> None:
        self.workspace = (workspace or Path()).resolve()
        self._paths = WorkspacePaths(self.workspace)
        self._names = (experiment, trial)
        self._has_files = workspace is not None and not any(map(name_problem, self._names))

    def current(self, number: int) -> Path:
        """Where the folder of the current run of a number is, or would be."""
        return self._paths.run(*self._names, number).root

    def archived(self, run: ArchivedRunRow) -> Path:
        """Where the folder of a run that was set aside is, or would be."""
        return self._paths.archived_run(*self._names, run.number, run.version).root

    def discarded(self, run: ArchivedRunRow) -> Path:
        """Where it is while it is being deleted."""
        return self._paths.discarded_run(*self._names, run.number, run.version)

    def find(self, run: TrialRunRow | ArchivedRunRow) -> Path | None:
        """The folder of a run; None for one without files on this machine."""
        if not self._has_files:
            return None
        if isinstance(run, TrialRunRow):
            places = [self.current(run.number)]
        else:
            places = [self.archived(run), self.discarded(run)]
        return next((place for place in places if place.is_dir()), None)

    def in_archive(self) -> Iterator[tuple[int, int, Path]]:
        """Number, version and place of each folder in the archive, in their order."""
        if self._has_files:
            archive = self._paths.archive(*self._names)
            named = [(archived_name(path.name), path) for path in _folders_in(archive)]
            yield from sorted((*name, path) for name, path in named if name is not None)

    def highest_version(self, number: int) -> int:
        """Of the folders of a number in the archive; 0 where there is none."""
        return max((version for n, version, _ in self.in_archive() if n == number), default=0)


def archive_run(  # noqa: PLR0917 - all six say which run, and none is optional
    db: DatabaseManager,
    workspace: Path | None,
    experiment: str,
    trial: str,
    run: TrialRunRow,
    reason: str,
) -> ArchivedRunRow:
    """Set a run aside: it leaves its number and its folder to another one.

    Args:
        db: Open for writing.
        workspace: Where the experiment's folder is; None where it is not on this machine. A run
            without a folder is set aside in the database alone.
        experiment: Title of its experiment.
        trial: Name of its trial.
        run: The run.
        reason: ``changed``, ``restarted`` or ``removed``.

    Raises:
        RunTakenError: A process that lives executes it, or it was set aside before.
        QueryError: There is no such run.
        OSError: The folder cannot be renamed; nothing has changed then.
    """
    folders = RunFolders(workspace, experiment, trial)
    try:
        with db.archiving():
            folder = folders.find(run) or _stranded(db, folders, run.trial_id).get(run.number)
            archived = db.archive_run(run.id, reason, folders.highest_version(run.number))
            if folder is not None:
                before, after = folders.current(run.number), folders.archived(archived)
                db.move_files(run.id, folders.workspace, before, after)
                after.parent.mkdir(exist_ok=True)
                folder.rename(after)
    except BaseException:
        with contextlib.suppress(DatabaseError):
            settle(db, workspace, experiment)
        raise
    return archived


def restore_run(
    db: DatabaseManager,
    workspace: Path | None,
    experiment: str,
    trial: str,
    archived: ArchivedRunRow,
) -> None:
    """Bring a run back that was set aside, with its number and its folder.

    Raises:
        QueryError: It is not set aside any more, or another run has its number.
        ExperimentManagerError: Something else lies where its folder was.
        OSError: The folder cannot be renamed; :func:`settle` does it later.
    """
    folders = RunFolders(workspace, experiment, trial)
    with db.archiving():
        db.restore_run(archived.trial_run_id)
        folder = folders.find(archived)
        if folder is not None:
            before, after = folders.archived(archived), folders.current(archived.number)
            if after.exists():
                raise ExperimentManagerError(
                    f"{after} exists, but no run of the database has it; move it away first"
                )
            db.move_files(archived.trial_run_id, folders.workspace, before, after)
    if folder is not None:
        folder.rename(after)
        _remove_empty(folder.parent)


def delete_archived(
    db: DatabaseManager,
    workspace: Path | None,
    experiment: str,
    trial: str,
    archived: ArchivedRunRow,
) -> None:
    """Delete a run that was set aside, with its files, for good.

    The folders of its trial and its experiment go with the last run of these.

    Raises:
        QueryError: It is not set aside any more.
        OSError: Files of it cannot be deleted.
    """
    folders = RunFolders(workspace, experiment, trial)
    with db.archiving():
        run = db.get_trial_run(archived.trial_run_id)
        db.delete_run(archived.trial_run_id)
        folder = folders.find(archived)
        if folder is not None:
            folder.rename(folders.discarded(archived))
    if folder is not None and run is not None:
        delete_folder(folders.discarded(archived))
        if db.get_trial(run.trial_id) is None:
            _delete_without_runs(db, WorkspacePaths(folders.workspace), experiment, trial)


def settle(db: DatabaseManager, workspace: Path | None, experiment: str) -> None:
    """Give current runs of an experiment their folders back that somebody has left in archives.

    That is what a process leaves that was killed while it set a run aside or brought one back.
    """
    row = db.find_experiment(experiment)
    for trial in [] if row is None else db.list_trials(row.id):
        folders = RunFolders(workspace, experiment, trial.name)
        if _stranded(db, folders, trial.id):
            with db.archiving():  # another process may be about to do it
                for number, folder in _stranded(db, folders, trial.id).items():
                    folder.rename(folders.current(number))
                    _remove_empty(folder.parent)


def list_unknown_folders(db: DatabaseManager, workspace: Path) -> list[Path]:
    """The folders in archives that no run of the database has.

    Of experiments that the database does not have, which may be in another one, these are only
    those that somebody was about to delete.
    """
    unknown: list[Path] = []
    archives = WorkspacePaths(workspace.resolve()).archives()
    experiments = {row.title: row.id for row in db.list_experiments()}
    trials = {
        (title, trial.name): trial.id
        for title in experiments.keys() & {experiment for experiment, _ in archives}
        for trial in db.list_trials(experiments[title])
    }
    for experiment, trial in archives:
        folders = RunFolders(workspace, experiment, trial)
        known = _known_folders(db, folders, trials.get((experiment, trial)))
        unknown += [
            path
            for _, _, path in folders.in_archive()
            if path not in known and (experiment in experiments or path.suffix == DISCARDED)
        ]
    return unknown


def delete_folder(folder: Path) -> None:
    """Delete a folder in an archive, and the archive with the last one."""
    shutil.rmtree(folder)
    _remove_empty(folder.parent)


def size_bytes(folder: Path) -> int:
    """What the files in a folder hold, in bytes."""
    files = (Path(parent) / name for parent, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_size for file in files)


def _known_folders(
    db: DatabaseManager, folders: RunFolders, trial_id: int | None
) -> set[Path | None]:
    if trial_id is None:
        return set()
    archived = {folders.find(run) for run in db.list_archived_runs(trial_id)}
    return archived | set(_stranded(db, folders, trial_id).values())


def _stranded(db: DatabaseManager, folders: RunFolders, trial_id: int) -> dict[int, Path]:
    """The folders in an archive that belong to current runs, by the numbers of these."""
    whole = [one for one in folders.in_archive() if one[2].suffix != DISCARDED]
    if not whole:
        return {}
    known = {(run.number, run.version) for run in db.list_archived_runs(trial_id)}
    without = {n.number for n in db.list_trial_runs(trial_id) if folders.find(n) is None}
    return {
        number: path
        for number, version, path in whole
        if number in without and (number, version) not in known
    }


def _delete_without_runs(
    db: DatabaseManager, paths: WorkspacePaths, experiment: str, trial: str
) -> None:
    """Delete the folder of a trial that is gone, and that of its experiment if this is too."""
    trials = paths.trial(experiment, trial).root.parent
    _delete_childless(paths.trial(experiment, trial))
    if db.find_experiment(experiment) is None:
        _remove_empty(trials)
        _delete_childless(paths.experiment(experiment))


def _delete_childless(directory: Directory) -> None:
    """Delete a folder that holds nothing but the three that each has inside."""
    own = {directory.configs, directory.logs, directory.artifacts, directory.root / "code"}
    if directory.root.is_dir() and set(directory.root.iterdir()) <= own:
        shutil.rmtree(directory.root)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _folders_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
