"""One learning curve: the mean and the band over repeats, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.frames.columns import np
from experiment_manager.results.frames.downsampling import thinned
from experiment_manager.results.plots.bands import Band
from experiment_manager.results.selection import FoundRun
from experiment_manager.results.statistics.estimate import has_converged, mean

Steps = Mapping[int, float]
"""The value of a metric by epoch, in order; NaN and infinities included."""


@dataclass(frozen=True)
class Curve:
    """The repeats of a trial, epoch by epoch.

    Attributes:
        name: Of the trial.
        n_runs: Runs that recorded the metric.
        n_steps: Epochs where any of them has a finite value.
        steps: Those that are drawn, in order.
        mean: Of the finite values at each.
        low: Lower end of the band at each; NaN where one value alone has none.
        high: Upper end of the band at each.
        n: How many runs have a finite value at each.
    """

    name: str
    n_runs: int
    n_steps: int
    steps: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """True where all runs have a value at all steps."""
        return all(n == self.n_runs for n in self.n)

    @property
    def whole(self) -> tuple[float, ...]:
        """The mean where all runs have a value, else NaN."""
        return self._mean_where([n == self.n_runs for n in self.n])

    @property
    def partial(self) -> tuple[float, ...]:
        """The mean where runs are missing, and at the steps beside; else NaN."""
        is_part = [n < self.n_runs for n in self.n]
        beside = zip([False, *is_part[:-1]], is_part, [*is_part[1:], False], strict=True)
        return self._mean_where([any(near) for near in beside])

    @property
    def last_whole(self) -> float:
        """The last mean of all runs; NaN where there is none."""
        return next((m for m in reversed(self.whole) if not math.isnan(m)), math.nan)

    def _mean_where(self, is_shown: Sequence[bool]) -> tuple[float, ...]:
        return tuple(m if s else math.nan for m, s in zip(self.mean, is_shown, strict=True))


def load_steps(db: DatabaseManager, runs: Sequence[FoundRun], metric: str) -> dict[str, Steps]:
    """The metric's value in each epoch of each run, by the run's name; the last of several.

    Args:
        db: The database that the runs are in.
        runs: Whatever their status.
        metric: Its name.
    """
    names = {run.run.id: run.name for run in runs}
    found: dict[str, dict[int, float]] = {name: {} for name in names.values()}
    for experiment in dict.fromkeys(run.trial.experiment_id for run in runs):
        ids = [run.run.id for run in runs if run.trial.experiment_id == experiment]
        columns = db.get_epoch_columns(experiment, ids, [metric])
        points = zip(columns.trial_run_id, columns.epoch_idx, columns.value, strict=True)
        for run_id, epoch, value in points:
            if epoch is not None:
                found[names[run_id]][epoch] = value
    return dict(found)


def curve_of(
    name: str, runs: Sequence[Steps], band: Band, most_points: int | None = None
) -> Curve:
    """The curve of some repeats.

    At each epoch, the mean and the band are of the runs that have a finite value there. Where
    these are not all runs, because some ended earlier or diverged, the mean of the others is no
    fair picture of the trial: ``whole`` and ``partial`` tell the two apart.

    Args:
        name: Of the trial.
        runs: The values of each run.
        band: What is computed around the mean.
        most_points: The most epochs to draw, at least 4: the ends, and of each stretch between
            them the one with the lowest mean and the one with the highest. None for all.

    Example:
        >>> curve = curve_of("a", [{0: 1.0, 1: 2.0, 2: 3.0}, {0: 3.0, 1: 4.0}], Band.RANGE)
        >>> curve.mean, curve.n, curve.whole
        ((2.0, 3.0, 3.0), (2, 2, 1), (2.0, 3.0, nan))
    """
    steps = sorted({step for run in runs for step in run})
    values_by_step = {step: _finite_at(step, runs) for step in steps}
    means = {step: mean(values) for step, values in values_by_step.items() if values}
    drawn = tuple(means) if most_points is None else _thinned(means, most_points)
    bands = [band.of(values_by_step[step]) for step in drawn]
    return Curve(
        name,
        len(runs),
        len(means),
        drawn,
        tuple(means[step] for step in drawn),
        tuple(interval.low for interval in bands),
        tuple(interval.high for interval in bands),
        tuple(len(values_by_step[step]) for step in drawn),
    )


def _finite_at(step: int, runs: Sequence[Steps]) -> list[float]:
    return [run[step] for run in runs if step in run and has_converged(run[step])]


def _thinned(means: Mapping[int, float], most_points: int) -> tuple[int, ...]:
    """The steps that are left of a curve."""
    if len(means) <= most_points:
        return tuple(means)
    steps, values = np.array(list(means)), np.array(list(means.values()))
    return tuple(steps[thinned(np.zeros(len(steps), int), values, most_points)].tolist())
