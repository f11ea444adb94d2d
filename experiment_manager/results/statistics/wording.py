"""Numbers as a sentence says them: no more digits than their error allows."""

from __future__ import annotations

import math
import sys

PLAIN_DECIMALS = 6  # more, or a number of more digits than that, is written with an exponent


def decimals_for(uncertainty: float) -> int:
    """How many decimals are worth telling, below 0 for tens and hundreds.

    Two digits of the uncertainty where its first digits are 10 to 35, else one, which is the
    rounding rule of the Particle Data Group (Review of Particle Physics, introduction).

    Example:
        >>> decimals_for(0.5), decimals_for(0.13), decimals_for(42.0)
        (1, 2, -1)
    """
    exponent = math.floor(math.log10(uncertainty))
    digits = 2 if uncertainty / 10.0**exponent < 3.55 else 1  # noqa: PLR2004 - see above
    return digits - 1 - exponent


def amounts(values: list[float], uncertainty: float) -> list[str]:
    """The values, rounded where their uncertainty begins; four digits where that is unknown.

    Example:
        >>> amounts([0.7961, 0.2923, 1.2999], uncertainty=0.5)
        ['0.8', '0.3', '1.3']
        >>> amounts([31234.5, 0.25], uncertainty=math.nan)
        ['3.123e+04', '0.25']
    """
    if not sys.float_info.min <= uncertainty < math.inf:
        return [f"{value:.4g}" for value in values]
    decimals = decimals_for(uncertainty)
    if decimals > PLAIN_DECIMALS or max(map(abs, values)) >= 10**PLAIN_DECIMALS:
        return [f"{round(value, decimals):.6g}" for value in values]
    return [f"{round(value, decimals) + 0.0:.{max(0, decimals)}f}" for value in values]


def mean_and_sd(mean: float, sd: float) -> str:
    """A mean and its standard deviation, both to the second digit of that.

    Args:
        mean: Finite.
        sd: NaN where it is unknown, which is then not told.

    Example:
        >>> mean_and_sd(0.98222, 0.00249), mean_and_sd(31.2, 4.0), mean_and_sd(0.5, math.nan)
        ('0.9822 ± 0.0025', '31.2 ± 4.0', '0.5')
    """
    if math.isnan(sd):
        return f"{mean:.4g}"
    if not sd >= sys.float_info.min:
        return f"{mean:.4g} ± 0"
    decimals = 1 - math.floor(math.log10(sd))
    if decimals > PLAIN_DECIMALS or max(abs(mean), sd) >= 10**PLAIN_DECIMALS:
        return f"{mean:.4g} ± {sd:.2g}"
    return f"{mean:.{max(0, decimals)}f} ± {sd:.{max(0, decimals)}f}"


def p_text(p: float) -> str:
    """A p value with its sign.

    Example:
        >>> p_text(0.01234), p_text(0.25), p_text(3e-7)
        ('= 0.012', '= 0.25', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"  # noqa: PLR2004 - smaller is as good as that


def counted(count: int, noun: str) -> str:
    """A number and its noun.

    Example:
        >>> counted(1, "run"), counted(3, "run")
        ('1 run', '3 runs')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
