"""``note``: what somebody has to say about an experiment, a trial or a run."""

from __future__ import annotations

import click

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.naming import Named, open_named
from experiment_manager.cli.places import database_text


def show_note(name: str, place: str, *, as_json: bool = False) -> None:
    """Print the note of what ``EXPERIMENT[/TRIAL[/RUN]]`` names."""
    with open_named(name, place) as named:
        if as_json:
            _print_json(named, named.note)
        else:
            click.echo(named.note or f"{named.name} has no note.")


def write_note(name: str, place: str, note: str | None, *, as_json: bool = False) -> None:
    """Write a note in place of the one that there was; None to take it away."""
    with open_named(name, place, read_only=False) as named:
        named.db.set_note(named.owner, note)
        if as_json:
            _print_json(named, note)
        elif note is None:
            click.echo(f"{named.name} has no note any more.")
        else:
            click.echo(f"Noted of {named.name}.")


def _print_json(named: Named, note: str | None) -> None:
    print_json({"name": named.name, "note": note, "database": database_text(named.database)})
