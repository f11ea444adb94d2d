"""Whether two trials are the same for practical purposes."""

from __future__ import annotations

import math

from experiment_manager.results.statistics.distributions import t_tail
from experiment_manager.results.statistics.estimate import MeanEstimate


def equivalence_p(estimate: MeanEstimate, margin: float) -> float:
    """The p value of two one-sided t tests (TOST) that a difference lies within the margin.

    Small where both "at least the margin lower" and "at least the margin higher" are ruled out;
    the same as the 90 percent interval lying within the margin at p = 0.05. A difference that is
    merely not significant does not get there: the runs must be many enough to rule a larger one
    out. NaN where the error of the difference is unknown.

    Source: D. J. Schuirmann (1987), A comparison of the two one-sided tests procedure and the
    power approach for assessing the equivalence of average bioavailability, Journal of
    Pharmacokinetics and Biopharmaceutics 15; D. Lakens (2017), Equivalence tests, SPPS 8.

    Args:
        estimate: The difference.
        margin: The largest difference that does not matter, in the metric's unit, above 0.

    Raises:
        ValueError: The margin is not above 0.

    Example:
        >>> round(equivalence_p(MeanEstimate(0.001, standard_error=0.002, df=4), 0.01), 4)
        0.0054
    """
    if not 0 < margin < math.inf:
        raise ValueError(f"'margin' must be a number above 0, not {margin!r}")
    if not estimate.has_error:
        return math.nan
    too_low = t_tail((estimate.value + margin) / estimate.standard_error, estimate.df)
    too_high = t_tail((margin - estimate.value) / estimate.standard_error, estimate.df)
    return max(too_low, too_high)
