"""Of several processes one makes the next attempt of a run, not each that has joined."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import RunTakenError
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.config.plan import Plan, RunSpec, TrialPlan
from experiment_manager.config.rules import Retry
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.execution.choice import Choice
from experiment_manager.execution.planned import PlannedRun, compare_plan
from experiment_manager.execution.retries import execute_all
from experiment_manager.executors.serial import SerialExecutor
from experiment_manager.testing.configs import create_spec
from experiment_manager.trial import RunResult, execute_run

ME = ProcessIdentity.current()


@pytest.fixture
def db(tmp_path: Path) -> DatabaseManager:
    return DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True)


@pytest.fixture
def trial_id(db: DatabaseManager) -> int:
    return db.create_trial(db.create_experiment("contract").id, "first").id


def compared(db: DatabaseManager, spec: RunSpec) -> RunSpec:
    """The run as it is planned."""
    plan = Plan(
        "contract",
        "",
        spec.config_dir,
        spec.workspace,
        {},
        None,
        (TrialPlan("first", {}, {}, (spec,)),),
    )
    return compare_plan(plan, db)[0].spec


@pytest.mark.parametrize(("made", "planned"), [(0, 0), (1, 1), (2, 3), (5, None)])
def test_a_run_may_be_claimed_with_no_more_attempts_than_it_was_planned_with(
    db: DatabaseManager, trial_id: int, made: int, planned: int | None
) -> None:
    for _ in range(made):
        db.start_trial_run(trial_id, 1)
    db.claim_trial_run(trial_id, 1, ME, "abc", planned)


def test_one_that_was_executed_meanwhile_may_not(db: DatabaseManager, trial_id: int) -> None:
    run = db.start_trial_run(trial_id, 1)
    db.update_trial_run_status(run.id, "failed")
    with pytest.raises(RunTakenError, match="run 1 was executed meanwhile by another process"):
        db.claim_trial_run(trial_id, 1, ME, "abc", 0)


def test_a_plan_knows_how_many_were_made(
    db: DatabaseManager, trial_id: int, tmp_path: Path
) -> None:
    spec = create_spec(tmp_path)
    assert compared(db, spec).attempts == 0
    db.claim_trial_run(trial_id, 1, ME)
    assert compared(db, spec).attempts == 0
    for number in (1, 2):
        run = db.start_trial_run(trial_id, 1)
        assert compared(db, spec).attempts == number
    db.update_trial_run_status(run.id, "completed")
    assert compared(db, spec).attempts == 0  # it is executed only where this one is set aside


def test_a_run_of_a_script_that_planned_nothing_is_executed_whatever_was_before(
    tmp_path: Path,
) -> None:
    spec = create_spec(tmp_path, pipeline="nosuch")
    assert [execute_run(spec).status for _ in range(2)] == [RunStatus.FAILED] * 2


def test_a_retry_counts_the_attempts_of_its_own(tmp_path: Path) -> None:
    seen: list[int | None] = []

    def execute(spec: RunSpec) -> RunResult:
        seen.append(spec.attempts)
        return RunResult("first", 1, RunStatus.FAILED, "", 0.0)

    spec = replace(create_spec(tmp_path), attempts=2, retry=Retry(2))
    execute_all(SerialExecutor(execute), [spec])
    assert seen == [2, 3, 4]


def test_a_choice_knows_what_others_are_at(tmp_path: Path) -> None:
    held = PlannedRun(create_spec(tmp_path), RunStatus.RUNNING, holder=ME)
    free = PlannedRun(create_spec(tmp_path, "second"), RunStatus.PENDING)
    assert Choice().select([held, free]).held == (held,)
    assert Choice(only=("second",)).select([held, free]).held == ()
