"""What is a duration, and how long it is."""

from __future__ import annotations

import math
from typing import Any

import pytest

from experiment_manager.common.durations import duration_s


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        (90, 90),
        (0.5, 0.5),
        ("90s", 90),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1h 30min", 5400),
        (" 1d 12h ", 129_600),
        ("1.5h", 5400),
        ("30 m", 1800),
        ("00:30:00", 1800),
        ("1:30", 90),
        ("2:03:04", 7384),
        ("1:00:00:00", 86_400),
        ("100:00:00", 360_000),
    ],
)
def test_these_are_durations(duration: Any, seconds: float) -> None:
    assert duration_s(duration) == seconds


@pytest.mark.parametrize(
    "duration",
    [
        *(0, -1, math.nan, math.inf, True, None, [1]),
        *("", "h", "2 weeks", "1h30", "90", "-1h", "1h-30m", "0s", "00:00", "1:2:3:4:5", "1:123"),
        *("1,5h", "2H", "about 2h", "2h!"),
    ],
)
def test_these_are_none(duration: Any) -> None:
    with pytest.raises(ValueError, match=r"'duration' must be .*'1h30m'.*, not "):
        duration_s(duration)
