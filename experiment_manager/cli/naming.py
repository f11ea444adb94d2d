"""What ``EXPERIMENT[/TRIAL[/RUN[@VERSION]]]`` names; with a version, a run that was set aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import click

from experiment_manager.cli.places import Database, chosen, open_with_experiment
from experiment_manager.db.keys import Owner, experiment_owner, run_owner, trial_owner
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ArchivedRunRow, ExperimentRow, TrialRow, TrialRunRow
from experiment_manager.results.query_text import quote
from experiment_manager.results.selection import FoundRun, select_runs


@dataclass(frozen=True)
class Named:
    """An experiment, one of its trials, or one run.

    Attributes:
        db: The open database that it is in.
        database: That database's file or URL.
        experiment: The experiment.
        trial: The trial, or None where the experiment is meant.
        run: The run, with the number that it has or had; None where the trial or the experiment
            is meant.
        archived: How the run was set aside; None for a current one.
    """

    db: DatabaseManager
    database: Database
    experiment: ExperimentRow
    trial: TrialRow | None
    run: TrialRunRow | None
    archived: ArchivedRunRow | None = None

    @property
    def name(self) -> str:
        """Its full name."""
        parts = [self.experiment.title]
        parts += [self.trial.name] if self.trial else []
        parts += [str(self.run.number)] if self.run else []
        return "/".join(parts) + (f"@{self.archived.version}" if self.archived else "")

    @property
    def query(self) -> str:
        """The query that finds its runs, among current ones or those that were set aside."""
        parts = [f"experiment = {quote(self.experiment.title)}"]
        parts += [f"trial = {quote(self.trial.name)}"] if self.trial else []
        parts += [f"id = {self.run.id}"] if self.run else []
        return " and ".join(parts)

    @property
    def owner(self) -> Owner:
        """How the database calls it."""
        if self.run is not None:
            return run_owner(self.run.id)
        if self.trial is not None:
            return trial_owner(self.trial.id)
        return experiment_owner(self.experiment.id)

    @property
    def note(self) -> str | None:
        """What somebody wrote about it."""
        return (self.run or self.trial or self.experiment).note

    def select_runs(self) -> list[FoundRun]:
        """Its runs: the current ones, or the one that was set aside."""
        return select_runs(self.db, self.query, archived=self.archived is not None)


@contextmanager
def open_named(name: str, place: str, *, read_only: bool = True) -> Iterator[Named]:
    """What a name means in the databases of a place; its parts may be abbreviated."""
    title, _, rest = name.partition("/")
    trial_name, _, number = rest.partition("/")
    with open_with_experiment(title, place, read_only=read_only) as (db, database, experiment):
        named = Named(db, database, experiment, None, None)
        if trial_name:
            named = replace(named, trial=_trial(db, experiment, trial_name))
        if named.trial and number:
            find = _archived_run if "@" in number else _run
            run, archived = find(db, named.trial, number.removeprefix("run_"))
            named = replace(named, run=run, archived=archived)
        yield named


def _trial(db: DatabaseManager, experiment: ExperimentRow, name: str) -> TrialRow:
    by_name = {trial.name: trial for trial in db.list_trials(experiment.id)}
    return by_name[chosen(name, by_name, f"{experiment.title!r} has no trial")]


def _run(db: DatabaseManager, trial: TrialRow, number: str) -> tuple[TrialRunRow, None]:
    by_number = {str(run.number): run for run in db.list_trial_runs(trial.id)}
    if number not in by_number:
        known = ", ".join(by_number) or "none"
        archived = [one for one in _archived_names(db, trial) if one.startswith(f"{number}@")]
        aside = f"; set aside: {', '.join(archived)}" if archived else ""
        raise click.UsageError(f"{trial.name!r} has no run {number!r}; it has: {known}{aside}")
    return by_number[number], None


def _archived_run(
    db: DatabaseManager, trial: TrialRow, number: str
) -> tuple[TrialRunRow, ArchivedRunRow]:
    by_name = _archived_names(db, trial)
    archived = by_name.get(number)
    run = None if archived is None else db.get_trial_run(archived.trial_run_id)
    if archived is None or run is None:
        known = ", ".join(by_name) or "none"
        raise click.UsageError(f"{trial.name!r} has no run {number!r}; set aside: {known}")
    return replace(run, number=archived.number), archived


def _archived_names(db: DatabaseManager, trial: TrialRow) -> dict[str, ArchivedRunRow]:
    return {f"{row.number}@{row.version}": row for row in db.list_archived_runs(trial.id)}
