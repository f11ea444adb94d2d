"""Every trial against every other, on one metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from experiment_manager.results.statistics.comparison import Comparison, Verdict
from experiment_manager.results.statistics.correction import holm
from experiment_manager.results.statistics.describe import Summary, describe
from experiment_manager.results.statistics.effects import hedges_g, probability_of_improvement
from experiment_manager.results.statistics.equivalence import equivalence_p
from experiment_manager.results.statistics.estimate import has_converged
from experiment_manager.results.statistics.intervals import check_fraction, t_interval
from experiment_manager.results.statistics.measurement import Measurement, measure
from experiment_manager.results.statistics.metric_names import is_higher_better, is_rate
from experiment_manager.results.statistics.obstacles import contradiction, obstacle
from experiment_manager.results.statistics.pairing import SEED, Repeats


def compare(
    trials: Mapping[str, Repeats],
    metric: str,
    *,
    higher_is_better: bool | None = None,
    test: str | None = None,
    margin: float | None = None,
    alpha: float = 0.05,
    pairs: Sequence[tuple[str, str]] | None = None,
    n_tests: int = 0,
    pair: str = SEED,
) -> tuple[Comparison, ...]:
    """Pairs of trials compared, with the error of all verdicts together held to alpha.

    Where at least half of the seeds of two trials are common, seed is compared with seed by the
    paired t test: what a seed does to both (the split, the order of the data) drops out. Else,
    and where failures leave fewer than two pairs, Welch's t test takes all runs; should a few
    seeds be common, it errs on the side of caution. The t tests are the default at any n,
    because with the three to five repeats that are usual the others cannot be significant: they
    are there to be asked for where values have outliers, and say what they cannot tell.

    Only the order of two trials is ever concluded from a small p. That they are equivalent takes
    a margin, and then comes first: a difference that is certain, but smaller than what matters,
    is told as equivalence. The interval and the equivalence test are of the mean, by Student's
    t, whatever the test.

    The correction is for the pairs of this one call: who goes on to a second metric, and tells
    whichever came out, has asked more often than is corrected for.

    A verdict holds for the runs that have a value. Where runs of one trial diverge, the others
    flatter it: the sentence tells how many were left out.

    Args:
        trials: For each trial its values by seed, None for a run that failed or has none. A run
            without a seed goes under a key that no other trial has.
        metric: Name of the metric.
        higher_is_better: Its direction; None to take it from the name (lower for a loss or an
            error).
        test: One of ``METHODS`` for all pairs; None for what is said above.
        margin: The largest difference that does not matter, in the metric's unit, above 0; None
            for no test of equivalence.
        alpha: The share of experiments in which a wrong verdict, any at all, is accepted.
        pairs: Names of the trials to compare, such as each with a baseline; None for all pairs.
            A trial that was chosen for its values takes ``compare_with_best``.
        n_tests: How many tests are corrected for, where there are more than are made here.
        pair: What makes runs partners, as a sentence counts it.

    Returns:
        One for each pair, in their order, or in that of the trials.

    Raises:
        UnknownTypeError: There is no such test.
        ValueError: ``alpha`` or ``margin`` is out of range.

    Example:
        >>> small = {0: 0.911, 1: 0.921, 2: 0.915, 3: 0.918, 4: 0.907}
        >>> large = {0: 0.922, 1: 0.926, 2: 0.922, 3: 0.927, 4: 0.916}
        >>> (comparison,) = compare({"small": small, "large": large}, "test_acc")
        >>> print(comparison.sentence())  # doctest: +NORMALIZE_WHITESPACE
        large beats small on test_acc by 0.82 points (95% CI 0.54 to 1.10,
        paired t over 5 seeds, p = 0.0013)
        >>> few = {"a": {1: 0.9, 2: 0.8, 3: 0.9}, "b": {1: 0.7, 2: 0.7, 3: 0.6}}
        >>> (comparison,) = compare(few, "test_acc", test="wilcoxon")
        >>> comparison.verdict.value, comparison.obstacle
        ('cannot tell', 'with 3 pairs the smallest possible two-sided Wilcoxon p is 0.25')
    """
    check_fraction("alpha", alpha)
    names = list(combinations(trials, 2)) if pairs is None else pairs
    measurements = [measure(trials[first], trials[second], test, pair) for first, second in names]
    tested = [m.test for m in measurements if not math.isnan(m.test.p)]
    n_tests = max(n_tests, len(tested))
    family = _Family(
        metric,
        is_higher_better(metric) if higher_is_better is None else higher_is_better,
        is_rate(metric) and _are_shares(trials),
        margin,
        alpha,
        {name: describe(repeats.values()) for name, repeats in trials.items()},
        n_tests,
        min(1.0, n_tests * min((outcome.smallest_p for outcome in tested), default=0.0)),
    )
    holm_p = holm([measurement.test.p for measurement in measurements], n_tests)
    equivalence = holm([_equivalence_p(one, margin) for one in measurements], n_tests)
    rows = zip(names, measurements, holm_p, equivalence, strict=True)
    return tuple(family.comparison(*row) for row in rows)


@dataclass(frozen=True)
class _Family:
    """What the comparisons that are made together have in common.

    Attributes not told in ``Comparison``:
        summaries: By trial.
        smallest_p: The smallest p that Holm's correction leaves any of the tests.
    """

    metric: str
    higher_is_better: bool
    is_rate: bool
    margin: float | None
    alpha: float
    summaries: Mapping[str, Summary]
    n_comparisons: int
    smallest_p: float

    def comparison(
        self,
        names: tuple[str, str],
        measurement: Measurement,
        holm_p: float,
        equivalence: float,
    ) -> Comparison:
        """One pair, with its place among the others."""
        verdict = self._verdict(measurement, holm_p, equivalence)
        is_told = verdict is not Verdict.CANNOT_TELL
        samples, estimate = measurement.samples, measurement.estimate
        return Comparison(
            metric=self.metric,
            higher_is_better=self.higher_is_better,
            is_rate=self.is_rate,
            first=names[0],
            second=names[1],
            summaries=(self.summaries[names[0]], self.summaries[names[1]]),
            n_pairs=samples.n_pairs,
            pair=samples.pair,
            difference=estimate.value,
            interval=t_interval(estimate, 1 - self.alpha),
            test=measurement.test.name,
            p=measurement.test.p,
            holm_p=holm_p,
            n_comparisons=self.n_comparisons,
            hedges_g=hedges_g(samples.first, samples.second),
            probability_of_improvement=probability_of_improvement(
                samples.first, samples.second, higher_is_better=self.higher_is_better
            ),
            margin=self.margin,
            equivalence_p=equivalence,
            alpha=self.alpha,
            verdict=verdict,
            obstacle="" if is_told else self._obstacle(names, measurement, holm_p),
            more_repeats=None if is_told else self._more_repeats(measurement),
        )

    def _verdict(self, measurement: Measurement, holm_p: float, equivalence: float) -> Verdict:
        if equivalence <= self.alpha:
            return Verdict.EQUIVALENT
        if not holm_p <= self.alpha or measurement.is_contradictory:
            return Verdict.CANNOT_TELL
        is_higher = measurement.estimate.value > 0
        return Verdict.BETTER if is_higher is self.higher_is_better else Verdict.WORSE

    def _obstacle(self, names: tuple[str, str], measurement: Measurement, holm_p: float) -> str:
        if holm_p <= self.alpha:
            return contradiction(measurement, names)
        return obstacle(measurement, names, self.smallest_p, self.alpha)

    def _more_repeats(self, measurement: Measurement) -> int | None:
        """Enough for Holm's first and hardest step."""
        return measurement.more_repeats(self.alpha / max(1, self.n_comparisons))


def _equivalence_p(measurement: Measurement, margin: float | None) -> float:
    return math.nan if margin is None else equivalence_p(measurement.estimate, margin)


def _are_shares(trials: Mapping[str, Repeats]) -> bool:
    """True where no value that counts lies outside of 0 to 1."""
    values = [value for repeats in trials.values() for value in repeats.values()]
    return all(0 <= v <= 1 for v in values if v is not None and has_converged(v))
