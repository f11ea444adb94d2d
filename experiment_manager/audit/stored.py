"""What a database says of the files of its experiments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import true

from experiment_manager.archive import RunFolders
from experiment_manager.common.common import RunStatus
from experiment_manager.config.paths import WorkspacePaths, name_problem
from experiment_manager.db.manager import DatabaseManager, database_file
from experiment_manager.db.rows import ArchivedRunRow, ArtifactRow, JournalRow, TrialRunRow
from experiment_manager.db.selection_calls import SelectedRun

Names = dict[tuple[str, int], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run, current or set aside.

    Attributes:
        experiment: Title of its experiment.
        trial: Name of its trial.
        row: Its row; of one that was set aside that in ARCHIVED_RUN.
        folder: Where its files are, if it has any; None where its experiment is not looked at.
        is_planned: True where it was executed from a plan, which makes it a folder.
        status: How it stands.
        is_busy: True where a process that lives may be changing its files right now.
    """

    experiment: str
    trial: str
    row: TrialRunRow | ArchivedRunRow
    folder: Path | None
    is_planned: bool
    status: RunStatus
    is_busy: bool

    @property
    def name(self) -> str:
        """``experiment/trial/number``, and ``@version`` where it was set aside."""
        version = f"@{self.row.version}" if isinstance(self.row, ArchivedRunRow) else ""
        return f"{self.experiment}/{self.trial}/{self.row.number}{version}"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An artifact.

    Attributes:
        name: What it belongs to.
        experiment: Title of the experiment that this belongs to.
        run: The run that it belongs to, if it does to one.
        artifact: Its row.
    """

    name: str
    experiment: str
    run: StoredRun | None
    artifact: ArtifactRow


@dataclass(frozen=True, slots=True)
class StoredJournal:
    """A journal that may hold what is not in the database yet.

    Attributes:
        name: The run that it is of; its location where it is of none.
        row: Its row.
        path: Where it is, if it is one of this machine.
    """

    name: str
    row: JournalRow
    path: Path


@dataclass(frozen=True, slots=True)
class Stored:
    """All of it.

    Attributes:
        places: The workspace of each experiment that is looked at, by title.
        own_folder: The folder of an SQLite file; None for a server.
        trials: The trials of every experiment, by its title.
        held: Titles of the experiments that a process executes that lives.
        runs: The runs.
        files: The artifacts; one that belongs to several comes with each.
        journals: The journals.
    """

    places: Mapping[str, WorkspacePaths]
    own_folder: Path | None
    trials: Mapping[str, frozenset[str]]
    held: frozenset[str]
    runs: list[StoredRun]
    files: list[StoredFile]
    journals: list[StoredJournal]


def load_stored(db: DatabaseManager, workspaces: Mapping[str, Path]) -> Stored:
    """What the database says, and where to look for it.

    Args:
        db: The database.
        workspaces: The workspaces of the experiments that are looked at, by title.
    """
    places = {title: WorkspacePaths(place.resolve()) for title, place in workspaces.items()}
    experiments = db.list_experiments()
    trials = {row.title: db.list_trials(row.id) for row in experiments}
    held = frozenset(row.title for row in experiments if db.list_holders(row.id))
    selected = [*db.select_runs(true()), *db.select_runs(true(), archived=True)]
    runs = {one.run.id: _stored_run(one, places, held) for one in selected}
    names: Names = {("EXPERIMENT", row.id): (row.title,) for row in experiments}
    names |= {("TRIAL", t.id): (title, t.name) for title, ts in trials.items() for t in ts}
    file = database_file(db.url)
    return Stored(
        places=places,
        own_folder=None if file is None else file.resolve().parent,
        trials={title: frozenset(one.name for one in of) for title, of in trials.items()},
        held=held,
        runs=list(runs.values()),
        files=[*_stored_files(db, runs, names)],
        journals=[*_stored_journals(db, runs)],
    )


def _stored_run(
    one: SelectedRun, places: Mapping[str, WorkspacePaths], held: frozenset[str]
) -> StoredRun:
    status = RunStatus(one.run.status)
    is_in_hands = one.experiment in held and not status.is_success
    return StoredRun(
        experiment=one.experiment,
        trial=one.trial.name,
        row=one.archived or one.run,
        folder=_folder_of(one, places.get(one.experiment)),
        is_planned=one.run.config_hash is not None,
        status=status,
        is_busy=one.archived is None and (status is RunStatus.RUNNING or is_in_hands),
    )


def _folder_of(one: SelectedRun, paths: WorkspacePaths | None) -> Path | None:
    if paths is None or name_problem(one.experiment) or name_problem(one.trial.name):
        return None
    if one.archived is None:
        return paths.run(one.experiment, one.trial.name, one.run.number).root
    folders = RunFolders(paths.workspace, one.experiment, one.trial.name)
    return folders.find(one.archived) or folders.archived(one.archived)


def _stored_files(
    db: DatabaseManager,
    runs: Mapping[int, StoredRun],
    names: Names,
) -> Iterator[StoredFile]:
    """Those of what was there a moment ago: others may write at the same time."""
    for owner, artifact in db.list_owned_artifacts():
        run = runs.get(owner.run_id or 0)
        parts = names.get((owner.table, owner.key[0]))
        if run is not None:
            yield StoredFile(run.name, run.experiment, run, artifact)
        elif parts is not None:
            yield StoredFile("/".join(parts), parts[0], None, artifact)


def _stored_journals(
    db: DatabaseManager, runs: Mapping[int, StoredRun]
) -> Iterator[StoredJournal]:
    for row in db.list_journals():
        run = runs.get(row.trial_run_id or 0)
        name = row.location if run is None else run.name
        yield StoredJournal(name, row, db.journal_path(row))
