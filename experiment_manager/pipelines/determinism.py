"""The first epoch of a run, executed twice: a training that depends on chance is found at once."""

from __future__ import annotations

import gc
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.errors import ExperimentManagerError, describe
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.config.paths import WorkspacePaths
from experiment_manager.config.plan import RunSpec
from experiment_manager.environment import Environment
from experiment_manager.pipelines.outcome import Outcome
from experiment_manager.results.histories import (
    Values,
    compare_values,
    every_number,
    number_places,
)
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker import Tracker
from experiment_manager.trackers.tracker_manager import TrackerManager

SCRATCH = ".first_epoch"
"""In the folder of a run: so whoever executes it next knows that nobody needs it any more."""

WHAT_TO_CHECK = (
    "Check the seeds of data loader workers (worker_init_fn, generator), "
    "torch.use_deterministic_algorithms(True) with torch.backends.cudnn.deterministic, generators "
    "with seeds of their own (numpy.random.default_rng()), the order of sets (PYTHONHASHSEED), "
    "the number of threads, the clock, and what classes and modules keep from one run to the next"
)


class DeterminismError(ExperimentManagerError):
    """A first epoch that came out in another way when it was executed again."""


class _FirstEpochOver(BaseException):
    """Leaves a training that is executed for its first epoch alone; no ``except`` is for it."""


class _FirstEpoch(Tracker):
    """Keeps what the first epoch of a run measures, and says when it is over."""

    required: ClassVar[bool] = True

    def __init__(self, on_over: Callable[[], None]) -> None:
        super().__init__()
        self._on_over = on_over
        self._numbers: list[tuple[int | None, int | None, tuple[str, float]]] = []
        self._epoch: int | None = None
        self._is_over = False

    @property
    def values(self) -> Values:
        """Each number by its place, batches too, in the order of time."""
        return number_places(self._numbers)

    def on_create(self, level: Level, context: Context, **details: object) -> None:
        """Nothing yet."""

    def on_start(self, level: Level, context: Context) -> None:
        """The epoch that is opened first is the one."""
        if level is Level.EPOCH and self._epoch is None:
            self._epoch = context.epoch

    def track(self, points: Sequence[MetricPoint], context: Context) -> None:
        """What the epoch and its batches measure."""
        if context.epoch is not None and context.epoch == self._epoch and not self._is_over:
            self._numbers += [
                (context.epoch, context.batch, number)
                for name, value, labels, _ in points
                for number in every_number(name, value, labels)
            ]

    def on_end(
        self,
        level: Level,
        context: Context,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
    ) -> None:
        """The end of the first epoch, unless it failed, which its pipeline tells."""
        if level is Level.EPOCH and status.is_success and not self._is_over:
            self._is_over = True
            self._on_over()


class FirstEpochTwice(_FirstEpoch):
    """A tracker that fails a run whose first epoch measures something else than it did before.

    Hand it to the run's environment, and call :meth:`execute_before` when the run is about to
    begin; without that it does nothing.

    Attributes:
        has_differed: True once it has failed the run.
    """

    def __init__(self) -> None:
        super().__init__(self._check)
        self._before: Values | str | None = None
        self.has_differed = False

    def execute_before(
        self, spec: RunSpec, env: Environment, execute: Callable[[Environment], Outcome]
    ) -> Outcome:
        """Execute the first epoch in a scratch folder that is gone afterwards.

        Args:
            spec: The run.
            env: The run's environment.
            execute: Executes the run's pipeline in the environment that it is given.

        Returns:
            That of an interrupt; of anything else a good one, because the run itself will tell.
        """
        env.logger.info("%s: the first epoch is executed twice, to compare", spec)
        first = _FirstEpoch(_stop)
        try:
            with _scratch_environment(spec, env, env.workspace / SCRATCH, first) as scratch:
                outcome = execute(scratch)
        finally:
            delete_scratch(env)
        is_over = isinstance(outcome.error, _FirstEpochOver)
        if outcome.status is RunStatus.ABORTED and not is_over:
            return outcome
        self._before = first.values if is_over else _failure(outcome)
        if not self._before:
            env.logger.warning(
                "%s: verify_determinism has nothing to compare: %s",
                spec,
                "the first epoch measures nothing" if is_over else "the pipeline has no epochs",
            )
        del outcome  # its traceback holds the pipeline, and the pipeline perhaps a GPU's memory
        gc.collect()
        return Outcome()

    def _check(self) -> None:
        difference = self._difference()
        if difference is not None:
            self.has_differed = True
            raise DeterminismError(f"{difference}\n{WHAT_TO_CHECK}")

    def _difference(self) -> str | None:
        before = self._before
        if before is None:
            return None
        if isinstance(before, str):
            return f"The first epoch failed ({before}), and not when it was executed again"
        compared = compare_values(before, self.values)
        if not compared.deviations:
            return None
        one = compared.deviations[0]
        return (
            f"{one.place} is {_text(one.original)}, and {_text(one.repeated)} when it is executed "
            f"again with the same seed ({len(compared.deviations)} of {compared.total} values "
            "differ)"
        )


def delete_scratch(env: Environment) -> None:
    """Delete the scratch folder of a run, which a process leaves that is killed meanwhile."""
    shutil.rmtree(env.workspace / SCRATCH, ignore_errors=True)


def _stop() -> None:
    raise _FirstEpochOver


def _failure(outcome: Outcome) -> str | None:
    if outcome.error is None or outcome.status is not RunStatus.FAILED:
        return None
    return describe(outcome.error)


def _text(value: float | None) -> str:
    return "nothing" if value is None else repr(value)


def _scratch_environment(
    spec: RunSpec, env: Environment, folder: Path, tracker: Tracker
) -> Environment:
    """An environment that looks like the run's own, and is silent."""
    config = {**env.config, "workspace": str(folder)}
    directory = WorkspacePaths(folder).run(spec.experiment, spec.trial, spec.run)
    inside_trial = Context().entering_trial(spec.experiment, spec.trial)
    manager = TrackerManager([tracker], inside_trial, spec.experiment)
    scratch = Environment(config, directory, manager)
    scratch.logger.setLevel(logging.CRITICAL + 1)
    manager.on_create(Level.TRIAL_RUN, spec.run, seed=spec.seed)
    manager.on_start(Level.TRIAL_RUN)
    return scratch
