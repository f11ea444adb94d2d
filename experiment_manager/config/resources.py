"""What a run needs while it is executed, and may take at most."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiment_manager.common.durations import duration_s
from experiment_manager.common.errors import did_you_mean

KEYS = ("cpus", "gpus", "memory_gb", "timeout")


@dataclass(frozen=True)
class Resources:
    """What a run needs; None means that nothing was said.

    Attributes:
        cpus: Cores, from 1; BLAS and torch use as many threads.
        gpus: How many GPUs: whole ones, or a part of one between 0 and 1.
        memory_gb: Main memory in GB (10^9 bytes); on this machine a run that takes more is
            ended as ``oom``.
        timeout_s: Seconds after which a run is ended as ``timeout``.

    Example:
        >>> Resources.of({"gpus": 0.5, "timeout": "2h"})
        Resources(cpus=None, gpus=0.5, memory_gb=None, timeout_s=7200.0)
    """

    cpus: int | None = None
    gpus: float | None = None
    memory_gb: float | None = None
    timeout_s: float | None = None

    @classmethod
    def of(cls, value: Mapping[str, Any] | None) -> Resources:
        """What ``resources:`` says."""
        given = dict(value or {})
        timeout = given.pop("timeout", None)
        return cls(**given, timeout_s=None if timeout is None else duration_s(timeout))


def resources_problem(value: Any) -> str | None:
    """A complaint where the value does not say what a run needs."""
    if not isinstance(value, Mapping):
        return f"must be a mapping such as {{cpus: 4, gpus: 1, timeout: 2h}}, not {value!r}"
    for key in value:
        if key not in KEYS:
            return f"has no key {key!r}.{did_you_mean(str(key), KEYS)}"
    complaints = {
        "cpus": (_is_count, "a whole number from 1"),
        "gpus": (_is_gpus, "a whole number, or a part of one GPU such as 0.5"),
        "memory_gb": (_is_positive, "a number above 0, in GB"),
        "timeout": (_is_duration, "a number of seconds above 0, or text such as '90s' or '1h30m'"),
    }
    for key, (is_right, wanted) in complaints.items():
        if value.get(key) is not None and not is_right(value[key]):
            return f"{key!r} must be {wanted}, not {value[key]!r}"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and _is_number(value) and value >= 1


def _is_gpus(value: Any) -> bool:
    return _is_number(value) and value >= 0 and (value < 1 or value == int(value))


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_duration(value: Any) -> bool:
    try:
        duration_s(value)
    except ValueError:
        return False
    return True
