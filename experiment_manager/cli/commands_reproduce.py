"""``reproduce`` with its options."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import click

from experiment_manager.cli import exit_codes
from experiment_manager.cli.commands_completion import complete_entity
from experiment_manager.cli.options import in_place, json_flag
from experiment_manager.cli.suggesting import Choice

CODE = ("current", "recorded")


def _tolerance(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter("it must be a number, such as 1e-6", context, parameter)
    return value


@click.command()
@click.argument("name", metavar="EXPERIMENT/TRIAL/RUN", shell_complete=complete_entity)
@in_place
@click.option(
    "--tolerance",
    metavar="X",
    type=click.FloatRange(min=0),
    default=0.0,
    callback=_tolerance,
    help="Let a value deviate by X * (1 + |original|) (default: 0, not at all).",
)
@click.option(
    "--code",
    type=Choice(CODE),
    default=CODE[0],
    help="The code as it is now (the default), or the recorded one, in a folder that is gone "
    "afterwards.",
)
@click.option(
    "--repository",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the repository of the recorded code is now, if it was moved.",
)
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Keep the repetition, its database and files, in this new folder.",
)
@json_flag
def reproduce(
    name: str,
    place: str,
    *,
    tolerance: float,
    code: str,
    repository: Path | None,
    keep: Path | None,
    as_json: bool,
) -> None:
    """Execute a run once more from its record, and compare.

    Its settings and its seed are those that were recorded; every metric of every epoch and every
    result is compared. Nothing of the original run is changed, and no tracker of env.yaml hears
    of it. Names may be abbreviated, as 'show' takes them.

    Exits with 0 where the run came out identical or within the tolerance, with 1 where it came
    out different, and with 2 where it cannot be repeated.
    """
    from experiment_manager.cli.reproducing import print_reproduction
    from experiment_manager.execution.reproduction import Way

    if repository is not None and code != "recorded":
        raise click.UsageError("--repository is for --code recorded.")
    way = Way(tolerance, code == "recorded", repository, keep)
    try:
        is_same = print_reproduction(name, place, way, as_json=as_json)
    except KeyboardInterrupt:
        exit_codes.interrupted("Nothing was changed.")
    if not is_same:
        sys.exit(exit_codes.PROBLEMS)
