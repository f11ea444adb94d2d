"""The runs of a plan beside what the database says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from experiment_manager.common.common import RunStatus
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.common.yaml_utils import flatten
from experiment_manager.config.plan import RECIPE, Plan, RunSpec
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRunRow


@dataclass(frozen=True)
class PlannedRun:
    """A run of the plan beside what the database says of it.

    Attributes:
        spec: What would be executed.
        status: How it stands; PENDING where the database does not have it.
        changed: Settings that differ from those it was executed with before.
        duration_s: Wall time in seconds, where it succeeded.
        row: Its row, or None.
        holder: The other process that executes it now, or None.
        is_beyond: True for a finished run of other settings whose number the plan has no more.
    """

    spec: RunSpec
    status: RunStatus = RunStatus.PENDING
    changed: tuple[str, ...] = ()
    duration_s: float | None = None
    row: TrialRunRow | None = None
    holder: ProcessIdentity | None = None
    is_beyond: bool = False

    @property
    def is_missing(self) -> bool:
        """True where it has yet to succeed, and nobody is at it."""
        return not self.status.is_success and self.holder is None


def compare_plan(plan: Plan, db: DatabaseManager | None) -> list[PlannedRun]:
    """Every run of a plan beside what a database says of it; None for one that is empty.

    At the end those that the plan has no more, as far as they are in its way: finished runs of its
    trials with other settings.
    """
    experiment = None if db is None else db.find_experiment(plan.name)
    if db is None or experiment is None:
        return [PlannedRun(replace(spec, attempts=0)) for spec in plan.runs]
    known = {(trial.name, run.number): run for trial, run in db.list_runs(experiment.id)}
    planned = [_compare(spec, known.pop((spec.trial, spec.run), None), db) for spec in plan.runs]
    return [*planned, *_compare_beyond(plan, known, db)]


def _compare_beyond(
    plan: Plan, rows: Mapping[tuple[str, int], TrialRunRow], db: DatabaseManager
) -> Iterator[PlannedRun]:
    runs = {trial.name: trial.runs[0] for trial in plan.trials}
    for (trial, _), row in rows.items():
        if trial in runs:
            run = _compare(runs[trial].repeated(row.number, row.seed or 0), row, db)
            may_differ = run.spec.interpolations  # they may refer to the seed
            changed = tuple(key for key in run.changed if key not in may_differ)
            if changed and run.status.is_success:
                yield replace(run, changed=changed, is_beyond=True)


def _compare(spec: RunSpec, row: TrialRunRow | None, db: DatabaseManager) -> PlannedRun:
    spec = replace(spec, attempts=0)  # those of a run that is set aside do not count
    if row is None:
        return PlannedRun(spec)
    status = RunStatus(row.status)
    is_same = row.config_hash == spec.config_hash
    is_new = is_same or status is RunStatus.PENDING
    changed = () if is_new else _changed_keys(spec, row, db)
    if not status.is_success:
        holder = None if status.is_ended else _holder(row, db)
        made = 0 if status is RunStatus.PENDING else row.attempt
        again = replace(spec, resume=is_same, attempts=made)
        return PlannedRun(again, status, changed, row=row, holder=holder)
    return PlannedRun(spec, status, changed, row.duration_s, row)


def _holder(row: TrialRunRow, db: DatabaseManager) -> ProcessIdentity | None:
    """Who is at it; this process itself is not, if it asks."""
    lease = db.find_lease(row.id)
    if lease is None or lease.is_lost or lease.process == ProcessIdentity.current():
        return None
    return lease.process


def _changed_keys(spec: RunSpec, row: TrialRunRow, db: DatabaseManager) -> tuple[str, ...]:
    before: Mapping[str, Any] | None = db.get_provenance(row.id).get(RECIPE)
    now = flatten(spec.recorded_settings)
    if before is None:  # of a version that did not keep it: what was tracked must do
        return differing_keys(db.get_trial_run_parameters(row.id), now)
    return differing_keys({**flatten(before["settings"]), "seed": row.seed}, now)


def differing_keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of settings that have not the same value, in their order."""
    keys = dict.fromkeys([*before, *now])
    missing = object()
    return tuple(key for key in keys if before.get(key, missing) != now.get(key, missing))
