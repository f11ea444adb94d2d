"""Which runs of a plan are executed, and which results are set aside for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import ConfigError, did_you_mean
from experiment_manager.config.files import TRIALS
from experiment_manager.config.plan import RunSpec
from experiment_manager.execution.planned import PlannedRun

CHANGED, RESTARTED = "changed", "restarted"
RETRIABLE = tuple(s.value for s in (RunStatus.FAILED, RunStatus.ABORTED, RunStatus.LOST))


@dataclass(frozen=True)
class Work:
    """What a choice comes to.

    Attributes:
        specs: What is executed, in the order of the plan.
        archived: The runs that are set aside before, each with the reason.
        held: Chosen runs that other processes are at.
    """

    specs: tuple[RunSpec, ...]
    archived: tuple[tuple[PlannedRun, str], ...] = ()
    held: tuple[PlannedRun, ...] = ()


@dataclass(frozen=True)
class Choice:
    """What is wanted of a plan; by default every run that has not succeeded.

    Attributes:
        retry: How runs of earlier attempts must stand to be executed again (``failed``,
            ``aborted``, ``lost``); new ones always are. None for all three.
        only: Trials (``TRIAL``) or runs (``TRIAL/RUN``); empty for all.
        restart: True to execute the chosen runs from their start, finished ones too; what they
            have recorded before is set aside.
        rerun_changed: True to set results of other settings aside and execute these runs anew.

    No trial keeps results of two settings: where a run of it is executed, finished ones of other
    settings are set aside, also those that are not chosen or not planned any more.
    """

    retry: tuple[str, ...] | None = None
    only: tuple[str, ...] = ()
    restart: bool = False
    rerun_changed: bool = False

    def select(self, planned: Sequence[PlannedRun], others_began: datetime | None = None) -> Work:
        """What is executed of a plan.

        Args:
            planned: Its runs as they stand.
            others_began: Since when other processes share the work; what was finished since then
                is not made once more.

        Raises:
            ConfigError: A name or a status is none, or results of other settings are in the way.
        """
        problems = [*self._unknown_names(planned), *self._unknown_statuses()]
        if problems:
            raise ConfigError(problems)
        chosen = [run for run in planned if self.names(run)]
        if not (self.rerun_changed or self.restart):
            _refuse_changed(planned, {run.spec.trial for run in chosen})
        executed = [
            run
            for run in chosen
            if not (run.is_beyond or _is_done_since(run, others_began)) and self._is_wanted(run)
        ]
        set_aside = [(run, reason) for run in executed if (reason := self._reason(run))]
        set_aside += [(run, CHANGED) for run in _in_the_way(planned, executed)]
        specs = [self._spec(run) for run in executed]
        held = [run for run in chosen if run.holder]
        return Work(tuple(specs), tuple(set_aside), tuple(held))

    def _is_wanted(self, run: PlannedRun) -> bool:
        if run.status.is_success:
            return bool(self._reason(run))
        if not run.is_missing or self.retry is None or run.status.value not in RETRIABLE:
            return run.is_missing
        reason = None if run.row is None else run.row.reason  # lost: also a worker's, told by us
        return not {run.status.value, reason}.isdisjoint(self.retry)

    def _reason(self, run: PlannedRun) -> str:
        """Why what a run has recorded is set aside before it is executed; ``""`` if it is not."""
        if run.status is RunStatus.PENDING:
            return ""
        if run.changed:
            return CHANGED
        return RESTARTED if self.restart else ""

    def _spec(self, run: PlannedRun) -> RunSpec:
        """What is executed; nothing is left of attempts that were set aside."""
        is_new = run.changed or self.restart
        return replace(run.spec, resume=False, attempts=0) if is_new else run.spec

    def names(self, run: PlannedRun) -> bool:
        """Whether ``only`` names the run, or nothing."""
        return not self.only or not {_trial_name(run), _run_name(run)}.isdisjoint(self.only)

    def _unknown_names(self, planned: Sequence[PlannedRun]) -> Iterator[str]:
        runs: dict[str, set[str]] = {}
        for run in planned:
            runs.setdefault(_trial_name(run), set()).add(_run_name(run))
        for name in self.only:
            trial = name.rpartition("/")[0]
            if name in runs or name in runs.get(trial, ()):
                continue
            near = (name, runs[trial]) if trial in runs else (trial or name, runs)
            yield f"--only: there is no {name!r} in the plan.{did_you_mean(*near)}"

    def _unknown_statuses(self) -> Iterator[str]:
        for status in self.retry or ():
            if status not in RETRIABLE:
                yield f"--retry: {status!r} cannot be retried.{did_you_mean(status, RETRIABLE)}"


def _is_done_since(run: PlannedRun, others_began: datetime | None) -> bool:
    is_done = run.status.is_success and not run.changed
    return bool(is_done and run.row and others_began and run.row.start_time >= others_began)


def _in_the_way(
    planned: Sequence[PlannedRun], executed: Sequence[PlannedRun]
) -> Iterator[PlannedRun]:
    """The finished runs of other settings that trials have beside those that are executed."""
    trials, runs = {run.spec.trial for run in executed}, {_run_name(run) for run in executed}
    for run in planned:
        is_finished = run.changed and run.status.is_success
        if is_finished and run.spec.trial in trials and _run_name(run) not in runs:
            yield run


def _trial_name(run: PlannedRun) -> str:
    return run.spec.trial


def _run_name(run: PlannedRun) -> str:
    return f"{run.spec.trial}/{run.spec.run}"


def _refuse_changed(planned: Sequence[PlannedRun], trials: set[str]) -> None:
    """Results of two configurations under one name could not be told apart."""
    finished = [run for run in planned if run.status.is_success]
    changed = {run.spec.trial: run.changed for run in finished if run.changed}
    problems = [
        f"{TRIALS}: trial {name!r} has finished runs with another {', '.join(map(repr, keys))}; "
        "give the edited trial a new name, undo the edit, or set those results aside with "
        "--rerun-changed"
        for name, keys in changed.items()
        if name in trials
    ]
    if problems:
        raise ConfigError(problems)
