"""``show``: an experiment, a trial or a run."""

from __future__ import annotations

from pathlib import Path

import click

from experiment_manager.cli.as_json import history_dict, print_json, run_dict
from experiment_manager.cli.console import create_console
from experiment_manager.cli.places import Database, chosen, database_text, open_with_experiment
from experiment_manager.cli.run_page import print_run
from experiment_manager.cli.run_tables import print_trial
from experiment_manager.cli.summary import print_places, print_summary
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ExperimentRow, TrialRow, TrialRunRow
from experiment_manager.results.query_text import quote
from experiment_manager.results.selection import select_runs
from experiment_manager.results.summary import summarize


def show_entity(name: str, place: str, *, as_json: bool = False) -> None:
    """Print an experiment, a trial or a run, named ``EXPERIMENT[/TRIAL[/RUN]]``.

    Each name may be abbreviated as long as only one begins so.
    """
    title, _, rest = name.partition("/")
    trial_name, _, number = rest.partition("/")
    with open_with_experiment(title, place) as (db, database, experiment):
        trial = _chosen_trial(db, experiment, trial_name) if trial_name else None
        run = _chosen_run(db, trial, number) if trial and number else None
        if as_json:
            _print_json(db, database, _query(experiment, trial, run), run)
        elif trial is None:
            _print_experiment(db, database, experiment)
        elif run is None:
            _print_trial(db, experiment, trial)
        else:
            print_run(create_console(), db, trial, run)


def _chosen_trial(db: DatabaseManager, experiment: ExperimentRow, name: str) -> TrialRow:
    by_name = {trial.name: trial for trial in db.list_trials(experiment.id)}
    return by_name[chosen(name, by_name, f"{experiment.title!r} has no trial")]


def _chosen_run(db: DatabaseManager, trial: TrialRow, number: str) -> TrialRunRow:
    by_number = {str(run.number): run for run in db.list_trial_runs(trial.id)}
    wanted = number.removeprefix("run_")
    if wanted not in by_number:
        known = ", ".join(by_number)
        raise click.UsageError(f"{trial.name!r} has no run {number!r}; it has: {known}")
    return by_number[wanted]


def _query(experiment: ExperimentRow, trial: TrialRow | None, run: TrialRunRow | None) -> str:
    parts = [f"experiment = {quote(experiment.title)}"]
    parts += [f"trial = {quote(trial.name)}"] if trial else []
    parts += [f"run = {run.number}"] if run else []
    return " and ".join(parts)


def _print_json(
    db: DatabaseManager, database: Database, query: str, run: TrialRunRow | None
) -> None:
    runs = [run_dict(found, database) for found in select_runs(db, query)]
    if run is not None:
        runs = [one | history_dict(db, run.id) for one in runs]
    print_json("runs", runs)


def _print_experiment(db: DatabaseManager, database: Database, experiment: ExperimentRow) -> None:
    console = create_console()
    print_summary(console, summarize(db, experiment.title))
    places: dict[str, Path | str] = {"Database": database_text(database)}
    if isinstance(database, Path):
        places["Folder"] = database.parent / experiment.title
    print_places(console, places)


def _print_trial(db: DatabaseManager, experiment: ExperimentRow, trial: TrialRow) -> None:
    summary = summarize(db, experiment.title)
    (found,) = (one for one in summary.trials if one.name == trial.name)
    print_trial(create_console(), found)
