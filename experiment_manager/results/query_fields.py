"""What a query may ask for, and how the values it is compared with are written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import did_you_mean

Value = str | int | float | datetime | RunStatus

EQUALITY = frozenset({"=", "!=", "in"})
ORDER = frozenset({"<", "<=", ">", ">="})
PATTERN = frozenset({"~"})

PARAMETERS, METRICS = "params", "metrics"
TAG = "tag"
_SECONDS_BY_UNIT = {"d": 86_400, "h": 3_600, "min": 60, "m": 60, "s": 1}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(d|h|min|m|s)")


class FieldKind(Enum):
    """What the values of a field are: what it is called, and the operators that it takes."""

    TEXT = ("text", EQUALITY | PATTERN)
    STATUS = ("status", EQUALITY)
    INTEGER = ("integer", EQUALITY | ORDER)
    TIME = ("time", ORDER)
    DURATION = ("duration", ORDER)
    METRIC = ("metric", EQUALITY | ORDER)
    PARAMETER = ("parameter", EQUALITY | ORDER | PATTERN)

    def __init__(self, noun: str, operators: frozenset[str]) -> None:
        self.noun = noun
        self.operators = operators

    def read(self, text: str, *, is_quoted: bool) -> Value:
        """A value as it is compared with a field of this kind.

        Raises:
            ValueError: The text is no such value; says what it should look like.
        """
        if self is FieldKind.PARAMETER and not is_quoted:
            return _bare_value(text)
        return _READERS[self](text)


FIELDS = {
    "experiment": FieldKind.TEXT,
    "trial": FieldKind.TEXT,
    "run": FieldKind.INTEGER,
    "id": FieldKind.INTEGER,
    "status": FieldKind.STATUS,
    "seed": FieldKind.INTEGER,
    "attempt": FieldKind.INTEGER,
    "started": FieldKind.TIME,
    "ended": FieldKind.TIME,
    "updated": FieldKind.TIME,
    "duration": FieldKind.DURATION,
    "error": FieldKind.TEXT,
    "reason": FieldKind.TEXT,
    "note": FieldKind.TEXT,
    TAG: FieldKind.TEXT,
}


@dataclass(frozen=True)
class Field:
    """Something that a run has, or has not.

    Attributes:
        group: ``params`` or ``metrics``; ``""`` for one of :data:`FIELDS`.
        name: Its name in there.
    """

    group: str
    name: str

    @classmethod
    def of(cls, text: str) -> Field:
        """The field of this name, such as ``status`` or ``metrics.val_acc``.

        Raises:
            ValueError: There is none; names the nearest.

        Example:
            >>> Field.of("params.optimizer.lr")
            Field(group='params', name='optimizer.lr')
        """
        group, _, name = text.partition(".")
        if group in {PARAMETERS, METRICS} and name:
            return cls(group, name)
        if group in {PARAMETERS, METRICS}:
            raise ValueError(f'Expected a name: {group}.NAME, or {group}."ODD NAME".')
        if text in FIELDS:
            return cls("", text)
        known = [*FIELDS, *(f"{group}.{name or text}" for group in (PARAMETERS, METRICS))]
        raise ValueError(f"There is no field {text!r}.{did_you_mean(text, known)}")

    @property
    def kind(self) -> FieldKind:
        """What its values are."""
        if self.group:
            return FieldKind.METRIC if self.group == METRICS else FieldKind.PARAMETER
        return FIELDS[self.name]

    def __str__(self) -> str:
        return f"{self.group}.{self.name}" if self.group else self.name


def _status(text: str) -> RunStatus:
    known = [status.value for status in RunStatus]
    if text.lower() not in known:
        raise ValueError(f"{text!r} is no status of a run.{did_you_mean(text.lower(), known)}")
    return RunStatus(text.lower())


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"Expected an integer, not {text!r}.") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"Expected a number such as 0.9, 1e-3, nan or inf, not {text!r}."
        ) from None


def _time(text: str) -> datetime:
    """Without a time zone it is the local time, as ``ls`` and ``show`` print it."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(
            f"Expected a time such as 2026-11-30 or 2026-11-30T18:00, not {text!r}."
        ) from None


def _duration_s(text: str) -> float:
    parts = _DURATION_PART.findall(text)
    if parts and not _DURATION_PART.sub("", text):
        return sum(float(number) * _SECONDS_BY_UNIT[unit] for number, unit in parts)
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"Expected a duration such as 90s, 1h30m or 2d, not {text!r}.") from None


def _bare_value(text: str) -> Value:
    """A parameter may be anything: without quotes it is what YAML would make of it."""
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


_READERS: dict[FieldKind, Callable[[str], Value]] = {
    FieldKind.TEXT: str,
    FieldKind.PARAMETER: str,
    FieldKind.STATUS: _status,
    FieldKind.INTEGER: _integer,
    FieldKind.TIME: _time,
    FieldKind.DURATION: _duration_s,
    FieldKind.METRIC: _number,
}
