"""What a test of significance answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SignificanceTest:
    """The outcome of a two-sided test that two trials do not differ.

    Attributes:
        name: The test, as a sentence names it.
        statistic: Its statistic; the function says which.
        direction: Above 0 where it speaks for higher values of the first trial, below for the
            second.
        p: How likely a statistic at least as extreme is if only chance is at work; NaN where
            the test cannot be done.
        smallest_p: The smallest p that so many values could have given; 0 for tests without
            such a bound. Where it is above 5 percent, a large p means nothing.
    """

    name: str
    statistic: float
    direction: float
    p: float
    smallest_p: float = 0.0
