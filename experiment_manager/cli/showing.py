"""``show``: an experiment, a trial or a run."""

from __future__ import annotations

from pathlib import Path

from experiment_manager.cli.as_json import history_dict, print_json, run_dict
from experiment_manager.cli.console import create_console
from experiment_manager.cli.naming import Named, open_named
from experiment_manager.cli.places import database_text
from experiment_manager.cli.run_page import print_run
from experiment_manager.cli.run_tables import print_trial
from experiment_manager.cli.summary import print_places, print_summary
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import ExperimentRow, TrialRow
from experiment_manager.results.selection import select_runs
from experiment_manager.results.summary import summarize


def show_entity(name: str, place: str, *, as_json: bool = False) -> None:
    """Print an experiment, a trial or a run, named ``EXPERIMENT[/TRIAL[/RUN]]``.

    Each name may be abbreviated as long as only one begins so.
    """
    with open_named(name, place) as named:
        if as_json:
            _print_json(named)
        elif named.trial is None:
            _print_experiment(named)
        elif named.run is None:
            _print_trial(named.db, named.experiment, named.trial)
        else:
            print_run(create_console(), named.db, named.trial, named.run)


def _print_json(named: Named) -> None:
    runs = [run_dict(found, named.database) for found in select_runs(named.db, named.query)]
    if named.run is not None:
        runs = [one | history_dict(named.db, named.run.id) for one in runs]
    print_json("runs", runs)


def _print_experiment(named: Named) -> None:
    console = create_console()
    title, database = named.experiment.title, named.database
    print_summary(console, summarize(named.db, title))
    places: dict[str, Path | str] = {"Database": database_text(database)}
    if isinstance(database, Path):
        places["Folder"] = database.parent / title
    print_places(console, places)


def _print_trial(db: DatabaseManager, experiment: ExperimentRow, trial: TrialRow) -> None:
    summary = summarize(db, experiment.title)
    (found,) = (one for one in summary.trials if one.name == trial.name)
    print_trial(create_console(), found)
