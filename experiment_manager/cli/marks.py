"""What people wrote about a run, what became of it, and how its earlier attempts ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from experiment_manager.cli.console import create_table, print_sentence, status_text
from experiment_manager.cli.naming import Named
from experiment_manager.cli.run_tables import time_text
from experiment_manager.common.common import RunStatus
from experiment_manager.db.rows import ArchivedRunRow, AttemptRow

if TYPE_CHECKING:
    from rich.console import Console


def print_marks(console: Console, named: Named) -> None:
    """Print how something was set aside, its tags, its note, and the attempts before its last."""
    if named.archived is not None:
        console.print(f"Set aside: {escape(set_aside_text(named.archived))}", style="yellow")
    tags = [] if named.run is None else named.db.get_tags(named.run.id)
    if tags:
        console.print(f"Tags: {escape(', '.join(tags))}", soft_wrap=True)
    if named.note:
        print_sentence(console, f"Note: {escape(named.note)}")
    attempts = [] if named.run is None else named.db.list_attempts(named.run.id)
    if attempts:
        _print_attempts(console, attempts)


def set_aside_text(archived: ArchivedRunRow) -> str:
    """Why and when."""
    return f"{archived.reason}, {time_text(archived.time)}"


def _print_attempts(console: Console, attempts: Sequence[AttemptRow]) -> None:
    table = create_table("Attempt", "Status", "Reason", "Began", "Ended", numbers=("Attempt",))
    for one in attempts:
        status = status_text(RunStatus(one.status))
        reason = "-" if one.reason in {None, one.status} else escape(str(one.reason))
        ended = "-" if one.end_time is None else time_text(one.end_time)
        table.add_row(str(one.attempt), status, reason, time_text(one.start_time), ended)
    console.print(table)
