"""What the repeats of two trials say of each other, in numbers and as a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from experiment_manager.results.statistics.describe import Summary
from experiment_manager.results.statistics.intervals import Interval
from experiment_manager.results.statistics.pairing import SEED
from experiment_manager.results.statistics.wording import amounts, counted, p_text


class Verdict(Enum):
    """How the first trial stands to the second."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Comparison:
    """Two trials compared on one metric.

    Attributes:
        metric: Name of the metric.
        higher_is_better: Its direction.
        is_rate: Whether it is a share of 1, so that differences are told in points of a percent.
        first: Name of the first trial.
        second: Name of the second trial.
        summaries: The repeats of each, with those that failed.
        n_pairs: Pairs of runs with the same seed; None where the test is unpaired.
        pair: What the runs of a pair have in common, as the sentence counts it.
        difference: Mean of the first minus mean of the second, in the metric's unit.
        interval: Its confidence interval at level 1 - alpha by Student's t, whatever the test,
            and for this comparison alone: it is not corrected for the others.
        test: The test, such as ``"paired t"``.
        p: Its two-sided p; NaN where it cannot be done.
        holm_p: The same, corrected for all comparisons made.
        n_comparisons: How many those are.
        hedges_g: Effect size, with the sign of the difference; NaN where it has none.
        probability_of_improvement: How likely a run of the first is better than one of the
            second; NaN where a trial has no run with a value.
        margin: The largest difference that does not matter, in the metric's unit; None where
            nobody said.
        equivalence_p: p of the two one-sided t tests against it, corrected like ``holm_p``;
            NaN without a margin.
        alpha: The corrected p that is taken for proof.
        verdict: What follows.
        obstacle: Why no difference could have been told; empty where one could.
        more_repeats: How many more runs of each trial would show a difference of this size in
            80 of 100 experiments (``repeats_needed`` says how far to trust it); None where the
            verdict is no "cannot tell", and where no number can be named.
    """

    metric: str
    higher_is_better: bool
    is_rate: bool
    first: str
    second: str
    summaries: tuple[Summary, Summary]
    n_pairs: int | None
    pair: str
    difference: float
    interval: Interval
    test: str
    p: float
    holm_p: float
    n_comparisons: int
    hedges_g: float
    probability_of_improvement: float
    margin: float | None
    equivalence_p: float
    alpha: float
    verdict: Verdict
    obstacle: str
    more_repeats: int | None

    def sentence(self) -> str:
        """The verdict with what it rests on, and the runs that had no part in it."""
        parts = [self._verdict_text()]
        if self.more_repeats is not None:
            repeats = counted(self.more_repeats, "more repeat")
            parts.append(f"about {repeats} of each would show such a difference (80% power)")
        left_out = list(self._left_out())
        if left_out:
            parts.append(f"left out: {', '.join(left_out)}")
        return "; ".join(parts)

    def _verdict_text(self) -> str:
        pair = f"{self.first} and {self.second}"
        if self.verdict is Verdict.BETTER:
            return f"{self.first} beats {self.second} on {self.metric} by {self._difference()}"
        if self.verdict is Verdict.WORSE:
            return f"{self.second} beats {self.first} on {self.metric} by {self._difference()}"
        if self.verdict is Verdict.EQUIVALENT:
            return f"{pair} are equivalent on {self.metric}: a difference of {self._difference()}"
        why = self.obstacle or f"a difference of {self._difference()} may be chance"
        return f"cannot tell {self.first} from {self.second} on {self.metric}: {why}"

    def _difference(self) -> str:
        """How far apart the two are, with the interval and the test in brackets."""
        interval = self.interval.negated() if self.difference < 0 else self.interval
        size, low, high = self._amounts([abs(self.difference), interval.low, interval.high])
        level = f"{100 * (1 - self.alpha):g}% CI"
        basis = [f"{level} {low} to {high}", f"{self.test} over {self._size()}"]
        basis.append(f"{self._corrected('p')} {p_text(self.holm_p)}")
        if self.margin is not None:
            margin = self._with_unit(f"{self._scale * self.margin:.4g}")
            equivalence = f"{self._corrected('TOST p')} {p_text(self.equivalence_p)}"
            basis.append(f"{equivalence} for a margin of {margin}")
        return f"{self._with_unit(size)} ({', '.join(basis)})"

    @property
    def _scale(self) -> int:
        return 100 if self.is_rate else 1

    def _amounts(self, values: list[float]) -> list[str]:
        uncertainty = self._scale * (self.interval.high - self.interval.low) / 2
        return amounts([self._scale * value for value in values], uncertainty)

    def _with_unit(self, amount: str) -> str:
        if not self.is_rate:
            return amount
        return f"{amount} point{'' if amount == '1' else 's'}"

    def _size(self) -> str:
        if self.n_pairs is not None:
            return counted(self.n_pairs, self.pair)
        return f"{self.summaries[0].n} and {counted(self.summaries[1].n, 'run')}"

    def _corrected(self, p: str) -> str:
        return f"Holm {p}" if self.n_comparisons > 1 else p

    def _left_out(self) -> Iterator[str]:
        """The runs that had no part, by trial and reason."""
        same_seed = " of the same seed" if self.pair == SEED else ""
        for name, summary in zip((self.first, self.second), self.summaries, strict=True):
            alone = 0 if self.n_pairs is None else summary.n - self.n_pairs
            reasons = {
                "failed or missing": summary.n_missing,
                "not finite": summary.n_not_finite,
                f"without a partner{same_seed}": alone,
            }
            for reason, count in reasons.items():
                if count:
                    yield f"{counted(count, 'run')} of {name} ({reason})"
