"""Durations as people write them."""

from __future__ import annotations

import math
import re

_SECONDS_BY_UNIT = {"d": 86_400, "h": 3_600, "m": 60, "min": 60, "s": 1}
_SECONDS_BY_PLACE = (1, 60, 3_600, 86_400)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|min|m|s)\s*")
_CLOCK = re.compile(r"\d+(?::\d{1,2}){1,3}")


def duration_s(duration: float | str) -> float:
    """A duration in seconds.

    Args:
        duration: A number of seconds; or text: ``"90s"``, ``"1h30m"``, ``"1d 12h"``,
            ``"minutes:seconds"``, ``"hours:minutes:seconds"`` or
            ``"days:hours:minutes:seconds"``.

    Raises:
        ValueError: It is none of these, or not above zero.

    Example:
        >>> duration_s(90), duration_s("1h30m"), duration_s("1.5 h"), duration_s("00:30:00")
        (90.0, 5400.0, 5400.0, 1800.0)
    """
    seconds = _seconds_in(duration) if isinstance(duration, str) else duration
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds < math.inf:
        raise ValueError(
            "'duration' must be a number of seconds above 0, or text such as '90s', '1h30m', '1d' "
            f"or '00:30:00', not {duration!r}"
        )
    return float(seconds)


def _seconds_in(text: str) -> float:
    """The seconds, or NaN for what is no duration."""
    text = text.strip()
    if _CLOCK.fullmatch(text):
        places = zip(reversed(text.split(":")), _SECONDS_BY_PLACE, strict=False)
        return float(sum(int(number) * seconds for number, seconds in places))
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text):
        return math.nan
    return sum(float(number) * _SECONDS_BY_UNIT[unit] for number, unit in parts)
