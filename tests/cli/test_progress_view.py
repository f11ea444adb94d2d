"""The table of ``watch``: 80 columns wide, no higher than the screen, what matters first."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from rich.console import Console

from experiment_manager.cli.progress_view import progress_view
from experiment_manager.common.common import RunStatus
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.results.progress import (
    ExperimentProgress,
    Failure,
    RunningRun,
    TrialProgress,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
SOMEBODY = ProcessIdentity("kim", "node7", "", 4711, 0)
COMPLETED, RUNNING, FAILED = RunStatus.COMPLETED, RunStatus.RUNNING, RunStatus.FAILED
LOST, PENDING = RunStatus.LOST, RunStatus.PENDING


def running(number: int, epochs: int = 3, **metrics: float) -> RunningRun:
    return RunningRun(number, 60.0, epochs, 20, metrics)


def trial(
    name: str,
    states: Mapping[RunStatus, int],
    *runs: RunningRun,
    values: Sequence[float] = (),
    eta_s: float | None = None,
    **fields: Any,
) -> TrialProgress:
    given = {"planned": sum(states.values()), **fields}
    return TrialProgress(name, given["planned"], states, runs, values, eta_s)


def experiment(*trials: TrialProgress, **fields: Any) -> ExperimentProgress:
    given = {"failures": (), "processes": (SOMEBODY,), "metric": "test_acc", **fields}
    return ExperimentProgress("digits", NOW, trials, **given)


def failure(number: int, text: str = "ValueError: too low", **ago: float) -> Failure:
    return Failure("small", number, FAILED, text, NOW - timedelta(**ago))


def shown(
    progress: ExperimentProgress, *, metric: str | None = None, height: int | None = None
) -> list[str]:
    """The lines on a screen of 80 columns."""
    console = Console(file=io.StringIO(), width=80, height=height or 25, emoji=False)
    console.print(progress_view(progress, metric=metric, height=height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def row(lines: Sequence[str], name: str) -> list[str]:
    """The cells of the line that begins with a name."""
    return next(line.split() for line in lines if line.split()[:1] == [name])


# What is shown.


def test_a_whole_screen() -> None:
    lines = shown(
        experiment(
            trial("small", {COMPLETED: 3, FAILED: 1}, values=(0.75, 0.5, 0.25), eta_s=0.0),
            trial(
                "large",
                {COMPLETED: 1, RUNNING: 2, PENDING: 1},
                running(2, 7, val_loss=0.125),
                running(3, 6, val_loss=0.25),
                values=(0.875,),
                eta_s=75.0,
            ),
            trial("wide", {PENDING: 4}, eta_s=192.4),
            failures=(failure(2, seconds=12.3),),
        )
    )
    assert lines == [
        "digits: 4 of 12 runs done, ETA 3:12",
        "4 completed, 2 running, 1 failed, 5 pending",
        "",
        "                                            now        mean",
        " Trial     Done  Failed  Run  Epoch    val_loss    test_acc   ETA",
        " ────────────────────────────────────────────────────────────────",
        " small      3/4       1                                 0.5",
        " large      1/4            2   7/20       0.125       0.875  1:15",
        "                           3   6/20        0.25",
        " wide       0/4                                           -  3:12",
        "",
        "small run 2 failed 12 s ago: ValueError: too low",
        "Executed by process 4711 of kim on node7.",
    ]


def test_what_is_unknown_is_not_guessed() -> None:
    states = {COMPLETED: 1, RUNNING: 1}
    lines = shown(experiment(trial("small", states, running(2), planned=None), metric=None))
    assert lines[0] == "digits: 1 of ? runs done"
    assert row(lines, "small") == ["small", "1/?", "2", "3/20", "-"]


def test_what_nobody_executes_has_no_eta_and_says_how_it_goes_on() -> None:
    lines = shown(experiment(trial("small", {COMPLETED: 1, LOST: 1, PENDING: 1}), processes=()))
    assert not any("ETA" in line or "Epoch" in line for line in lines)
    assert lines[-1] == (
        "Nothing is being executed. 'run' executes the 2 runs that have not succeeded."
    )


def test_what_is_done_says_so() -> None:
    lines = shown(experiment(trial("small", {COMPLETED: 2}), processes=()))
    assert lines[-1] == "All runs have succeeded."


def test_runs_without_a_process_that_executes_the_experiment_are_told_apart() -> None:
    progress = experiment(trial("small", {RUNNING: 1}, running(1)), processes=())
    assert shown(progress)[-1] == "No 'run' executes it, but runs of it are running."


def test_a_lost_run_says_what_that_means() -> None:
    lost = Failure("small", 3, LOST, None, NOW - timedelta(hours=2))
    lines = shown(experiment(trial("small", {LOST: 1}), failures=(lost,)))
    assert "small run 3 lost: its process has vanished" in lines


def test_a_trial_whose_runs_diverged_has_the_mean_nan() -> None:
    lines = shown(experiment(trial("small", {COMPLETED: 1}, values=(float("nan"),), eta_s=0.0)))
    assert row(lines, "small") == ["small", "1/1", "nan"]


def test_names_are_shown_as_they_are() -> None:
    lines = shown(experiment(trial("[bold]x", {FAILED: 1}), failures=(failure(1, "[red] e"),)))
    assert row(lines, "[bold]x")[0] == "[bold]x"
    assert any(line.endswith(": [red] e") for line in lines)


# The metric.


@pytest.mark.parametrize(
    ("recorded", "asked", "heading"),
    [
        ({"test_acc": 0.5, "val_acc": 0.25}, None, "test_acc"),
        ({"train_loss": 0.5, "val_loss": 0.25}, None, "val_loss"),
        ({"train_loss": 0.5, "val_loss": 0.25}, "train_loss", "train_loss"),
        ({"b": 0.5, "a": 0.25}, None, "a"),
    ],
)
def test_of_a_running_run_the_watched_metric_is_shown_or_one_of_interest(
    recorded: Mapping[str, float], asked: str | None, heading: str
) -> None:
    progress = experiment(trial("small", {RUNNING: 1}, running(1, 3, **recorded)))
    lines = shown(progress, metric=asked)
    headings = next(line.split() for line in lines if "Trial" in line)
    assert headings[5] == heading
    assert row(lines, "small")[4] == str(recorded[heading])


def test_a_metric_that_nobody_records_is_told_with_what_may_be_meant() -> None:
    small = trial("small", {COMPLETED: 1})
    progress = experiment(small, metric="val_los", metric_names=frozenset({"val_loss"}))
    lines = shown(progress, metric="val_los")
    assert "No run has recorded 'val_los'. Did you mean 'val_loss'?" in lines


# The screen.


def test_no_line_is_wider_than_the_screen() -> None:
    long_name = "a_trial_with_a_name_that_is_longer_than_any_table_has_room_for"
    metric = "a_metric_with_a_name_that_is_long"
    now = running(100, 1_000, **{metric: -1.234e-10})
    states = {COMPLETED: 100, RUNNING: 1, FAILED: 999}
    one = trial(long_name, states, now, values=(-1.234e-10,), eta_s=1e5)
    lines = shown(
        experiment(one, metric=metric, failures=(failure(7, f"ValueError: {'x' * 99}", days=9),)),
        metric=metric,
    )
    assert max(map(len, lines)) <= 80
    cells = ["999", "100", "1000/20", "-1.234e-10", "-1.234e-10", "1", "d", "3", "h"]
    assert any(line.split()[2:] == cells for line in lines)
    assert any(line.startswith(" a_tri") for line in lines)


def many() -> list[TrialProgress]:
    """Two hundred trials: one is running, one has a failure, the others are done or to come."""
    done = [trial(f"done_{n}", {COMPLETED: 5}, eta_s=0.0) for n in range(99)]
    to_come = [trial(f"new_{n}", {PENDING: 5}) for n in range(99)]
    busy = trial("busy", {COMPLETED: 4, RUNNING: 1}, running(5))
    return [*done, *to_come, busy, trial("broken", {COMPLETED: 4, FAILED: 1})]


def test_without_room_for_all_those_come_first_that_run_or_have_failures() -> None:
    lines = shown(experiment(*many()), height=24)
    first = next(at for at, line in enumerate(lines) if "───" in line) + 1
    names = [line.split()[0] for line in lines[first : first + 4]]
    assert names == ["busy", "broken", "new_0", "new_1"]
    assert "188 more trials: 495 completed, 445 pending" in lines


@pytest.mark.parametrize("height", [16, 24, 50])
def test_it_is_no_higher_than_the_screen(height: int) -> None:
    failures = tuple(failure(number, hours=number) for number in range(1, 21))
    crowd = trial("crowd", {RUNNING: 90}, *(running(number) for number in range(1, 91)))
    progress = experiment(crowd, *many(), failures=failures)
    assert len(shown(progress, metric="unheard_of", height=height)) < height


def test_of_many_running_runs_the_first_are_shown_and_the_others_counted() -> None:
    crowd = trial("crowd", {RUNNING: 90}, *(running(number) for number in range(1, 91)))
    lines = shown(experiment(crowd, *many()), height=24)
    assert row(lines, "crowd")[2:4] == ["1", "3/20"]
    shown_runs = sum("3/20" in line for line in lines) - 1  # that of busy
    assert any(line.strip() == f"+{90 - shown_runs}" for line in lines)


def test_a_screen_shows_the_last_failures_and_counts_the_others() -> None:
    failures = tuple(failure(number, minutes=number) for number in range(1, 21))
    lines = shown(experiment(trial("small", {FAILED: 30}), failures=failures), height=24)
    told = [line for line in lines if " failed " in line and " ago: " in line]
    assert told[0] == "small run 1 failed 1:00 ago: ValueError: too low"
    assert len(told) == 4
    assert "26 earlier failures" in lines
