"""Numbers as a report shows them: no more digits than their error allows."""

from __future__ import annotations

import math
from datetime import datetime

from experiment_manager.results.statistics.describe import Summary
from experiment_manager.results.statistics.wording import amounts

NOTHING = "-"


def mean_text(summary: Summary) -> str:
    """The mean, rounded where its standard error begins."""
    return _rounded(summary, summary.mean)


def median_text(summary: Summary) -> str:
    """The median, rounded as the mean."""
    return _rounded(summary, summary.median)


def sd_text(summary: Summary) -> str:
    """The standard deviation of the runs to two digits."""
    return NOTHING if math.isnan(summary.sd) else f"{summary.sd:.2g}"


def interval_text(summary: Summary, level: float) -> str:
    """The interval of the mean; empty where there is none."""
    interval = summary.interval(level)
    if math.isnan(interval.low):
        return ""
    return f"{_rounded(summary, interval.low)} to {_rounded(summary, interval.high)}"


def number_text(value: float | None) -> str:
    """Five significant digits.

    Example:
        >>> number_text(0.98765432), number_text(None)
        ('0.98765', '-')
    """
    return NOTHING if value is None else f"{value:.5g}"


def duration_text(seconds: float | None) -> str:
    """A duration with its unit.

    Example:
        >>> duration_text(3.21), duration_text(75), duration_text(7260), duration_text(None)
        ('3.2 s', '1:15 min', '2:01:00 h', '-')
    """
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def time_text(time: datetime) -> str:
    """A time in UTC, to the minute."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _rounded(summary: Summary, value: float) -> str:
    if not summary.n:
        return NOTHING
    (text,) = amounts([value], summary.sd / math.sqrt(summary.n))
    return text
