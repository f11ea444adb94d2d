"""``tail``: what running runs record, as it comes into the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from rich.markup import escape

from experiment_manager.cli.as_json import print_json
from experiment_manager.cli.console import create_console
from experiment_manager.cli.naming import Named, open_named
from experiment_manager.cli.tail_events import (
    Attempt,
    EpochRecorded,
    Event,
    RunEnded,
    RunStarted,
)
from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import is_confusion
from experiment_manager.db.rows import EpochRow, MetricRow, TrialRunRow

POLL_S = 0.5
POLLS_BETWEEN_RUNS = 4  # before the next run of an experiment begins, none is running


def follow(
    name: str,
    place: str,
    wait: Callable[[], object] = lambda: time.sleep(POLL_S),
    *,
    as_json: bool = False,
) -> None:
    """Print what is new of the runs that ``EXPERIMENT[/TRIAL[/RUN]]`` names, until all have ended.

    Args:
        name: Its parts may be abbreviated.
        place: A file, a folder or a URL.
        wait: Called between two looks into the database.
        as_json: True for a JSON object in each line; none where no run is running.
    """
    console = create_console()

    def tell(event: Event) -> None:
        if as_json:
            print_json(event.as_dict())
        else:
            console.print(event.as_text(), soft_wrap=True)

    with open_named(name, place) as named:
        follower = Follower(named, tell)
        if not follower.poll():
            if not as_json:
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
        epochs_planned: None where that is unknown.
        epoch: Index of the first epoch that may have something new; None for all.
        metric_id: Of the last metric that was told.
    """

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
        tell: Called with each event.
    """

    def __init__(self, named: Named, tell: Callable[[Event], object]) -> None:
        self._named = named
        self._db = named.db
        self._tell = tell
        self._followed: dict[tuple[int, int], _Followed] = {}
        self._over: set[tuple[int, int]] = set()
        for attempt in self._attempts():
            if attempt.status.is_ended:
                self._over.add(attempt.key)
            elif attempt.status is RunStatus.RUNNING:
                followed = self._begin(attempt)
                epochs = self._db.list_epochs(attempt.run.id)
                followed.epoch = max((epoch.idx for epoch in epochs), default=None)

    def poll(self) -> bool:
        """Tell what is new; True while a run is running."""
        attempts = self._attempts()
        for attempt in attempts:
            if attempt.key not in self._over and attempt.status is not RunStatus.PENDING:
                self._look_at(attempt)
        return any(attempt.status is RunStatus.RUNNING for attempt in attempts)

    def _attempts(self) -> list[Attempt]:
        """The last one at each run."""
        title = self._named.experiment.title
        return [Attempt(title, trial, run) for trial, run in self._runs()]

    def _runs(self) -> Sequence[tuple[str, TrialRunRow]]:
        """The runs with the names of their trials."""
        experiment, trial, run = self._named.experiment, self._named.trial, self._named.run
        if trial is None:
            return [(one.name, row) for one, row in self._db.list_runs(experiment.id)]
        if run is None:
            return [(trial.name, row) for row in self._db.list_trial_runs(trial.id)]
        now = self._db.get_trial_run(run.id)
        return [] if now is None else [(trial.name, now)]

    def _begin(self, attempt: Attempt) -> _Followed:
        planned = self._db.get_trial_run_parameters(attempt.run.id).get("epochs")
        followed = _Followed(planned if isinstance(planned, int) else None)
        self._followed[attempt.key] = followed
        return followed

    def _look_at(self, attempt: Attempt) -> None:
        followed = self._followed.get(attempt.key)
        if followed is None:
            followed = self._begin(attempt)
            self._tell(RunStarted(attempt))
        epochs = self._db.list_epochs(attempt.run.id)
        self._tell_epochs(followed, attempt, epochs)
        if attempt.status.is_ended:
            self._over.add(attempt.key)
            results = _numbers(self._db.get_results_metrics(attempt.run.id))
            self._tell(RunEnded(attempt, len(epochs), results))

    def _tell_epochs(
        self, followed: _Followed, attempt: Attempt, epochs: Sequence[EpochRow]
    ) -> None:
        """What is new of this attempt; what it took over from an earlier one is not."""
        run, planned, first = attempt.run, followed.epochs_planned, followed.epoch
        kept = sum(epoch.time < run.start_time for epoch in epochs)
        for done, epoch in enumerate(epochs, start=1):
            if done > kept and (first is None or epoch.idx >= first):
                metrics = self._db.get_epoch_metrics(epoch.idx, run.id)
                new = followed.take_new(epoch.idx, metrics)
                if new:
                    eta_s = (
                        _eta_s(run.start_time, done - kept, planned - done) if planned else None
                    )
                    numbers = _numbers(new)
                    self._tell(EpochRecorded(attempt, epoch.idx, done, planned, eta_s, numbers))


def _eta_s(started: datetime, done: int, left: int) -> float:
    """The time that is left if the rest goes like what this attempt has done."""
    elapsed_s = (datetime.now(timezone.utc) - started).total_seconds()
    return max(0.0, elapsed_s / done * left)


def _numbers(metrics: Iterable[MetricRow]) -> dict[str, float]:
    return {
        metric.type: metric.total_val
        for metric in metrics
        if metric.total_val is not None and not is_confusion(metric.per_label_val)
    }
