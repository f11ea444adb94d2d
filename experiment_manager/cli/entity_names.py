"""The names that ``show`` understands, for a shell to offer."""

from __future__ import annotations

from collections.abc import Iterator

from experiment_manager.cli.places import databases_in, open_database
from experiment_manager.db.manager import DatabaseManager


def entity_names(place: str, typed: str) -> list[str]:
    """Names in the databases of a place: of experiments, or of what lies below a slash.

    Args:
        place: A file, a folder or a URL.
        typed: What is there of ``EXPERIMENT[/TRIAL[/RUN]]``; its slashes tell what is wanted.

    Raises:
        click.UsageError: The place has no database.
        DatabaseError: One cannot be read.
    """
    names: list[str] = []
    for database in databases_in(place):
        with open_database(database) as db:
            names += _names_in(db, typed.split("/"))
    return names


def _names_in(db: DatabaseManager, typed: list[str]) -> Iterator[str]:
    title, *below = typed
    for experiment in db.list_experiments():
        if not below:
            yield experiment.title
        elif experiment.title == title:
            yield from (f"{title}/{name}" for name in _names_of(db, experiment.id, below))


def _names_of(db: DatabaseManager, experiment_id: int, typed: list[str]) -> Iterator[str]:
    name, *run = typed
    for trial in db.list_trials(experiment_id):
        if not run:
            yield trial.name
        elif trial.name == name:
            yield from (f"{name}/{run.number}" for run in db.list_trial_runs(trial.id))
