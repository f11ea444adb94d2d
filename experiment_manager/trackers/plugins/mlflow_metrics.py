"""What MLflow can hold: names, texts, and the points of a run that is continued."""

from __future__ import annotations

import math
import posixpath
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

MAX_NAME_LENGTH = 250
MAX_PARAM_LENGTH = 6000
MAX_TAG_LENGTH = 5000
MAX_METRICS_PER_CALL = 1000
MAX_PARAMS_PER_CALL = 100

_REFUSED_CHARACTERS = re.compile(r"[^\w.\- :/]")

PointKey = tuple[str, int, "float | None"]


def mlflow_name(name: str) -> str:
    """The nearest name that MLflow takes for a metric or a parameter.

    Example:
        >>> mlflow_name("f1, macro"), mlflow_name("acc/cat"), mlflow_name("../x")
        ('f1_ macro', 'acc/cat', '.._x')
    """
    allowed = _REFUSED_CHARACTERS.sub("_", name)[:MAX_NAME_LENGTH]
    is_path = posixpath.normpath(allowed) == allowed and not allowed.startswith(("..", "/"))
    if is_path and allowed != ".":
        return allowed
    return allowed.replace("/", "_") if allowed.strip(".") else "_"


def shortened(text: str, length: int) -> str:
    """The text, or as much of its beginning as fits, with dots at its end.

    Example:
        >>> shortened("hidden layers", 9), shortened("hidden", 9)
        ('hidden...', 'hidden')
    """
    return text if len(text) <= length else f"{text[: length - 3]}..."


def chunks(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    """The items in portions.

    Example:
        >>> list(chunks("abcde", 2))
        ['ab', 'cd', 'e']
    """
    return (items[start : start + size] for start in range(0, len(items), size))


class History:
    """The points that a run has from earlier attempts, and which of them still hold.

    MLflow can add points and delete none. A run that is executed again gives the same values
    again, and those are not sent twice; another value in the place of one that is stale is a
    contradiction, which only a new MLflow run can resolve.

    Args:
        kept: The points that hold (MLflow's ``Metric`` entities).
        earlier: All of earlier attempts; those that do not hold are stale, and measured again.
    """

    def __init__(self, kept: Sequence[Any] = (), earlier: Sequence[Any] = ()) -> None:
        holding = set(map(_key, kept))
        self._leftovers = set(map(_key, earlier)) - holding
        self._known = holding | self._leftovers
        self._stale_places = {key[:2] for key in self._leftovers}

    def has(self, point: Any) -> bool:
        """True where MLflow has the point already; it holds from now on."""
        key = _key(point)
        self._leftovers.discard(key)
        return key in self._known

    def is_contradicted_by(self, points: Sequence[Any]) -> bool:
        """True where one of the points takes the place of a stale one with another value."""
        if not self._stale_places:
            return False
        keys = map(_key, points)
        return any(key[:2] in self._stale_places and key not in self._known for key in keys)

    @property
    def has_leftovers(self) -> bool:
        """True while there are stale points that were not measured again."""
        return bool(self._leftovers)

    def is_leftover(self, point: Any) -> bool:
        """True for a stale point that was not measured again."""
        return _key(point) in self._leftovers


def _key(point: Any) -> PointKey:
    """What makes two points the same; MLflow keeps infinities as the largest numbers."""
    largest = sys.float_info.max
    value = None if math.isnan(point.value) else max(-largest, min(largest, point.value))
    return point.key, point.step, value
