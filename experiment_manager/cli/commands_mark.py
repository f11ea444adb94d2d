"""``tag`` and ``note`` with their options."""

from __future__ import annotations

import sys

import click

from experiment_manager.cli.commands_completion import complete_entity
from experiment_manager.cli.options import by_query, in_place, json_flag


@click.command()
@click.argument("arguments", metavar="[NAME] [TAG]...", nargs=-1, shell_complete=complete_entity)
@by_query
@click.option("--remove", "removed", metavar="TAG", multiple=True, help="Take a tag away.")
@in_place
@json_flag
def tag(
    arguments: tuple[str, ...],
    query: str | None,
    removed: tuple[str, ...],
    place: str,
    *,
    as_json: bool,
) -> None:
    """Give tags to runs, and list them.

    \b
    experiment-manager tag digits/small/2 paper baseline
    experiment-manager tag digits --remove baseline
    experiment-manager tag --query "metrics.val_acc > 0.9" good
    experiment-manager ls tag:paper

    NAME is EXPERIMENT[/TRIAL[/RUN]], and means all runs of it. Without a TAG it shows those that
    the runs have, and without anything those of all runs.
    """  # noqa: D301 - click wants the character itself
    from experiment_manager.cli.tagging import change_tags, list_tags

    if arguments or query is not None or removed:
        change_tags(arguments, query, removed, place, as_json=as_json)
    else:
        list_tags(place, as_json=as_json)


@click.command()
@click.argument(
    "name", metavar="EXPERIMENT[/TRIAL[/RUN[@VERSION]]]", shell_complete=complete_entity
)
@click.argument("text", required=False)
@click.option("--remove", is_flag=True, help="Take the note away.")
@in_place
@json_flag
def note(name: str, text: str | None, place: str, *, remove: bool, as_json: bool) -> None:
    """Write a note about an experiment, a trial or a run, or show it.

    \b
    experiment-manager note digits/small/2 "best so far; it was the warm-up"
    experiment-manager note digits/small/2

    TEXT takes the place of an earlier one; as - it is read from standard input.
    """  # noqa: D301 - click wants the character itself
    from experiment_manager.cli.noting import show_note, write_note

    if remove and text is not None:
        raise click.UsageError("--remove takes the note away; leave TEXT out.")
    if text == "-":
        text = sys.stdin.read().strip()
    if text is not None and not text.strip():
        raise click.UsageError("TEXT is empty; --remove takes the note away.")
    if text is None and not remove:
        show_note(name, place, as_json=as_json)
    else:
        write_note(name, place, text, as_json=as_json)
