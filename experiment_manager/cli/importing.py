"""``import``: runs that another program recorded, into a database.

A run that was imported before is found again by its source, which is kept among the facts of
what it was made of, and is replaced, because it may have gone on since. A run from elsewhere is
never touched: a new one gets the next free number of its trial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.import_lightning import read_lightning
from experiment_manager.cli.import_mlflow import read_mlflow
from experiment_manager.cli.import_tensorboard import read_tensorboard
from experiment_manager.cli.places import database_of, database_text
from experiment_manager.cli.source_runs import SourceRun
from experiment_manager.common.common import RunStatus
from experiment_manager.config.paths import DATABASE_FILE, name_problem
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRunRow

SOURCE = "imported_from"
READERS: Mapping[str, Callable[[str], Iterator[SourceRun]]] = {
    "lightning": read_lightning,
    "mlflow": read_mlflow,
    "tensorboard": read_tensorboard,
}


def import_runs(source: str, kind: str, name: str, place: str, *, as_json: bool = False) -> None:
    """Bring the runs of a source into an experiment, each as a whole or not at all.

    Args:
        source: A file, a folder or a URL.
        kind: What wrote it: ``mlflow``, ``tensorboard`` or ``lightning``.
        name: Title of the experiment, which is made where it is missing.
        place: A database file, a folder for one, or a URL; what is missing is made.
        as_json: True for other programs.

    Raises:
        MissingDependencyError: What reads the source is not installed.
    """
    if problem := name_problem(name):
        raise click.UsageError(f"--name: {problem}")
    runs = iter(READERS[kind](source))
    first = next(runs, None)
    if first is None:
        raise click.UsageError(f"There are no runs of {kind} in {source}.")
    with _open(place) as db:
        importer = _Importer(db, name)
        importer.take(first)
        for run in runs:
            importer.take(run)
        database = database_text(database_of(db.url))
    counts = _counts(importer.imported)
    if as_json:
        document = {"experiment": name, **counts, "runs": importer.imported}
        print_json({**document, "database": database})
    else:
        counted = ", ".join(f"{count} {what}" for what, count in counts.items())
        click.echo(f"Imported into {name}: {counted}.")
        click.echo(f"Database  {database}")


def _open(place: str) -> DatabaseManager:
    if "://" in place:
        return DatabaseManager.from_url(place)
    path = Path(place).resolve()
    file = path / DATABASE_FILE if path.is_dir() else path
    return DatabaseManager(str(file), use_sqlite=True)


def _counts(imported: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many runs are new, and how many were replaced."""
    replaced = sum(run["replaced"] for run in imported)
    return {"new": len(imported) - replaced, "replaced": replaced}


class _Importer:
    """Writes runs into an experiment.

    Args:
        db: Open for writing.
        title: The experiment's.

    Attributes:
        imported: The runs that were written, as :mod:`experiment_manager.cli.as_json` has them.
    """

    def __init__(self, db: DatabaseManager, title: str) -> None:
        self.imported: list[dict[str, Any]] = []
        self._db = db
        self._experiment_id = db.create_experiment(title).id
        self._known = {
            db.get_provenance(run.id).get(SOURCE): (trial.name, run)
            for trial, run in db.list_runs(self._experiment_id)
        }

    def take(self, run: SourceRun) -> None:
        """Write a run in place of what was imported of it before."""
        before = self._known.get(run.source)
        with self._db.transaction():
            trial, row = self._begin(run.trial) if before is None else self._begin_again(*before)
            self._db.record_provenance(row.id, {**run.facts, SOURCE: run.source})
            self._db.record_trial_run_parameters(row.id, run.params)
            self._record_metrics(row.id, run)
            self._db.update_trial_run_status(row.id, run.status)
            self._set_times(row.id, run)
        self.imported.append(
            {
                "trial": trial,
                "run": row.number,
                "id": row.id,
                "status": run.status.value,
                "source": run.source,
                "replaced": before is not None,
            }
        )

    def _begin(self, trial: str) -> tuple[str, TrialRunRow]:
        name = trial.strip("/").replace("/", ".")  # which would look like a trial and a run
        trial_id = self._db.create_trial(self._experiment_id, name).id
        return name, self._db.create_trial_run(trial_id, RunStatus.RUNNING)

    def _begin_again(self, trial: str, run: TrialRunRow) -> tuple[str, TrialRunRow]:
        return trial, self._db.start_trial_run(run.trial_id, run.number)

    def _record_metrics(self, run_id: int, run: SourceRun) -> None:
        """Those of each epoch, and the last value of each as the run's result."""
        last = {}
        for epoch, points in run.epochs:
            self._db.record_epoch(run_id, epoch, points)
            last.update({point.name: point for point in points})
        if last:
            self._db.record_results(run_id, list(last.values()))

    def _set_times(self, run_id: int, run: SourceRun) -> None:
        """Those that the source tells; where it does not tell the start, it is the end."""
        ended = run.ended if run.status.is_ended else None
        started = run.started or ended
        if started is not None:
            self._db.update_trial_run_times(run_id, started, ended)
