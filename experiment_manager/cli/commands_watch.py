"""``watch`` with its options."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from experiment_manager.cli import exit_codes
from experiment_manager.cli.commands_completion import complete_entity
from experiment_manager.cli.options import in_place, in_workspace, json_flag


@click.command()
@click.argument("name", metavar="[EXPERIMENT|DIR]", required=False, shell_complete=complete_entity)
@in_place
@in_workspace
@click.option("--metric", metavar="NAME", help="The metric to show (default: one of interest).")
@click.option(
    "--interval",
    "interval_s",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1),
    default=2.0,
    help="Time between two looks into the database (default: 2).",
)
@click.option("--once", is_flag=True, help="Print the table once, as it is now.")
@json_flag
def watch(
    name: str | None,
    place: str,
    *,
    workspace: Path | None,
    metric: str | None,
    interval_s: float,
    once: bool,
    as_json: bool,
) -> None:
    """Watch an experiment while it is executed, from any terminal.

    Shows of each trial how many runs are done, have failed and are running, what those measure,
    and when all will be done; failures stand below as they happen. Nothing is written.

    It is the experiment of this name, or the one that DIR describes; without either the one that
    is being executed. The watching ends when nobody executes it any more, or by Ctrl-C, which
    does not end the runs (the exit code is then 130). In a pipe or a file, with --once or with
    --json, the table is printed once.
    """
    from experiment_manager.cli.watching import watch as watch_experiment

    try:
        watch_experiment(
            name,
            place,
            workspace=workspace,
            metric=metric,
            interval_s=interval_s,
            once=once,
            as_json=as_json,
        )
    except KeyboardInterrupt:
        sys.exit(exit_codes.INTERRUPTED)
