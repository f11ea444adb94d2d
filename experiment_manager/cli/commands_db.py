"""``db`` and its commands."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from experiment_manager.cli import exit_codes
from experiment_manager.cli.options import in_workspace, json_flag
from experiment_manager.cli.suggesting import Group

_place = click.argument("place", metavar="[PLACE]", default=".")


@click.group(cls=Group)
def db() -> None:
    """Look after a database: what it is, checks, upgrades, copies.

    PLACE is an SQLite file, a folder with some in or below it (default: here), or a database
    URL such as mysql+pymysql://user:password@host/name.
    """


@db.command()
@_place
@json_flag
def info(place: str, *, as_json: bool) -> None:
    """Show kind, version, size, rows, and journals that wait."""
    from experiment_manager.cli.database import print_info

    print_info(place, as_json=as_json)


@db.command()
@_place
@in_workspace
@json_flag
def check(place: str, workspace: Path | None, *, as_json: bool) -> None:
    """Look for damage, and for rows and files that do not fit.

    That is: rows that refer to nothing, rows whose files or folders are missing, files that must
    have a row and have none, and what processes that died have left.

    Exits with 1 where something was found; nothing is changed.
    """
    from experiment_manager.cli.database import print_check

    if not print_check(place, workspace=workspace, as_json=as_json):
        sys.exit(exit_codes.PROBLEMS)


@db.command()
@_place
@json_flag
def upgrade(place: str, *, as_json: bool) -> None:
    """Bring a database of an older version up to date.

    A file is copied beside itself first; back up a server's database yourself.
    """
    from experiment_manager.cli.database import upgrade_each

    upgrade_each(place, as_json=as_json)


@db.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@json_flag
def copy(source: str, target: str, *, as_json: bool) -> None:
    """Copy all experiments from one database to an empty one.

    FROM and TO are each a PLACE, such as a file and the URL of a server's database.
    """
    from experiment_manager.cli.database import copy_to_empty

    copy_to_empty(source, target, as_json=as_json)


@db.command()
@_place
@json_flag
def sync(place: str, *, as_json: bool) -> None:
    """Bring in what processes that died left in their journals.

    Exits with 1 where something could not be delivered.
    """
    from experiment_manager.cli.database import deliver_journals

    if not deliver_journals(place, as_json=as_json):
        sys.exit(exit_codes.PROBLEMS)
