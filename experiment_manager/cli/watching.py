"""``watch``: one table of an experiment that is being executed, as it changes."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.console import create_console, customary_first
from experiment_manager.cli.places import (
    Database,
    database_text,
    databases_in,
    open_database,
    open_with_experiment,
)
from experiment_manager.cli.planned_repeats import PlannedRepeats
from experiment_manager.cli.progress_json import progress_dict
from experiment_manager.cli.progress_view import progress_view
from experiment_manager.cli.workspaces import ElsewhereError, workspace_of
from experiment_manager.common.errors import DatabaseError, describe
from experiment_manager.common.naming import first_of
from experiment_manager.config.files import EXPERIMENT
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.places import find_places
from experiment_manager.db.rows import ExperimentRow
from experiment_manager.results.progress import ExperimentProgress
from experiment_manager.results.progress_reading import read_progress

Look = Callable[[], ExperimentProgress]


def watch(
    name: str | None,
    place: str,
    *,
    workspace: Path | None = None,
    metric: str | None = None,
    interval_s: float,
    once: bool = False,
    as_json: bool = False,
) -> None:
    """Show how far an experiment is: on a terminal until nobody executes it, elsewhere once.

    Args:
        name: Its title, which may be abbreviated, or the folder that describes it; None for the
            one that is being executed.
        place: A file, a folder or a URL.
        workspace: Where the experiment's folder is; None for the one that the database knows of.
        metric: The metric to show; None for the most interesting ones.
        interval_s: Seconds between two looks into the database.
        once: True to look only once on a terminal too.
        as_json: True for other programs; looks once.
    """
    with _opened(name, place) as (db, database, experiment):
        repeats = PlannedRepeats(_workspace(database, experiment, workspace), experiment.title)
        choose = functools.partial(_choose, metric)
        look = functools.partial(read_progress, db, experiment, repeats, choose)
        console = create_console()
        if as_json:
            print_json(progress_dict(look(), database_text(database)))
        elif once or not console.is_terminal:
            console.print(progress_view(look(), metric=metric))
        else:
            follow(console, look, lambda: time.sleep(interval_s), metric)


def follow(
    console: Console, look: Look, wait: Callable[[], object], metric: str | None = None
) -> None:
    """Show what each look sees in the place of the one before, as long as anything happens.

    Args:
        console: A terminal.
        look: Gives the progress as it is now; where the database does not answer the last one
            stays, and it is said.
        wait: Called between two looks.
        metric: The metric to show of what is running.
    """
    progress, problem = look(), ""
    with Live(console=console, auto_refresh=False) as live:
        while True:
            view = progress_view(progress, metric=metric, height=console.height)
            told = Text(problem, style="red", no_wrap=True, overflow="ellipsis")
            live.update(Group(view, told) if problem else view, refresh=True)
            if not progress.is_active:
                return
            wait()
            try:
                progress, problem = look(), ""
            except DatabaseError as error:
                problem = f"As of {progress.time.astimezone():%H:%M:%S}: {describe(error)}"


def _choose(metric: str | None, names: Sequence[str]) -> str | None:
    return metric or next(iter(customary_first(names)), None)


@contextmanager
def _opened(
    name: str | None, place: str
) -> Iterator[tuple[DatabaseManager, Database, ExperimentRow]]:
    """What a name means: an experiment, or the folder that describes one."""
    if name is None:
        name, database = _current(place)
    elif (Path(name) / EXPERIMENT).is_file():
        name, database = _described(name)
    else:
        database = place
    with open_with_experiment(name, str(database)) as opened:
        yield opened


def _described(folder: str) -> tuple[str, Database]:
    """Title and database of the experiment that a folder of configuration files describes."""
    place = find_places([folder])[0]
    return next(iter(place.experiments or ())), place.database


def _current(place: str) -> tuple[str, Database]:
    """Title and database of the experiment that is being executed, or of the only one."""
    found: list[tuple[str, Database]] = []
    executed: list[tuple[str, Database]] = []
    for database in databases_in(place):
        with open_database(database) as db:
            for experiment in db.list_experiments():
                found.append((experiment.title, database))
                if db.list_holders(experiment.id):
                    executed.append(found[-1])
    candidates = executed or found
    if len(candidates) == 1:
        return candidates[0]
    if not found:
        raise click.UsageError("There is no experiment yet.")
    names = first_of([title for title, _ in candidates], 5)
    which = "Several experiments are" if executed else "No experiment is"
    raise click.UsageError(f"{which} being executed; name one: {names}")


def _workspace(database: Database, experiment: ExperimentRow, given: Path | None) -> Path | None:
    try:
        return workspace_of(database, experiment, given)
    except ElsewhereError:
        return None
