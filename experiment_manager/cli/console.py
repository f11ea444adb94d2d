"""The terminal, and how values look on it."""

from __future__ import annotations

import functools
import io
import math
import os
import sys
import textwrap
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from experiment_manager.common.common import RunStatus

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

STYLES = {
    RunStatus.COMPLETED: "green",
    RunStatus.STOPPED: "green",
    RunStatus.SKIPPED: "dim",
    RunStatus.PENDING: "cyan",
    RunStatus.RUNNING: "yellow",
    RunStatus.LOST: "red",
    RunStatus.FAILED: "red",
    RunStatus.ABORTED: "yellow",
}
NUMBER_WIDTH, COLUMN_GAP = 9, 3
FIRST_METRICS = ("test_acc", "test_loss", "val_acc", "val_loss")


def create_console() -> Console:
    """Standard output; colours only where it is a terminal, and names as they are.

    What the output cannot show is replaced, and a reader that goes away is no error: neither
    may end a training.
    """
    from rich.console import Console

    class LastingConsole(Console):
        def on_broken_pipe(self) -> None:
            self.quiet = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return LastingConsole(highlight=False, emoji=False)


def create_table(*columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """An empty table; the columns in ``numbers`` are aligned to the right and never broken."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        is_number = column in numbers
        table.add_column(
            escape(column),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",
        )
    return table


def print_sentence(console: Console, text: str) -> None:
    """Print a text on one line, which a terminal gets broken between its words."""
    console.print(text, soft_wrap=not console.is_terminal)


def wrap_lines(text: str, width: int) -> str:
    r"""The text with longer lines broken between words, what follows indented.

    Example:
        >>> print(wrap_lines("2 problems:\n  - first: a long one\n  - second", 16))
        2 problems:
          - first: a
            long one
          - second
    """
    fill = functools.partial(
        textwrap.fill,
        width=width,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(fill(line) if len(line) > width else line for line in text.split("\n"))


def metrics_that_fit(metrics: Iterable[str], width: int) -> list[str]:
    """The most interesting metric names whose columns have room, at least one.

    Args:
        metrics: Names in any order.
        width: Characters that are left for their columns.

    Example:
        >>> metrics_that_fit(["train_loss", "test_acc", "a_rather_long_name"], 28)
        ['test_acc', 'train_loss']
    """
    fitting: list[str] = []
    for name in customary_first(metrics):
        width -= max(len(name), NUMBER_WIDTH) + COLUMN_GAP
        if width >= 0 or not fitting:
            fitting.append(name)
    return fitting


def customary_first(metrics: Iterable[str]) -> list[str]:
    """Metric names in the order of their interest where there is no room for all.

    Example:
        >>> customary_first(["train_loss", "test_loss", "test_acc"])
        ['test_acc', 'test_loss', 'train_loss']
    """
    rank = {name: place for place, name in enumerate(FIRST_METRICS)}
    return sorted(metrics, key=lambda name: rank.get(name, len(rank)))


def number_text(value: float) -> str:
    """Four significant digits.

    Example:
        >>> number_text(0.98765), number_text(float("nan"))
        ('0.9877', 'nan')
    """
    return f"{value:.4g}"


def duration_text(seconds: float | None) -> str:
    """A duration as people say it.

    Example:
        >>> duration_text(0.042), duration_text(3.21), duration_text(75), duration_text(7260)
        ('0.04 s', '3.2 s', '1:15', '2:01:00')
    """
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size_text(size_bytes: float) -> str:
    """A size on disk as people say it.

    Example:
        >>> size_text(999), size_text(4_200_000)
        ('999 B', '4.2 MB')
    """
    if size_bytes < 1000:  # noqa: PLR2004 - a kB
        return f"{size_bytes:.0f} B"
    for unit in ("kB", "MB", "GB"):
        size_bytes /= 1000
        if size_bytes < 1000:  # noqa: PLR2004
            return f"{size_bytes:.1f} {unit}"
    return f"{size_bytes / 1000:.1f} TB"


def path_text(path: Path) -> str:
    """A path, relative to the current folder where it lies inside."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def status_text(status: RunStatus) -> str:
    """A status in its colour."""
    return f"[{STYLES[status]}]{status.value}[/]"


def statuses_text(statuses: dict[int, RunStatus]) -> str:
    """The status of each run by number, neighbours with the same one together.

    Example:
        >>> statuses_text({1: RunStatus.FAILED, 2: RunStatus.STOPPED, 3: RunStatus.STOPPED})
        '1 [red]failed[/], 2-3 [green]stopped[/]'
    """
    parts = []
    for status, group in groupby(sorted(statuses.items()), key=lambda item: item[1]):
        numbers = [number for number, _ in group]
        span = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
        parts.append(f"{span} {status_text(status)}")
    return ", ".join(parts)
