"""``show``: an experiment, a trial or a run."""

from __future__ import annotations

from pathlib import Path

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.console import create_console
from experiment_manager.cli.json_rows import history_dict, run_dict
from experiment_manager.cli.marks import print_marks
from experiment_manager.cli.naming import Named, open_named
from experiment_manager.cli.places import database_text
from experiment_manager.cli.run_page import print_run
from experiment_manager.cli.run_tables import print_trial
from experiment_manager.cli.summary import print_places, print_summary
from experiment_manager.db.rows import TrialRow
from experiment_manager.results.summary import summarize

ALL_SET_ASIDE = "It has no runs, or all were set aside; 'ls --archived' lists those."


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
            _print_trial(named, named.trial)
        else:
            print_run(create_console(), named, named.trial, named.run)


def _print_json(named: Named) -> None:
    runs = [run_dict(found, named.database) for found in named.select_runs()]
    if named.run is not None:
        history = history_dict(named, named.run.id)
        runs = [one | history for one in runs]
    print_json({"runs": runs})


def _print_experiment(named: Named) -> None:
    console = create_console()
    title, database = named.experiment.title, named.database
    summary = summarize(named.db, title)
    if summary.trials:
        print_summary(console, summary)
    else:
        console.print(ALL_SET_ASIDE)
    print_marks(console, named)
    places: dict[str, Path | str] = {"Database": database_text(database)}
    if isinstance(database, Path):
        places["Folder"] = database.parent / title
    print_places(console, places)


def _print_trial(named: Named, trial: TrialRow) -> None:
    console = create_console()
    trials = summarize(named.db, named.experiment.title).trials
    found = next((one for one in trials if one.name == trial.name), None)
    if found is None:
        console.print(ALL_SET_ASIDE)
    else:
        print_trial(console, found)
    print_marks(console, named)
