"""``restore``: runs that were set aside come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from experiment_manager.archive import REMOVED, restore_run
from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.naming import open_named
from experiment_manager.cli.places import Database, databases_in, open_database
from experiment_manager.cli.run_storage import RunStorage, files_text
from experiment_manager.common.common import RunStatus
from experiment_manager.common.yaml_utils import flatten
from experiment_manager.config.plan import RECIPE
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRunRow
from experiment_manager.execution.planned import differing_keys
from experiment_manager.results.selection import FoundRun, select_runs

ArchivedRuns = Mapping[Database, Sequence[FoundRun]]


def restore_runs(
    names: Sequence[str],
    query: str | None,
    place: str,
    *,
    workspace: Path | None = None,
    as_json: bool = False,
) -> bool:
    """Bring runs back; False where one could not come, because another one has its number.

    Args:
        names: ``EXPERIMENT[/TRIAL[/RUN[@VERSION]]]``, whose parts may be abbreviated. A run comes
            back in its last version; of an experiment or a trial those that were removed.
        query: Finds runs that were removed, in place of names.
        place: A file, a folder or a URL.
        workspace: Where the experiments' folders are; None for where the database knows them.
        as_json: True for other programs.
    """
    if (query is None) is not bool(names):
        raise click.UsageError("Name EXPERIMENT[/TRIAL[/RUN[@VERSION]]], or find runs by --query.")
    chosen = _named(names, place, workspace) if query is None else _found(query, place)
    restored: list[dict[str, Any]] = []
    left: dict[str, str] = {}
    for database, runs in chosen.items():
        with open_database(database, read_only=False) as db:
            storage = RunStorage(db, database, workspace)
            for found in runs:
                if obstacle := _obstacle(db, found):
                    left[found.name] = obstacle
                else:
                    restored.append(_restore(storage, found, as_json=as_json))
    if as_json:
        print_json({"runs": restored, "left": list(left)})
    elif not restored and not left:
        click.echo("No such run was removed.")
    for name, obstacle in left.items():
        click.echo(f"Not restored: {name}, because {obstacle}.", err=True)
    return not left


def _obstacle(db: DatabaseManager, found: FoundRun) -> str:
    """Why a run cannot come back; ``""`` if it can."""
    trial, runs = f"{found.experiment}/{found.trial.name}", db.list_trial_runs(found.trial.id)
    if found.run.number in {run.number for run in runs}:
        return f"there is a {trial}/{found.run.number}"
    mine = _settings(db, found.run)
    others = [_settings(db, run) for run in runs if RunStatus(run.status).is_success]
    differing = [differing_keys(mine, other) for other in others if mine and other]
    keys = dict.fromkeys(key for keys in differing for key in keys)
    return f"{trial} has runs with another {', '.join(keys)}" if keys else ""


def _settings(db: DatabaseManager, run: TrialRunRow) -> Mapping[str, Any]:
    """Those that the repeats of a trial share; empty where they were not recorded."""
    recipe: Mapping[str, Any] = db.get_provenance(run.id).get(RECIPE, {})
    refer_to_seed = recipe.get("interpolations", {})
    settings = flatten(recipe.get("settings", {}))
    return {key: value for key, value in settings.items() if key not in refer_to_seed}


def _restore(storage: RunStorage, found: FoundRun, *, as_json: bool) -> dict[str, Any]:
    size = storage.size_bytes(found)
    if found.archived is not None:
        restore_run(storage.db, *storage.place(found), found.archived)
    current = replace(found, archived=None)
    if not as_json:
        click.echo(f"Restored: {current.name} ({files_text(size)})")
    return storage.run_dict(current, size)


def _named(names: Sequence[str], place: str, workspace: Path | None) -> ArchivedRuns:
    chosen: dict[Database, dict[int, FoundRun]] = {}
    for name in names:
        head, number = _parted(name)
        with open_named(head, place, read_only=False) as named:
            storage = RunStorage(named.db, named.database, workspace)
            storage.settle([named.experiment.title])  # who was killed may try it again
            runs = select_runs(named.db, named.query, archived=True)
            found = _of_number(runs, number) if number else _last_removed(runs)
            if not found:
                aside = ", ".join(run.name for run in runs) or "none"
                what = "No run of" if not number else "No run"
                raise click.UsageError(f"{what} {name!r} was removed; set aside: {aside}")
            chosen.setdefault(named.database, {}).update({one.run.id: one for one in found})
    return {database: list(runs.values()) for database, runs in chosen.items()}


def _found(query: str, place: str) -> ArchivedRuns:
    chosen: dict[Database, Sequence[FoundRun]] = {}
    for database in databases_in(place):
        with open_database(database) as db:
            if runs := _last_removed(select_runs(db, query, archived=True)):
                chosen[database] = runs
    return chosen


def _parted(name: str) -> tuple[str, str]:
    """``EXPERIMENT/TRIAL`` and what is behind: a number, and perhaps a version."""
    title, _, rest = name.partition("/")
    trial, _, number = rest.partition("/")
    return (f"{title}/{trial}" if trial else title), number.removeprefix("run_")


def _of_number(runs: Sequence[FoundRun], number: str) -> list[FoundRun]:
    """The run of a trial that ``2@1`` means, or the last one that ``2`` does."""
    wanted, _, version = number.partition("@")
    return [
        run
        for run in runs
        if str(run.run.number) == wanted
        and run.archived is not None
        and version in {"", str(run.archived.version)}
    ][-1:]


def _last_removed(runs: Sequence[FoundRun]) -> list[FoundRun]:
    """Of each number the one that was removed last."""
    removed = [run for run in runs if run.archived is not None and run.archived.reason == REMOVED]
    return list({(run.trial.id, run.run.number): run for run in removed}.values())
