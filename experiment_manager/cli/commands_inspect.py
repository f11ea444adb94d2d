"""``logs``, ``tail``, ``diff``, ``export`` and ``import`` with their options."""

from __future__ import annotations

from pathlib import Path

import click

from experiment_manager.cli import exit_codes
from experiment_manager.cli.commands_completion import complete_entity
from experiment_manager.cli.options import (
    Place,
    in_place,
    in_two_places,
    in_workspace,
    json_flag,
)
from experiment_manager.cli.suggesting import Choice

_name = click.argument("name", metavar="EXPERIMENT[/TRIAL[/RUN]]", shell_complete=complete_entity)


@click.command()
@_name
@in_place
@in_workspace
@click.option(
    "-n",
    "--lines",
    metavar="LINES",
    type=click.IntRange(min=1),
    help="Only so many lines from the end of each file.",
)
def logs(name: str, place: str, workspace: Path | None, lines: int | None) -> None:
    """Print the log files of an experiment, a trial or a run.

    Those of a trial are those of its runs. Names may be abbreviated, as 'show' takes them.
    """
    from experiment_manager.cli.log_files import print_logs

    print_logs(name, place, workspace=workspace, lines=lines)


@click.command()
@_name
@in_place
@json_flag
def tail(name: str, place: str, *, as_json: bool) -> None:
    """Follow runs that are running, a line for each epoch.

    It ends when none is running any more. Ctrl-C ends the following, not the runs; the exit
    code is then 130. With --json, each line is a JSON object.
    """
    from experiment_manager.cli.tailing import follow

    try:
        follow(name, place, as_json=as_json)
    except KeyboardInterrupt:
        exit_codes.interrupted("What runs goes on.")


@click.command()
@click.argument("a", metavar="A", shell_complete=complete_entity)
@click.argument("b", metavar="B", shell_complete=complete_entity)
@in_two_places
@click.option("--code", "with_code", is_flag=True, help="Show the code that differs, too.")
@json_flag
def diff(a: str, b: str, places: tuple[str, str], *, with_code: bool, as_json: bool) -> None:
    """Compare two runs, or two trials.

    Shows the results, and where they differ in parameters, code, packages, Python, machine,
    command, environment variables and data. A and B are each EXPERIMENT/TRIAL[/RUN], and may be
    abbreviated. Of a trial, the results are the means over its runs that succeeded, and all else
    is that of its first run. A repetition that was kept is compared with its original by
    'diff A A --in outputs --in KEPT'.
    """
    from experiment_manager.cli.comparing import print_comparison

    print_comparison(a, b, places, with_code=with_code, as_json=as_json)


@click.command()
@click.argument("query", metavar="[QUERY]", nargs=-1)
@click.option(
    "--to",
    "target",
    metavar="FILE",
    required=True,
    help="A file that ends in .csv, .jsonl or .parquet, or - for standard output.",
)
@click.option(
    "--format",
    "suffix",
    type=Choice(["csv", "jsonl", "parquet"]),
    help="The format, whatever the file is called (on standard output: csv).",
)
@click.option("--epochs", is_flag=True, help="A row for each metric of each epoch instead.")
@in_place
def export(
    query: tuple[str, ...], target: str, suffix: str | None, place: str, *, epochs: bool
) -> None:
    """Write runs, or the metrics of their epochs, into a file.

    QUERY chooses the runs, as for 'ls'; without one it is all.

    \b
    experiment-manager export --to runs.csv
    experiment-manager export "status = completed" --to runs.parquet
    experiment-manager export "trial = small" --epochs --to history.jsonl

    Each run is a row, its parameters in columns params.NAME, what it recorded last in
    metrics.NAME. With --epochs the columns are experiment, trial, run, epoch, metric, value and
    step. The file is there as a whole or not at all.
    """  # noqa: D301 - click wants the character itself
    from experiment_manager.cli.exporting import export_runs

    export_runs(" ".join(query), place, target, suffix=suffix, epochs=epochs)


@click.command("import")
@click.argument("source", metavar="FILE|URL", type=Place(exists=True))
@click.option(
    "--kind",
    type=Choice(["mlflow", "tensorboard", "lightning"]),
    required=True,
    help="What wrote it.",
)
@click.option("--name", metavar="EXPERIMENT", required=True, help="The experiment to import into.")
@click.option(
    "--in",
    "place",
    metavar="PLACE",
    default=".",
    help="A database file, a folder for an experiments.db (default: here), or a database URL; "
    "what is missing is made.",
)
@json_flag
def import_(source: str, kind: str, name: str, place: str, *, as_json: bool) -> None:
    """Bring in runs that another program recorded.

    \b
    experiment-manager import mlflow.db --kind mlflow --name digits
    experiment-manager import runs/ --kind tensorboard --name digits
    experiment-manager import lightning_logs/ --kind lightning --name digits

    Each becomes a run, with its parameters, its metrics by epoch (or step, where there are no
    epochs), the last value of each metric as its result, its status, and its times.

    Importing it again replaces what was imported before, so that nothing is there twice; a run
    that came from elsewhere is never replaced.
    """  # noqa: D301 - click wants the character itself
    from experiment_manager.cli.importing import import_runs

    import_runs(source, kind, name, place, as_json=as_json)
