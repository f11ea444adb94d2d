"""A plan beside what the database says of it: how each run stands, and who is at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.config.plan import RECIPE, Plan, RunSpec, TrialPlan
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import LEASE_S
from experiment_manager.execution.planned import PlannedRun, compare_plan
from experiment_manager.testing.configs import create_spec

ME = ProcessIdentity.current()
GONE = replace(ME, pid=2**40)  # more than any system has
ELSEWHERE = replace(ME, host="node7", machine="another boot", user_name="kim")
FAILURES = pytest.mark.parametrize("status", ["failed", "aborted"])
SETTINGS: Mapping[str, Any] = {"lr": 0.1, "net": {"depth": 2}, "layers": [8, 4]}


@dataclass(frozen=True)
class Case:
    """A database with the trial ``first`` of the experiment ``contract``, and a run to plan."""

    db: DatabaseManager
    trial_id: int
    spec: RunSpec

    def edited(self, settings: Mapping[str, Any], **others: Any) -> RunSpec:
        """The run with other settings."""
        return create_spec(Path(self.spec.workspace), settings=settings, **others)

    def execute(
        self, status: str = "running", process: ProcessIdentity | None = None, **others: Any
    ) -> int:
        """The id of the run, executed as the framework does it, up to a status."""
        spec = replace(self.spec, **others)
        if process is not None:
            self.db.claim_trial_run(self.trial_id, spec.run, process)
        row = self.db.start_trial_run(self.trial_id, spec.run, spec.seed, spec.config_hash)
        self.db.link_snapshots(row.id, self.db.store_snapshots({RECIPE: spec.recipe}))
        if status != "running":
            self.db.update_trial_run_status(row.id, status)
        return row.id

    def compare(self, spec: RunSpec | None = None) -> PlannedRun:
        """The run beside what the database says of it."""
        (run,) = compare_plan(plan_of(spec or self.spec), self.db)
        return run


def plan_of(*specs: RunSpec) -> Plan:
    trial = TrialPlan("first", {}, {}, specs)
    return Plan("contract", "", specs[0].config_dir, specs[0].workspace, {}, None, (trial,))


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("contract").id, "first")
        yield Case(db, trial.id, create_spec(tmp_path, settings=SETTINGS))


# New runs.


def test_without_a_database_every_run_is_new(tmp_path: Path) -> None:
    plan = plan_of(create_spec(tmp_path), create_spec(tmp_path, run=2))
    runs = compare_plan(plan, None)
    assert [(run.spec.run, run.status, run.is_missing) for run in runs] == [
        (1, RunStatus.PENDING, True),
        (2, RunStatus.PENDING, True),
    ]


def test_so_it_is_where_the_database_does_not_have_the_experiment(case: Case) -> None:
    plan = replace(plan_of(case.spec), name="another one")
    (run,) = compare_plan(plan, case.db)
    assert (run.status, run.row, run.is_missing) == (RunStatus.PENDING, None, True)


def test_a_new_run_is_missing_and_has_nothing_to_go_on_from(case: Case) -> None:
    run = case.compare()
    assert (run.status, run.row, run.holder) == (RunStatus.PENDING, None, None)
    assert run.is_missing
    assert not run.spec.resume


def test_runs_of_other_numbers_and_trials_are_others(case: Case) -> None:
    case.execute("completed", run=2)
    other = case.db.create_trial(1, "second")
    replace(case, trial_id=other.id).execute("completed")
    assert case.compare().row is None


def test_a_run_that_was_set_aside_is_new(case: Case) -> None:
    case.db.archive_run(case.execute("completed"), "removed")
    assert case.compare().row is None


def test_the_plan_keeps_its_order(case: Case) -> None:
    case.execute("completed")
    specs = [replace(case.spec, run=number) for number in (3, 1, 2)]
    runs = compare_plan(plan_of(*specs), case.db)
    assert [(run.spec.run, run.is_missing) for run in runs] == [(3, True), (1, False), (2, True)]


# Runs that succeeded.


@pytest.mark.parametrize("status", [status for status in RunStatus if status.is_success])
def test_a_success_is_not_missing(case: Case, status: RunStatus) -> None:
    id_ = case.execute(status.value)
    run = case.compare()
    assert (run.status, run.is_missing, run.changed) == (status, False, ())
    assert run.row == case.db.get_trial_run(id_)
    assert run.duration_s is not None
    assert run.duration_s >= 0
    assert not run.spec.resume


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({**SETTINGS, "lr": 0.2}, ("lr",)),
        ({**SETTINGS, "net": {"depth": 3}}, ("net.depth",)),
        ({**SETTINGS, "layers": [8]}, ("layers",)),
        ({**SETTINGS, "new": None}, ("new",)),
        ({"lr": 0.1, "net": {"depth": 2}}, ("layers",)),
        ({"lr": 1, "net": {}, "layers": [8, 4]}, ("lr", "net.depth", "net")),
    ],
)
def test_settings_that_differ_from_those_of_a_success_are_named(
    case: Case, settings: dict[str, Any], changed: tuple[str, ...]
) -> None:
    case.execute("completed")
    run = case.compare(case.edited(settings))
    assert run.changed == changed
    assert not run.is_missing


def test_so_is_its_seed(case: Case) -> None:
    case.execute("completed")
    assert case.compare(case.edited(SETTINGS, seed=7)).changed == ("seed",)


def test_without_a_recipe_the_recorded_parameters_must_do(case: Case) -> None:
    row = case.db.start_trial_run(case.trial_id, 1, case.spec.seed, case.spec.config_hash)
    case.db.record_trial_run_parameters(row.id, {"lr": 0.1, "net.depth": 2, "seed": 0})
    case.db.update_trial_run_status(row.id, "completed")
    assert case.compare(case.edited({"lr": 0.2, "net": {"depth": 2}})).changed == ("lr",)


# Runs that did not.


@FAILURES
def test_a_run_that_did_not_succeed_is_missing_and_goes_on(case: Case, status: str) -> None:
    case.execute(status, process=ELSEWHERE)
    run = case.compare()
    assert (run.status.value, run.is_missing, run.holder) == (status, True, None)
    assert run.spec.resume
    assert run.duration_s is None


@FAILURES
def test_with_other_settings_it_begins_anew(case: Case, status: str) -> None:
    case.execute(status)
    run = case.compare(case.edited({"lr": 0.2}))
    assert (run.is_missing, run.spec.resume) == (True, False)
    assert run.changed == ("lr", "net.depth", "layers")


def test_a_run_that_nobody_watches_over_is_missing(case: Case) -> None:
    case.execute()
    run = case.compare()
    assert (run.status, run.is_missing, run.spec.resume) == (RunStatus.RUNNING, True, True)


# Runs that somebody is at.


def test_a_run_that_another_process_executes_is_not_missing(case: Case) -> None:
    case.execute(process=ELSEWHERE)
    run = case.compare()
    assert (run.status, run.holder, run.is_missing) == (RunStatus.RUNNING, ELSEWHERE, False)


def test_one_that_another_process_is_about_to_begin_is_not_either(case: Case) -> None:
    case.db.claim_trial_run(case.trial_id, 1, ELSEWHERE)
    run = case.compare()
    assert (run.status, run.holder, run.is_missing) == (RunStatus.PENDING, ELSEWHERE, False)


def test_one_of_this_process_is_missing_when_it_asks(case: Case) -> None:
    case.execute(process=ME)
    run = case.compare()
    assert (run.status, run.holder, run.is_missing) == (RunStatus.RUNNING, None, True)


def test_one_whose_process_is_gone_is_lost_and_goes_on(case: Case) -> None:
    case.execute(process=GONE)
    run = case.compare()
    assert (run.status, run.holder, run.is_missing) == (RunStatus.LOST, None, True)
    assert run.spec.resume


@pytest.mark.parametrize(("age_s", "is_lost"), [(LEASE_S - 30, False), (LEASE_S + 30, True)])
def test_one_of_another_machine_is_lost_after_a_long_silence(
    case: Case, age_s: float, is_lost: bool
) -> None:
    case.execute(process=ELSEWHERE)
    be_silent(case.db, age_s)
    run = case.compare()
    assert (run.status is RunStatus.LOST, run.is_missing) == (is_lost, is_lost)
    assert run.holder == (None if is_lost else ELSEWHERE)


def test_one_that_the_dead_had_only_claimed_is_as_good_as_new(case: Case) -> None:
    case.db.claim_trial_run(case.trial_id, 1, GONE)
    run = case.compare()
    assert (run.status, run.holder, run.is_missing) == (RunStatus.PENDING, None, True)


def be_silent(db: DatabaseManager, age_s: float) -> None:
    """Have it that no process has been heard of for so long."""
    with db._writing("be_silent()") as connection:
        connection.exec_driver_sql(
            "UPDATE LEASE SET heartbeat = "
            f"strftime('%Y-%m-%d %H:%M:%f000', 'now', '-{age_s} seconds')"
        )
