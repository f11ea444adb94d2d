"""What an import reads: a run that another program recorded, whatever program it was."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import MetricPoint

Epoch = tuple[int, Sequence[MetricPoint]]

_NUMBERED = re.compile(r"(run|version)_\d+")


@dataclass(frozen=True)
class SourceRun:
    """A run as its source has it.

    Attributes:
        source: Tells it from every other run, and is the same at the next import.
        trial: The trial that it belongs to.
        params: Parameters by name.
        epochs: Index and metrics of each epoch (or step); one may come in several parts.
        status: How it stands.
        started: When it began, in UTC; None where the source does not tell.
        ended: When it ended; None where the source does not tell, or it has not.
        facts: What else is known of it, by name.
    """

    source: str
    trial: str
    params: Mapping[str, Any]
    epochs: Iterable[Epoch]
    status: RunStatus = RunStatus.COMPLETED
    started: datetime | None = None
    ended: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def trial_of_folder(folder: Path, root: Path) -> str:
    """The trial of a run that was recorded in a folder.

    It is named by the folder's path below ``root``; of folders such as ``run_2`` or
    ``version_0``, by the path of the folder that they are in.

    Example:
        >>> trial_of_folder(Path("logs/wide/sgd"), Path("logs"))
        'wide.sgd'
        >>> trial_of_folder(Path("logs/wide/version_0"), Path("logs"))
        'wide'
    """
    named = folder.parent if _NUMBERED.fullmatch(folder.name) else folder
    parts = named.relative_to(root).parts if named.is_relative_to(root) else ()
    return ".".join(parts) or named.name


def in_order(folders: Iterable[Path]) -> list[Path]:
    """Folders by their names, ``run_2`` before ``run_10``."""
    return sorted(folders, key=lambda folder: (folder.parent, len(folder.name), folder.name))


def utc_time(unix_time_s: float) -> datetime:
    """A time that the source has as seconds since 1970.

    Example:
        >>> utc_time(0.5).isoformat()
        '1970-01-01T00:00:00.500000+00:00'
    """
    return datetime.fromtimestamp(unix_time_s, timezone.utc)


def value_of_text(text: str) -> Any:
    """The number, truth value or list that a parameter's text says, or the text itself.

    Example:
        >>> [value_of_text(text) for text in ("1e-3", "True", "[64, 64]", "adam")]
        [0.001, True, [64, 64], 'adam']
    """
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, (bool, int, float, list)) else text
