"""``rm``, ``restore`` and ``gc`` with their options."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from experiment_manager.cli import exit_codes
from experiment_manager.cli.commands_completion import complete_entity
from experiment_manager.cli.options import by_query, in_place, in_workspace, json_flag

_yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_entity)
@by_query
@in_place
@in_workspace
@_yes
@json_flag
def rm(
    names: tuple[str, ...],
    query: str | None,
    place: str,
    workspace: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Set runs aside until 'restore' brings them back.

    \b
    experiment-manager rm digits/small/2
    experiment-manager rm digits/small digits/large
    experiment-manager rm --query "status in [failed, lost]"

    NAME is EXPERIMENT[/TRIAL[/RUN]], and means all runs of it. Nothing lists them any more. Their
    files go to the trial's folder 'archived', and their numbers are free: 'run' executes such
    runs anew. 'gc' deletes them for good.

    A run that a process executes is refused. Asks before more than one, unless --yes says so.
    """  # noqa: D301 - click wants the character itself
    from experiment_manager.cli.removing import remove_runs

    if not remove_runs(names, query, place, workspace=workspace, yes=yes, as_json=as_json):
        sys.exit(exit_codes.PROBLEMS)


@click.command()
@click.argument("names", metavar="[NAME[@VERSION]]...", nargs=-1, shell_complete=complete_entity)
@by_query
@in_place
@in_workspace
@json_flag
def restore(
    names: tuple[str, ...],
    query: str | None,
    place: str,
    workspace: Path | None,
    *,
    as_json: bool,
) -> None:
    """Bring runs back that were set aside, with their files.

    \b
    experiment-manager restore digits/small/2
    experiment-manager restore digits/small/2@1
    experiment-manager restore digits

    A run comes back in its last version, unless NAME has one; 'ls --archived' lists them. Of an
    experiment or a trial, and by --query, those come back that were removed.

    Exits with 1 where one did not come back, because there is another run of its number.
    """  # noqa: D301 - click wants the character itself
    from experiment_manager.cli.restoring import restore_runs

    if not restore_runs(names, query, place, workspace=workspace, as_json=as_json):
        sys.exit(exit_codes.PROBLEMS)


def _seconds(_context: click.Context, _parameter: click.Parameter, value: str) -> float:
    from experiment_manager.results.query_fields import FieldKind

    try:
        return float(FieldKind.DURATION.read(value, is_quoted=False))  # type: ignore[arg-type]
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@in_place
@in_workspace
@click.option("--dry-run", is_flag=True, help="Show what would be deleted; nothing is.")
@click.option(
    "--older-than",
    "older_than_s",
    metavar="DURATION",
    default="0s",
    callback=_seconds,
    help="Only what was set aside that long ago, such as 12h or 30d (default: all).",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also what 'run' has set aside, because it changed or was restarted.",
)
@_yes
@json_flag
def gc(
    place: str,
    workspace: Path | None,
    *,
    dry_run: bool,
    older_than_s: float,
    everything: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete for good what 'rm' has set aside, rows and files.

    Shows it first, with the sizes of the files, and asks. Folders in 'archived' that no run of
    the database has go too; they have a heading of their own. An experiment goes with its last
    run.
    """
    from experiment_manager.cli.collecting import collect_garbage

    is_done = collect_garbage(
        place,
        workspace=workspace,
        older_than_s=older_than_s,
        everything=everything,
        dry_run=dry_run,
        yes=yes,
        as_json=as_json,
    )
    if not is_done:
        sys.exit(exit_codes.PROBLEMS)
