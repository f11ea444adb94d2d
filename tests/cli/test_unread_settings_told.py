"""``run`` ends with the settings that no code read, on one line for the whole experiment."""

from __future__ import annotations

import io
from pathlib import Path
from subprocess import CompletedProcess
from typing import Protocol

from rich.console import Console

from experiment_manager.cli.summary import print_unread
from experiment_manager.common.common import RunStatus
from experiment_manager.trial import RunResult


class Describe(Protocol):
    def __call__(self, *trials: object, **settings: object) -> Path: ...


class Command(Protocol):
    def __call__(self, *arguments: str, **variables: str) -> CompletedProcess[str]: ...


def printed(*results: tuple[str, tuple[str, ...]]) -> str:
    console = Console(file=io.StringIO(), width=40)
    done = RunStatus.COMPLETED
    print_unread(
        console,
        [RunResult(trial, 1, done, None, 1.0, unread_settings=names) for trial, names in results],
    )
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_one_line_tells_the_setting_and_its_trials(describe: Describe, command: Command) -> None:
    describe({"name": "small", "repeat": 2}, {"name": "large"}, droput=0.5)
    done = command("run", "configs", "-q")
    told = [line for line in done.stdout.splitlines() if "droput" in line]
    assert told == ["No code read the setting 'droput' (trials small, large)"]
    assert (done.returncode, done.stderr) == (0, "")


def test_where_all_is_read_nothing_is_printed() -> None:
    assert printed(("small", ()), ("large", ())) == ""


def test_a_trial_is_named_once_however_many_runs_it_has() -> None:
    assert printed(("a", ("x",)), ("a", ("x",))) == "No code read the setting 'x' (trial a)\n"


def test_settings_of_the_same_trials_are_told_together() -> None:
    assert printed(("a", ("x", "y[z]")), ("b", ("x", "y[z]", "w"))) == (
        "No code read the settings 'x', 'y[z]' (trials a, b); 'w' (trial b)\n"
    )


def test_of_many_trials_the_first_are_named() -> None:
    assert printed(*((f"t{n}", ("x",)) for n in range(9))).endswith(
        "'x' (trials t0, t1, t2, t3, t4 and 4 more)\n"
    )
