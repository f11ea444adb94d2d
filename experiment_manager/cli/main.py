"""The commands, their options and their exit codes."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import traceback
from contextlib import suppress
from typing import NoReturn

import click

from experiment_manager.cli import exit_codes
from experiment_manager.cli.commands_archive import gc, restore, rm
from experiment_manager.cli.commands_browse import ls, show
from experiment_manager.cli.commands_compare import best, compare, table
from experiment_manager.cli.commands_completion import completion
from experiment_manager.cli.commands_db import db
from experiment_manager.cli.commands_init import init
from experiment_manager.cli.commands_inspect import diff, export, import_, logs, tail
from experiment_manager.cli.commands_mark import note, tag
from experiment_manager.cli.commands_plot import plot, report
from experiment_manager.cli.commands_reproduce import reproduce
from experiment_manager.cli.commands_run import explain, plan, run
from experiment_manager.cli.commands_watch import watch
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
    best,
    compare,
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
    plot,
    report,
    reproduce,
    restore,
    rm,
    run,
    show,
    table,
    tag,
    tail,
    watch,
):
    commands.add_command(command)


def main() -> NoReturn:
    """Execute the command line and exit."""
    try:
        commands.main(prog_name="experiment-manager", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        exit_codes.tell("Interrupted.")
        sys.exit(exit_codes.INTERRUPTED)
    except click.ClickException as error:
        error.message = _for_terminal(error.message)  # type: ignore[misc]
        with suppress(OSError):
            error.show()
        sys.exit(exit_codes.BAD_USAGE)
    except Exception as error:
        from experiment_manager.common.errors import ExperimentManagerError

        if not isinstance(error, (ExperimentManagerError, OSError)):
            raise
        said = _os_error_text(error) if isinstance(error, OSError) else str(error)
        is_full = os.environ.get(FULL_ERROR) == "1"
        text = traceback.format_exc() if is_full else _for_terminal(f"Error: {said}")
        exit_codes.tell(text)
        _drop_output()
        sys.exit(exit_codes.BAD_USAGE)
    sys.exit(0)


def _os_error_text(error: OSError) -> str:
    """What the system refused, and what can be done."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        remedy = "make room; the same command again does what is missing"
    else:
        remedy = f"{FULL_ERROR}=1 shows where this came from"
    return f"{error}: {remedy}"


def _drop_output() -> None:
    """Have what standard output did not take tried no more, which would be another error."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _for_terminal(text: str) -> str:
    """The text of an error, which a terminal gets broken between its words."""
    from experiment_manager.cli.console import wrap_lines

    room = shutil.get_terminal_size().columns - len("Error: ")
    return wrap_lines(text, room) if sys.stderr.isatty() else text
