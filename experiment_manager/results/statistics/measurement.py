"""Two trials measured against each other, before the correction for all other pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from experiment_manager.results.statistics.estimate import (
    MeanEstimate,
    estimate_difference,
    estimate_paired_difference,
)
from experiment_manager.results.statistics.methods import METHODS, Method, method_named
from experiment_manager.results.statistics.pairing import (
    SEED,
    Repeats,
    Samples,
    have_matching_seeds,
    samples_of,
)
from experiment_manager.results.statistics.power import repeats_needed
from experiment_manager.results.statistics.significance import SignificanceTest

FEWEST = 2  # values, or pairs: one shows no spread


@dataclass(frozen=True)
class Measurement:
    """The difference of two trials and the test of it.

    Attributes:
        samples: The values that were compared.
        method: The test.
        estimate: The difference of the means.
        test: The outcome, NaN where the error of the difference is unknown: whatever the test,
            values without any spread do not show that chance had a part in them.
    """

    samples: Samples
    method: Method
    estimate: MeanEstimate
    test: SignificanceTest

    @property
    def repeats(self) -> int:
        """Pairs, or the runs of the trial that has fewer."""
        return min(len(self.samples.first), len(self.samples.second))

    @property
    def is_contradictory(self) -> bool:
        """True where the test speaks for the trial with the lower mean, as ranks may."""
        return self.test.direction * self.estimate.value < 0

    @property
    def standardized(self) -> float:
        """The difference in standard deviations, as the power of a t test needs it."""
        n_1, n_2 = len(self.samples.first), len(self.samples.second)
        weight = n_1 if self.samples.is_paired else n_1 * n_2 / (n_1 + n_2)
        return self.estimate.value / (self.estimate.standard_error * math.sqrt(weight))

    def more_repeats(self, alpha: float) -> int | None:
        """How many more repeats such a difference takes; None where none can be named."""
        if not self.estimate.has_error:
            return None
        needed = repeats_needed(self.standardized, paired=self.samples.is_paired, alpha=alpha)
        if needed is None:
            return None
        return max(1, max(needed, self.method.fewest_repeats(alpha)) - self.repeats)


def measure(
    first: Repeats, second: Repeats, test: str | None = None, pair: str = SEED
) -> Measurement:
    """The difference of two trials.

    Args:
        first: The values of one trial by seed.
        second: The values of the other.
        test: Name of the test; None for the paired t where seeds match and two pairs have
            values, else Welch's.
        pair: What partners have in common, as a sentence counts it.

    Raises:
        UnknownTypeError: There is no such test.
    """
    method, samples = _method_and_samples(first, second, test, pair)
    estimate = _estimate(samples)
    if estimate.has_error:
        outcome = method.run(samples.first, samples.second)
    else:
        outcome = SignificanceTest(method.name, math.nan, estimate.value, math.nan)
    return Measurement(samples, method, estimate, outcome)


def _method_and_samples(
    first: Repeats, second: Repeats, test: str | None, pair: str
) -> tuple[Method, Samples]:
    if test is not None:
        method = method_named(test)
        return method, samples_of(first, second, is_paired=method.is_paired, pair=pair)
    if have_matching_seeds(first, second):
        pairs = samples_of(first, second, is_paired=True, pair=pair)
        if len(pairs.first) >= FEWEST:
            return METHODS["paired_t"], pairs
    return METHODS["welch"], samples_of(first, second, is_paired=False, pair=pair)


def _estimate(samples: Samples) -> MeanEstimate:
    if not samples.first or not samples.second:
        return MeanEstimate(math.nan, math.nan, math.nan)
    estimator = estimate_paired_difference if samples.is_paired else estimate_difference
    return estimator(samples.first, samples.second)
