"""``tail``: what running runs record, as it comes into the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from rich.markup import escape

from experiment_manager.cli.console import (
    create_console,
    customary_first,
    duration_text,
    number_text,
    status_text,
)
from experiment_manager.cli.naming import Named, open_named
from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import is_confusion
from experiment_manager.db.rows import EpochRow, MetricRow, TrialRunRow

if TYPE_CHECKING:
    from rich.console import Console

POLL_S = 0.5
POLLS_BETWEEN_RUNS = 4  # before the next run of an experiment begins, none is running


def follow(name: str, place: str, wait: Callable[[], object] = lambda: time.sleep(POLL_S)) -> None:
    """Print what is new of the runs that ``EXPERIMENT[/TRIAL[/RUN]]`` names, until all have ended.

    Args:
        name: Its parts may be abbreviated.
        place: A file, a folder or a URL.
        wait: Called between two looks into the database.
    """
    console = create_console()
    with open_named(name, place) as named:
        follower = Follower(named, console)
        if not follower.poll():
            console.print(f"No run of {escape(named.name)} is running.", soft_wrap=True)
            return
        patience = POLLS_BETWEEN_RUNS if named.run is None else 1
        polls_in_vain = 0
        while polls_in_vain < patience:
            wait()
            polls_in_vain = 0 if follower.poll() else polls_in_vain + 1


@dataclass
class _Followed:
    """An attempt at a run, and what was told of it.

    Attributes:
        name: How it is called.
        epochs_planned: None where that is unknown.
        epoch: Index of the first epoch that may have something new; None for all.
        metric_id: Of the last metric that was told.
    """

    name: str
    epochs_planned: int | None
    epoch: int | None = None
    metric_id: int = 0

    def take_new(self, epoch: int, metrics: Iterable[MetricRow]) -> list[MetricRow]:
        """The metrics of an epoch that were not told yet."""
        new = [metric for metric in metrics if metric.id > self.metric_id]
        self.epoch = epoch
        self.metric_id = max([self.metric_id, *(metric.id for metric in new)])
        return new


class Follower:
    """Tells each thing once; of what is running already, the last epoch and what follows.

    Args:
        named: Whose runs are followed.
        console: Where it is told.
    """

    def __init__(self, named: Named, console: Console) -> None:
        self._named = named
        self._db = named.db
        self._console = console
        self._followed: dict[tuple[int, int], _Followed] = {}
        self._over: set[tuple[int, int]] = set()
        for trial, run in self._runs():
            if RunStatus(run.status).is_ended:
                self._over.add(_key(run))
            elif run.status == RunStatus.RUNNING.value:
                followed = self._begin(trial, run)
                followed.epoch = max((e.idx for e in self._db.list_epochs(run.id)), default=None)

    def poll(self) -> bool:
        """Tell what is new; True while a run is running."""
        runs = self._runs()
        for trial, run in runs:
            if _key(run) not in self._over and run.status != RunStatus.PENDING.value:
                self._tell(trial, run)
        return any(run.status == RunStatus.RUNNING.value for _, run in runs)

    def _runs(self) -> Sequence[tuple[str, TrialRunRow]]:
        """The runs with the names of their trials."""
        experiment, trial, run = self._named.experiment, self._named.trial, self._named.run
        if trial is None:
            return [(one.name, row) for one, row in self._db.list_runs(experiment.id)]
        if run is None:
            return [(trial.name, row) for row in self._db.list_trial_runs(trial.id)]
        now = self._db.get_trial_run(run.id)
        return [] if now is None else [(trial.name, now)]

    def _begin(self, trial: str, run: TrialRunRow) -> _Followed:
        planned = self._db.get_trial_run_parameters(run.id).get("epochs")
        epochs = planned if isinstance(planned, int) else None
        followed = _Followed(f"{trial} run {run.number}", epochs)
        self._followed[_key(run)] = followed
        return followed

    def _tell(self, trial: str, run: TrialRunRow) -> None:
        followed = self._followed.get(_key(run))
        if followed is None:
            followed = self._begin(trial, run)
            self._print(f"{escape(followed.name)} started, seed {run.seed}")
        epochs = self._db.list_epochs(run.id)
        self._tell_epochs(followed, run, epochs)
        if RunStatus(run.status).is_ended:
            self._over.add(_key(run))
            self._print(self._end_text(followed, run, len(epochs)))

    def _tell_epochs(
        self, followed: _Followed, run: TrialRunRow, epochs: Sequence[EpochRow]
    ) -> None:
        """What is new of this attempt; what it took over from an earlier one is not."""
        first = followed.epoch
        kept = sum(epoch.time < run.start_time for epoch in epochs)
        for done, epoch in enumerate(epochs, start=1):
            if done > kept and (first is None or epoch.idx >= first):
                metrics = self._db.get_epoch_metrics(epoch.idx, run.id)
                new = followed.take_new(epoch.idx, metrics)
                if new:
                    self._print(_epoch_text(followed, run, done, kept, new))

    def _end_text(self, followed: _Followed, run: TrialRunRow, epochs: int) -> str:
        status = RunStatus(run.status)
        counted = f"{epochs} epoch{'' if epochs == 1 else 's'}"
        duration = duration_text(run.duration_s)
        text = f"{escape(followed.name)} {status_text(status)}, {counted} in {duration}"
        results = _metrics_text(self._db.get_results_metrics(run.id))
        return f"{text}  {escape(results)}" if status.is_success and results else text

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


def _key(run: TrialRunRow) -> tuple[int, int]:
    return run.id, run.attempt


def _epoch_text(
    followed: _Followed, run: TrialRunRow, done: int, kept: int, metrics: Iterable[MetricRow]
) -> str:
    planned = followed.epochs_planned
    count = f"{done}/{planned}" if planned else f"{done}"
    eta = _eta_text(run.start_time, (planned - done) / (done - kept)) if planned else "-"
    name, numbers = escape(followed.name), escape(_metrics_text(metrics))
    return f"{name} epoch {count}, ETA {eta}  {numbers}"


def _eta_text(started: datetime, left_by_done: float) -> str:
    """The time that is left if the rest goes like what this attempt has done."""
    elapsed_s = (datetime.now(timezone.utc) - started).total_seconds()
    return duration_text(max(0.0, elapsed_s * left_by_done))


def _metrics_text(metrics: Iterable[MetricRow]) -> str:
    numbers = {
        metric.type: metric.total_val
        for metric in metrics
        if metric.total_val is not None and not is_confusion(metric.per_label_val)
    }
    return "  ".join(f"{name} {number_text(numbers[name])}" for name in customary_first(numbers))
