"""What the commands exit with; docs/cli.md has them in a table."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import NoReturn

import click

RUN_FAILED = 1
PROBLEMS = 1
BAD_USAGE = 2
INTERRUPTED = 130


def interrupted(what_now: str) -> NoReturn:
    """Answer Ctrl-C with a line below the terminal's ``^C``, and exit."""
    newline = "\n" if sys.stderr.isatty() else ""
    tell(f"{newline}Interrupted. {what_now}")
    sys.exit(INTERRUPTED)


def tell(text: str) -> None:
    """Print on standard error; that nobody reads it any more changes no exit code."""
    with suppress(OSError):
        click.echo(text, err=True)
