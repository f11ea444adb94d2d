"""The commands, their options and their exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from experiment_manager.cli.commands_browse import ls, show
from experiment_manager.cli.commands_completion import completion
from experiment_manager.cli.commands_init import init
from experiment_manager.cli.commands_inspect import diff, export, import_, logs, tail
from experiment_manager.version import __version__

FULL_ERROR = "EXPERIMENT_MANAGER_FULL_ERROR"
EXIT_RUN_FAILED = 1
EXIT_PROBLEMS = 1
EXIT_BAD_USAGE = 2
EXIT_INTERRUPTED = 130

_folder = click.argument(
    "config_dir", metavar="DIR", type=click.Path(file_okay=False, path_type=Path)
)
_overrides = click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
_sweeps = click.option(
    "-m", "--multirun", "sweeps", is_flag=True, help="KEY=A,B makes each trial for A and for B."
)
_place = click.argument("place", metavar="[PLACE]", default=".")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="experiment-manager")
def commands() -> None:
    """Run experiments that are described in YAML, and look at their results.

    DIR is a folder with experiment.yaml and trials.yaml, and perhaps env.yaml and base.yaml.

    Exit codes: 0 all fine, 1 a run failed or a check found something, 2 bad usage or
    configuration, 130 interrupted (Ctrl-C), 143 terminated.
    """


@commands.command()
@_folder
@_overrides
@_sweeps
@click.option("-q", "--quiet", is_flag=True, help="Print the results alone, not the progress.")
@click.option("-v", "--verbose", is_flag=True, help="Print what the runs log, too.")
def run(
    config_dir: Path, overrides: tuple[str, ...], sweeps: bool, quiet: bool, verbose: bool
) -> None:
    """Execute every run of DIR that has not succeeded yet.

    The same command again does what is still missing. KEY=VALUE changes a setting of every
    trial (optimizer.lr=0.01), trials.NAME.KEY one of a trial, env.KEY one of env.yaml; +KEY=VALUE
    adds a setting, ~KEY takes one away.
    """
    from experiment_manager.cli.run import run_experiment

    changes = (*overrides, "env.verbose=true") if verbose else overrides
    if not run_experiment(config_dir, changes, sweeps=sweeps, quiet=quiet):
        sys.exit(EXIT_RUN_FAILED)


@commands.command()
@_folder
@_overrides
@_sweeps
def plan(config_dir: Path, overrides: tuple[str, ...], sweeps: bool) -> None:
    """Show what 'run DIR' would execute, and what is done; nothing is written."""
    from experiment_manager.cli.plan import show_plan

    show_plan(config_dir, overrides, sweeps=sweeps)


@commands.command()
@_folder
@click.argument("key")
@_overrides
def explain(config_dir: Path, key: str, overrides: tuple[str, ...]) -> None:
    """Show where a setting's value comes from, and what it overrode."""
    from experiment_manager.cli.explain import explain_setting

    explain_setting(config_dir, key, overrides)


for command in (completion, diff, export, import_, init, logs, ls, show, tail):
    commands.add_command(command)


@commands.group()
def db() -> None:
    """Look after a database: what it is, checks, upgrades, copies.

    PLACE is an SQLite file, a folder with some in or below it (default: here), or a database
    URL such as mysql+pymysql://user:password@host/name.
    """


@db.command("info")
@_place
def db_info(place: str) -> None:
    """Show kind, version, size, rows, and journals that wait."""
    from experiment_manager.cli.database import print_info

    print_info(place)


@db.command("check")
@_place
def db_check(place: str) -> None:
    """Look for damage, wrong tables and rows that refer to nothing.

    Exits with 1 where something was found; nothing is changed.
    """
    from experiment_manager.cli.database import check

    if not check(place):
        sys.exit(EXIT_PROBLEMS)


@db.command("upgrade")
@_place
def db_upgrade(place: str) -> None:
    """Bring a database of an older version up to date.

    A file is copied beside itself first; back up a server's database yourself.
    """
    from experiment_manager.cli.database import upgrade

    upgrade(place)


@db.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def db_copy(source: str, target: str) -> None:
    """Copy all experiments from one database to an empty one.

    FROM and TO are each a PLACE, such as a file and the URL of a server's database.
    """
    from experiment_manager.cli.database import copy

    copy(source, target)


@db.command("sync")
@_place
def db_sync(place: str) -> None:
    """Bring in what processes that died left in their journals.

    Exits with 1 where something could not be delivered.
    """
    from experiment_manager.cli.database import sync

    if not sync(place):
        sys.exit(EXIT_PROBLEMS)


def main() -> NoReturn:
    """Execute the command line and exit."""
    try:
        commands.main(prog_name="experiment-manager", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Interrupted. The same command again does what is missing.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_BAD_USAGE)
    except Exception as error:
        from experiment_manager.common.errors import ExperimentManagerError

        if not isinstance(error, ExperimentManagerError):
            raise
        is_full = os.environ.get(FULL_ERROR) == "1"
        click.echo(traceback.format_exc() if is_full else f"Error: {error}", err=True)
        sys.exit(EXIT_BAD_USAGE)
    sys.exit(0)
