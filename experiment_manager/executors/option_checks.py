"""Values of ``executor:`` that every executor with workers takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ISOLATIONS = ("worker", "process")


def check_options(config: Mapping[str, Any]) -> None:
    """Refuse values out of their range.

    Raises:
        ValueError: The text says which.

    Example:
        >>> check_options({"max_workers": 0})
        Traceback (most recent call last):
        ValueError: 'max_workers' must be a whole number from 1, not 0
    """
    isolation, workers = config.get("isolation", "worker"), config.get("max_workers")
    if isolation not in ISOLATIONS:
        raise ValueError(f"'isolation' must be one of {', '.join(ISOLATIONS)}, not {isolation!r}")
    if workers is not None and not (_is_number(workers, int) and workers >= 1):
        raise ValueError(f"'max_workers' must be a whole number from 1, not {workers!r}")
    grace_s = config.get("grace_s", 0)
    if not (_is_number(grace_s, (int, float)) and grace_s >= 0):
        raise ValueError(f"'grace_s' must be seconds, 0 or more, not {grace_s!r}")


def _is_number(value: Any, types: type | tuple[type, ...]) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)
