"""A bar on the terminal, in one line.

Rich is imported where a bar is drawn, since most runs have no terminal.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


class TerminalBar:
    """Draws the epoch, a bar, the time so far, the time left and the metrics.

    Args:
        console: The terminal.
        done: Epochs that are over.
        total: How many there will be; None where that is unknown.
    """

    def __init__(self, console: Console, done: int, total: int | None) -> None:
        self._total = total
        self._progress = _create_progress(console)
        self._task = self._progress.add_task("", total=total, completed=done, **self._fields(done))
        self._progress.start()

    def show(self, done: int, time_left: str, metrics: str) -> None:
        """Move on to ``done`` epochs."""
        fields = self._fields(done, time_left, metrics)
        self._progress.update(self._task, completed=done, **fields)

    def close(self) -> None:
        """Draw it a last time, and leave the terminal to others."""
        self._progress.stop()

    def _fields(self, done: int, time_left: str = "-", metrics: str = "") -> dict[str, Any]:
        position = epoch_text(done, self._total)
        return {"position": position, "time_left": time_left, "metrics": metrics}


def epoch_text(done: int, total: int | None) -> str:
    """How many epochs are over.

    Example:
        >>> epoch_text(3, 10), epoch_text(3, None)
        ('epoch 3/10', 'epoch 3')
    """
    return f"epoch {done}" if total is None else f"epoch {done}/{total}"


def free_terminal() -> Console | None:
    """Standard error, if it is a terminal on which rich is not drawing anything yet."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.file_proxy import FileProxy  # noqa: PLC0415

    is_drawn_on = isinstance(sys.stderr, FileProxy)  # what rich puts there while it draws
    console = Console(stderr=True, highlight=False, emoji=False)
    return console if console.is_interactive and not is_drawn_on else None


def _create_progress(console: Console) -> Progress:
    from rich.progress import (  # noqa: PLC0415 - see above
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.table import Column  # noqa: PLC0415

    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return Progress(
        TextColumn("{task.fields[position]}", markup=False),
        BarColumn(bar_width=12),
        TimeElapsedColumn(),
        TextColumn("{task.fields[time_left]} left", markup=False),
        TextColumn("{task.fields[metrics]}", markup=False, table_column=rest),
        console=console,
        expand=True,
        redirect_stdout=sys.stdout.isatty(),  # what is written to a file goes there still
    )
