"""The commands, their options and their exit codes."""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from typing import NoReturn

import click

from experiment_manager.cli import exit_codes
from experiment_manager.cli.commands_archive import gc, restore, rm
from experiment_manager.cli.commands_browse import ls, show
from experiment_manager.cli.commands_completion import completion
from experiment_manager.cli.commands_db import db
from experiment_manager.cli.commands_init import init
from experiment_manager.cli.commands_inspect import diff, export, import_, logs, tail
from experiment_manager.cli.commands_mark import note, tag
from experiment_manager.cli.commands_reproduce import reproduce
from experiment_manager.cli.commands_run import explain, plan, run
from experiment_manager.cli.suggesting import Group
from experiment_manager.version import __version__

FULL_ERROR = "EXPERIMENT_MANAGER_FULL_ERROR"


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="experiment-manager")
def commands() -> None:
    """Run experiments that are described in YAML, and look at their results.

    DIR is a folder with experiment.yaml and trials.yaml, and perhaps env.yaml and base.yaml.

    Exit codes: 0 all fine, 1 a run failed or a check found something, 2 bad usage or
    configuration, 130 interrupted (Ctrl-C), 143 terminated.
    """


for command in (
    completion,
    db,
    diff,
    explain,
    export,
    gc,
    import_,
    init,
    logs,
    ls,
    note,
    plan,
    reproduce,
    restore,
    rm,
    run,
    show,
    tag,
    tail,
):
    commands.add_command(command)


def main() -> NoReturn:
    """Execute the command line and exit."""
    try:
        commands.main(prog_name="experiment-manager", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(exit_codes.INTERRUPTED)
    except click.ClickException as error:
        error.message = _for_terminal(error.message)  # type: ignore[misc]
        error.show()
        sys.exit(exit_codes.BAD_USAGE)
    except Exception as error:
        from experiment_manager.common.errors import ExperimentManagerError

        if not isinstance(error, ExperimentManagerError):
            raise
        is_full = os.environ.get(FULL_ERROR) == "1"
        text = traceback.format_exc() if is_full else _for_terminal(f"Error: {error}")
        click.echo(text, err=True)
        sys.exit(exit_codes.BAD_USAGE)
    sys.exit(0)


def _for_terminal(text: str) -> str:
    """The text of an error, which a terminal gets broken between its words."""
    from experiment_manager.cli.console import wrap_lines

    room = shutil.get_terminal_size().columns - len("Error: ")
    return wrap_lines(text, room) if sys.stderr.isatty() else text
