"""A table of runs that were set aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from experiment_manager.cli.console import create_table, status_text
from experiment_manager.cli.run_tables import time_text
from experiment_manager.results.selection import FoundRun

if TYPE_CHECKING:
    from rich.console import Console


def print_archived_runs(
    console: Console, runs: Sequence[FoundRun], sizes: Sequence[str] | None = None
) -> None:
    """Print how each of them had ended, why and when it was set aside, and what its files take.

    Args:
        console: Where to.
        runs: All of them were set aside.
        sizes: Of their files, in words; None not to tell.
    """
    last = () if sizes is None else ("Files",)
    table = create_table("Run", "Status", "Why", "Set aside", *last, numbers=("Set aside", *last))
    for run, size in zip(runs, sizes or [""] * len(runs), strict=True):
        if run.archived is not None:
            why, when = escape(run.archived.reason), time_text(run.archived.time)
            cells = (escape(run.name), status_text(run.status), why, when)
            table.add_row(*cells, *([] if sizes is None else [size]))
    console.print(table)
