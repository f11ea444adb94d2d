"""The distribution functions behind tests and intervals: SciPy's, loaded at the first call.

They come from ``scipy.special``, which ``scipy.stats`` calls itself: a quarter of a second to
load instead of one.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from types import ModuleType

from experiment_manager.common.imports import require

EXTRA, FEATURE = "results", "Statistics over repeats"


@cache
def scipy_special() -> ModuleType:
    """The module ``scipy.special``.

    Raises:
        MissingDependencyError: SciPy is not installed.
    """
    return require("scipy.special", EXTRA, FEATURE)


@cache
def numpy() -> ModuleType:
    """The module ``numpy``.

    Raises:
        MissingDependencyError: NumPy is not installed.
    """
    return require("numpy", EXTRA, FEATURE)


@lru_cache(maxsize=4096)
def t_quantile(probability: float, df: float) -> float:
    """The value that Student's t with ``df`` degrees of freedom stays under so often.

    Kept once found: thousands of trials with the same number of repeats ask for one value.

    Example:
        >>> round(t_quantile(0.975, 4), 3)
        2.776
    """
    return float(scipy_special().stdtrit(df, probability))


def t_tail(t: float, df: float) -> float:
    """How likely Student's t with ``df`` degrees of freedom lies above ``t``.

    Example:
        >>> round(t_tail(2.776, 4), 3)
        0.025
    """
    return float(scipy_special().stdtr(df, -t))


def noncentral_t_cdf(t: float, df: float, shift: float) -> float:
    """How likely a t statistic lies below ``t`` where the true mean is ``shift`` errors above 0.

    Example:
        >>> round(noncentral_t_cdf(2.776, 4, 2.0), 3)
        0.664
    """
    share = float(scipy_special().nctdtr(df, shift, t))
    return 0.0 if math.isnan(share) else share  # SciPy gives NaN for what is below 1e-14


def normal_tail(z: float) -> float:
    """How likely a standard normal value lies above ``z``.

    Example:
        >>> round(normal_tail(1.96), 3)
        0.025
    """
    return math.erfc(z / math.sqrt(2)) / 2
