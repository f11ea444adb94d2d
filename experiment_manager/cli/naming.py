"""What ``EXPERIMENT[/TRIAL[/RUN]]`` names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from experiment_manager.cli.places import Database, chosen, open_with_experiment
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ExperimentRow, TrialRow, TrialRunRow
from experiment_manager.results.query_text import quote


@dataclass(frozen=True)
class Named:
    """An experiment, one of its trials, or one run.

    Attributes:
        db: The open database that it is in.
        database: That database's file or URL.
        experiment: The experiment.
        trial: The trial, or None where the experiment is meant.
        run: The run, or None where the trial or the experiment is meant.
    """

    db: DatabaseManager
    database: Database
    experiment: ExperimentRow
    trial: TrialRow | None
    run: TrialRunRow | None

    @property
    def name(self) -> str:
        """Its full name."""
        parts = [self.experiment.title]
        parts += [self.trial.name] if self.trial else []
        parts += [str(self.run.number)] if self.run else []
        return "/".join(parts)

    @property
    def query(self) -> str:
        """The query that finds its runs."""
        parts = [f"experiment = {quote(self.experiment.title)}"]
        parts += [f"trial = {quote(self.trial.name)}"] if self.trial else []
        parts += [f"run = {self.run.number}"] if self.run else []
        return " and ".join(parts)


@contextmanager
def open_named(name: str, place: str) -> Iterator[Named]:
    """What a name means in the databases of a place; its parts may be abbreviated."""
    title, _, rest = name.partition("/")
    trial_name, _, number = rest.partition("/")
    with open_with_experiment(title, place) as (db, database, experiment):
        trial = _trial(db, experiment, trial_name) if trial_name else None
        run = _run(db, trial, number) if trial and number else None
        yield Named(db, database, experiment, trial, run)


def _trial(db: DatabaseManager, experiment: ExperimentRow, name: str) -> TrialRow:
    by_name = {trial.name: trial for trial in db.list_trials(experiment.id)}
    return by_name[chosen(name, by_name, f"{experiment.title!r} has no trial")]


def _run(db: DatabaseManager, trial: TrialRow, number: str) -> TrialRunRow:
    by_number = {str(run.number): run for run in db.list_trial_runs(trial.id)}
    wanted = number.removeprefix("run_")
    if wanted not in by_number:
        known = ", ".join(by_number)
        raise click.UsageError(f"{trial.name!r} has no run {number!r}; it has: {known}")
    return by_number[wanted]
