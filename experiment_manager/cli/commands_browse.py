"""``ls`` and ``show`` with their options."""

from __future__ import annotations

import click

from experiment_manager.cli.commands_completion import complete_entity
from experiment_manager.cli.options import in_place, json_flag


@click.command()
@click.argument("query", metavar="[QUERY]", nargs=-1)
@in_place
@click.option("--sort", metavar="FIELD", help="Sort runs by it; those without it come last.")
@click.option("--reverse", is_flag=True, help="With --sort: the highest first.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    help="The most runs to list (default: 100; as JSON all).",
)
@click.option(
    "--archived", is_flag=True, help="List runs that were set aside, why and when, instead."
)
@json_flag
def ls(
    query: tuple[str, ...],
    place: str,
    *,
    sort: str | None,
    reverse: bool,
    limit: int | None,
    archived: bool,
    as_json: bool,
) -> None:
    """List experiments, or the runs that QUERY finds.

    \b
    experiment-manager ls
    experiment-manager ls "status = failed and params.lr < 0.01"
    experiment-manager ls "metrics.val_acc > 0.9" --sort metrics.val_acc --reverse

    A QUERY compares fields by = != < <= > >=, ~ (contains; * is anything), in [A, B], is missing
    and is not missing, and joins that by and, or, not and parentheses.

    Fields: experiment, trial, run, id, status, seed, attempt, started, ended, updated, duration,
    error, reason (of a failure, such as oom), note, tag (tag:NAME for short), params.NAME, and
    metrics.NAME for the value recorded last.

    With --sort, --limit or --archived alone, all runs are listed.
    """  # noqa: D301 - click wants the character itself
    if reverse and not sort:
        raise click.UsageError("--reverse needs --sort FIELD.")
    if query or sort or limit or archived:
        from experiment_manager.cli.listing import list_runs

        list_runs(
            " ".join(query),
            place,
            sort=sort,
            reverse=reverse,
            limit=limit,
            archived=archived,
            as_json=as_json,
        )
    else:
        from experiment_manager.cli.listing import list_experiments

        list_experiments(place, as_json=as_json)


@click.command()
@click.argument(
    "name", metavar="EXPERIMENT[/TRIAL[/RUN[@VERSION]]]", shell_complete=complete_entity
)
@in_place
@json_flag
def show(name: str, place: str, as_json: bool) -> None:
    """Show an experiment, one of its trials, or one run in detail.

    Names may be abbreviated: 'show dig/sm/2' where only one experiment begins with 'dig', and
    only one of its trials with 'sm'. A run that was set aside is named with its version: '2@1'.
    """
    from experiment_manager.cli.showing import show_entity

    show_entity(name, place, as_json=as_json)
