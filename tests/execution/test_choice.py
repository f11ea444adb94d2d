"""What is executed of a plan, and what is set aside before, for every wish there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import ConfigError
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.rows import TrialRunRow
from experiment_manager.execution.choice import Choice, Work
from experiment_manager.execution.planned import PlannedRun
from experiment_manager.testing.configs import create_spec

UTC = timezone.utc
HOLDER = replace(ProcessIdentity.current(), host="node7")
EVERY_STATE = tuple(RunStatus)


def planned(
    status: RunStatus, trial: str = "small", run: int = 1, changed: tuple[str, ...] = ()
) -> PlannedRun:
    """A run as it stands; one that did not succeed could go on from a checkpoint."""
    spec = create_spec(Path("workspace"), trial, run)
    resumed = replace(spec, resume=not status.is_success, attempts=int(not status.is_success))
    return PlannedRun(resumed, status, changed)


def with_row(run: PlannedRun, reason: str | None, minute: int = 0) -> PlannedRun:
    """As the database has it, begun in a minute."""
    started = datetime(2026, 1, 1, 12, minute, tzinfo=UTC)
    row = TrialRunRow(
        id=1,
        trial_id=1,
        status=run.status.value,
        start_time=started,
        update_time=started,
        end_time=started,
        number=run.spec.run,
        seed=0,
        attempt=1,
        config_hash="",
        error=None,
        reason=reason,
        note=None,
    )
    return replace(run, row=row)


def held(trial: str = "small", run: int = 1) -> PlannedRun:
    return replace(planned(RunStatus.RUNNING, trial, run), holder=HOLDER)


PLAN = (
    planned(RunStatus.COMPLETED, "small", 1),
    planned(RunStatus.FAILED, "small", 2),
    planned(RunStatus.PENDING, "small", 3),
    planned(RunStatus.ABORTED, "large", 1),
    planned(RunStatus.STOPPED, "large", 2),
    planned(RunStatus.LOST, "large", 3),
    held("large", 4),
)
MISSING = ["small/2", "small/3", "large/1", "large/3"]
EDITED = (
    planned(RunStatus.COMPLETED, "small", 1, ("lr", "depth")),
    planned(RunStatus.FAILED, "small", 2),
    planned(RunStatus.COMPLETED, "large", 1),
)


def executed(work: Work) -> list[str]:
    return [f"{spec.trial}/{spec.run}" for spec in work.specs]


def set_aside(work: Work) -> dict[str, str]:
    """The reason for each run that is set aside."""
    return {f"{run.spec.trial}/{run.spec.run}": reason for run, reason in work.archived}


# By default.


def test_every_run_that_has_not_succeeded_is_executed_in_the_plans_order() -> None:
    work = Choice().select(PLAN)
    assert executed(work) == MISSING
    assert work.archived == ()


@pytest.mark.parametrize("status", EVERY_STATE)
def test_a_run_is_executed_unless_it_succeeded(status: RunStatus) -> None:
    assert bool(Choice().select([planned(status)]).specs) is not status.is_success


def test_a_run_that_another_process_is_at_is_left_to_it() -> None:
    for choice in (Choice(), Choice(restart=True), Choice(only=("small",)), Choice(retry=())):
        work = choice.select([held()])
        assert (work.specs, work.archived) == ((), ())


def test_runs_go_on_where_they_left_off() -> None:
    assert all(spec.resume for spec in Choice().select(PLAN).specs)


def test_of_an_empty_plan_nothing_is_executed() -> None:
    assert Choice().select([]) == Work(())


# retry.


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        ((), ["small/3"]),
        (("failed",), ["small/2", "small/3"]),
        (("aborted",), ["small/3", "large/1"]),
        (("lost",), ["small/3", "large/3"]),
        (("failed", "lost"), ["small/2", "small/3", "large/3"]),
        (("failed", "aborted", "lost"), MISSING),
    ],
)
def test_only_runs_that_stand_so_are_tried_again_beside_the_new_ones(
    retry: tuple[str, ...], expected: list[str]
) -> None:
    assert executed(Choice(retry=retry).select(PLAN)) == expected


@pytest.mark.parametrize(
    ("retry", "is_tried"), [("lost", True), ("failed", True), ("aborted", False)]
)
def test_a_run_that_failed_because_its_process_was_lost_is_both(
    retry: str, is_tried: bool
) -> None:
    run = with_row(planned(RunStatus.FAILED), "lost")
    assert bool(Choice(retry=(retry,)).select([run]).specs) is is_tried


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("fialed", "Did you mean 'failed'?"),
        ("completed", "Known: aborted, failed, lost."),
        ("running", "Known: aborted, failed, lost."),
    ],
)
def test_a_status_that_cannot_be_retried_is_refused(status: str, hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Choice(retry=("lost", status)).select(PLAN)
    assert raised.value.problems == (f"--retry: {status!r} cannot be retried. {hint}",)


# only.


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (("small",), ["small/2", "small/3"]),
        (("small/3",), ["small/3"]),
        (("small/3", "large/3"), ["small/3", "large/3"]),
        (("large/3", "large"), ["large/1", "large/3"]),
        (("small/1",), []),
        (("large/4",), []),
    ],
)
def test_only_what_is_named_is_executed(only: tuple[str, ...], expected: list[str]) -> None:
    assert executed(Choice(only=only).select(PLAN)) == expected


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("smal", "Did you mean 'small'?"),
        ("smal/1", "Did you mean 'small'?"),
        ("small/9", "Did you mean 'small/3' or 'small/2'?"),
        ("small/", "Did you mean 'small/3' or 'small/2'?"),
        ("xyz", "Known: large, small."),
        ("", "Known: large, small."),
    ],
)
def test_a_name_that_is_none_is_refused(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Choice(only=("small", name)).select(PLAN)
    assert raised.value.problems == (f"--only: there is no {name!r} in the plan. {hint}",)


def test_a_trial_may_have_a_slash_in_its_name() -> None:
    plan = [planned(RunStatus.PENDING, "net/small", 1), planned(RunStatus.PENDING, "net", 1)]
    assert executed(Choice(only=("net/small",)).select(plan)) == ["net/small/1"]
    assert executed(Choice(only=("net/small/1",)).select(plan)) == ["net/small/1"]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        Choice(retry=("x", "y"), only=("a", "b")).select(PLAN)
    assert len(raised.value.problems) == 4


# restart.


def test_restart_executes_all_anew_and_sets_aside_what_was_begun() -> None:
    work = Choice(restart=True).select(PLAN)
    assert executed(work) == ["small/1", "small/2", "small/3", "large/1", "large/2", "large/3"]
    begun = ["small/1", "small/2", "large/1", "large/2", "large/3"]
    assert set_aside(work) == dict.fromkeys(begun, "restarted")
    assert not any(spec.resume or spec.attempts for spec in work.specs)


def test_restart_with_others_leaves_what_these_have_finished_meanwhile() -> None:
    before, since = (with_row(planned(RunStatus.COMPLETED, run=n), None, n) for n in (1, 5))
    work = Choice(restart=True).select([before, since], datetime(2026, 1, 1, 12, 3, tzinfo=UTC))
    assert executed(work) == ["small/1"]


def test_restart_of_what_is_named_leaves_the_rest() -> None:
    work = Choice(restart=True, only=("small/1", "large/1")).select(PLAN)
    assert executed(work) == ["small/1", "large/1"]
    assert set_aside(work) == {"small/1": "restarted", "large/1": "restarted"}


def test_restart_tries_those_again_that_stand_so() -> None:
    work = Choice(restart=True, retry=("failed",)).select(PLAN)
    assert executed(work) == ["small/1", "small/2", "small/3", "large/2"]


# Results of other settings.


@pytest.mark.parametrize("choice", [Choice(), Choice(only=("small/2",)), Choice(retry=())])
def test_results_of_other_settings_are_not_mixed_with_new_ones(choice: Choice) -> None:
    with pytest.raises(ConfigError) as raised:
        choice.select(EDITED)
    (problem,) = raised.value.problems
    assert problem == (
        "trials.yaml: trial 'small' has finished runs with another 'lr', 'depth'; give the edited "
        "trial a new name, undo the edit, or set those results aside with --rerun-changed"
    )


def test_those_of_a_trial_that_is_not_chosen_are_in_nobodys_way() -> None:
    assert executed(Choice(only=("large",)).select(EDITED)) == []


def test_rerun_changed_sets_them_aside_and_executes_them_anew() -> None:
    work = Choice(rerun_changed=True).select(EDITED)
    assert executed(work) == ["small/1", "small/2"]
    assert set_aside(work) == {"small/1": "changed"}
    assert [spec.resume for spec in work.specs] == [False, True]


def test_rerun_changed_of_what_is_named_leaves_the_rest() -> None:
    work = Choice(rerun_changed=True, only=("small/1",)).select(EDITED)
    assert (executed(work), set_aside(work)) == (["small/1"], {"small/1": "changed"})


def test_restart_sets_them_aside_too_with_that_reason() -> None:
    work = Choice(restart=True).select(EDITED)
    assert executed(work) == ["small/1", "small/2", "large/1"]
    reasons = {"small/1": "changed", "small/2": "restarted", "large/1": "restarted"}
    assert set_aside(work) == reasons


@pytest.mark.parametrize("choice", [Choice(rerun_changed=True), Choice(restart=True)])
def test_a_trial_keeps_no_results_of_other_settings_beside_new_ones(choice: Choice) -> None:
    edited = [planned(RunStatus.COMPLETED, run=run, changed=("lr",)) for run in (1, 2)]
    gone = replace(planned(RunStatus.COMPLETED, run=3, changed=("lr",)), is_beyond=True)
    work = replace(choice, only=("small/1",)).select([*edited, gone])
    assert executed(work) == ["small/1"]
    assert set_aside(work) == dict.fromkeys(["small/1", "small/2", "small/3"], "changed")


def test_a_finished_run_of_other_settings_that_is_not_planned_any_more_is_in_the_way() -> None:
    gone = replace(planned(RunStatus.COMPLETED, run=3, changed=("lr",)), is_beyond=True)
    with pytest.raises(ConfigError, match="finished runs with another 'lr'"):
        Choice().select([planned(RunStatus.PENDING), gone])


def test_what_an_unfinished_run_of_other_settings_recorded_is_set_aside() -> None:
    work = Choice().select([planned(RunStatus.ABORTED, changed=("lr",))])
    assert set_aside(work) == {"small/1": "changed"}
    assert [(spec.resume, spec.attempts) for spec in work.specs] == [(False, 0)]


def test_nothing_is_set_aside_where_nothing_is_executed() -> None:
    done = planned(RunStatus.COMPLETED)
    assert Choice(rerun_changed=True).select([done]) == Work(())
