"""When the runs of an experiment will be done, judged by those that are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from experiment_manager.results.run_times import RunTimes


@dataclass(frozen=True)
class Remaining:
    """What is left of a trial.

    Attributes:
        trial: Its name.
        elapsed_s: Of each run that is running, the seconds since it began.
        to_come: How many runs will be begun; None where nobody can tell.
    """

    trial: str
    elapsed_s: tuple[float, ...]
    to_come: int | None


def etas_s(
    remaining: Iterable[Remaining], times: RunTimes, parallelism: float
) -> Iterator[float | None]:
    """The seconds until each trial is done, where they are executed in this order.

    The work up to a trial's end is shared among ``parallelism`` runs at a time, but no run is
    done sooner than its own time.

    Args:
        remaining: What is left of each trial.
        times: How long their runs take.
        parallelism: How many runs are executed at the same time, at least 1.

    Yields:
        Of each trial seconds, 0 where nothing is left of it; None where nobody can tell.

    Example:
        >>> times = RunTimes.of([("small", 10.0)])
        >>> left = [Remaining("small", (4.0,), 2), Remaining("large", (), 1)]
        >>> list(etas_s(left, times, parallelism=2))
        [13.0, 18.0]
    """
    work_s: float | None = 0.0
    for trial in remaining:
        own_s = _expected_s(trial, times)
        work_s = None if own_s is None or work_s is None else work_s + sum(own_s)
        if own_s == []:
            yield 0.0
        elif own_s is None or work_s is None:
            yield None
        else:
            yield max(work_s / parallelism, *own_s)


def _expected_s(trial: Remaining, times: RunTimes) -> list[float] | None:
    """What each run of a trial still takes; None where nobody can tell."""
    if not trial.elapsed_s and trial.to_come == 0:
        return []
    whole_s = times.expected_s(trial.trial)
    if whole_s is None or trial.to_come is None:
        return None
    return [max(0.0, whole_s - s) for s in trial.elapsed_s] + [whole_s] * trial.to_come
