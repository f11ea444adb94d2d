"""Which trials have a place in a table of limited height, and what is said of the others."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from experiment_manager.common.common import RunStatus
from experiment_manager.results.progress import TrialProgress

FEWEST_RUNS = 3  # of a trial with many running ones, where there is no room for all


@dataclass(frozen=True)
class Shown:
    """What a table has room for.

    Attributes:
        trials: Those that it shows.
        runs: The most running runs that it shows of each.
        others: Those that it does not show.
    """

    trials: Sequence[TrialProgress]
    runs: int
    others: Sequence[TrialProgress] = ()

    @property
    def other_states(self) -> Counter[RunStatus]:
        """How many runs of the others stand how."""
        states: Counter[RunStatus] = Counter()
        for trial in self.others:
            states.update(trial.states)
        return states


def trials_that_fit(trials: Sequence[TrialProgress], room: int) -> Shown:
    """All trials in their order; or those of most interest, where there is no room for all.

    Those that are running come first then, those with failures second, finished ones last.

    Args:
        trials: All of them.
        room: How many lines there are.
    """
    most = max((len(trial.running) for trial in trials), default=1)
    if sum(_height(trial, most) for trial in trials) <= room:
        return Shown(trials, most)
    busy = sum(bool(trial.running) for trial in trials)
    most = min(room, max(FEWEST_RUNS, room // max(1, busy)))
    in_order = sorted(trials, key=_interest)
    ends = itertools.accumulate(_height(trial, most) for trial in in_order)
    count = max(1, sum(end <= room for end in ends))
    return Shown(in_order[:count], most, in_order[count:])


def _height(trial: TrialProgress, most: int) -> int:
    return min(max(1, len(trial.running)), most)


def _interest(trial: TrialProgress) -> tuple[bool, bool, bool]:
    """Lowest for what is shown first."""
    return (not trial.running, not trial.failed, trial.is_done)
