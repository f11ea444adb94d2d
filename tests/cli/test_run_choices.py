"""Which runs ``run`` executes can be chosen, and no result is lost by it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]
Describe = Callable[..., Path]
Stored = Callable[[], list[tuple[Any, ...]]]

TWO = ({"name": "small", "repeat": 2}, {"name": "large"})


def test_only_a_trial(describe: Describe, command: Command, stored: Stored) -> None:
    describe(*TWO)
    done = command("run", "configs", "--only", "large")
    assert done.stdout.startswith("digits: 1 of 3 runs to execute\n")
    assert stored() == [("large", 1, "completed", 1)]


def test_only_some_runs(describe: Describe, command: Command, stored: Stored) -> None:
    describe(*TWO)
    command("run", "configs", "--only", "small/2", "--only", "large/1")
    assert sorted(stored()) == [("large", 1, "completed", 1), ("small", 2, "completed", 1)]


def test_how_it_went_is_judged_by_what_was_named(describe: Describe, command: Command) -> None:
    describe(*TWO, breaks_in="small/0")
    chosen = [["--only", "large"], ["--only", "large"], ["--only", "small/2"], ["--only", "small"]]
    assert [command("run", "configs", *only).returncode for only in chosen] == [0, 0, 0, 1]
    assert json.loads(command("run", "configs", "--json", "--only", "large").stdout)["succeeded"]
    assert command("run", "configs").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "smal"], "--only: there is no 'smal' in the plan. Did you mean 'small'"),
        (["--retry", "faild"], "--retry: 'faild' cannot be retried. Did you mean 'failed'?"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(
    describe: Describe, command: Command, arguments: list[str], complaint: str
) -> None:
    describe(*TWO)
    done = command("run", "configs", *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr


def test_what_failed_is_left_alone_where_only_new_ones_are_wanted(
    describe: Describe, command: Command, stored: Stored
) -> None:
    describe({"name": "small"}, breaks_in="small/0")
    command("run", "configs")
    describe({"name": "small", "repeat": 2}, breaks_in="small/0")
    done = command("run", "configs", "--retry", "none")
    assert done.returncode == 1  # small/1 has not succeeded
    assert stored() == [("small", 1, "failed", 1), ("small", 2, "completed", 1)]


def test_what_failed_is_executed_again_where_that_is_wanted(
    describe: Describe, command: Command, stored: Stored
) -> None:
    describe({"name": "small"}, breaks_in="small/0")
    command("run", "configs")
    command("run", "configs", "--retry", "failed,lost")
    assert stored() == [("small", 1, "failed", 2)]


def test_results_of_other_settings_are_set_aside_and_kept(
    describe: Describe, command: Command, tmp_path: Path
) -> None:
    describe({"name": "small"})
    command("run", "configs")
    describe({"name": "small"}, epochs=3)
    done = command("run", "configs", "--rerun-changed")
    assert done.returncode == 0, done.stderr
    assert "1 earlier run is set aside before" in done.stdout
    trial = tmp_path / "work" / "digits" / "trials" / "small"
    assert (trial / "archived" / "run_1.1" / "configs" / "config.yaml").exists()
    assert "epochs: 3" in (trial / "run_1" / "configs" / "config.yaml").read_text("utf-8")
    listed = command("ls", "--archived", "--json")
    assert '"reason": "changed"' in listed.stdout


def test_a_restart_sets_finished_runs_aside_too(
    describe: Describe, command: Command, tmp_path: Path
) -> None:
    describe(*TWO)
    command("run", "configs")
    done = command("run", "configs", "--restart", "--only", "small")
    assert "digits: 2 of 3 runs to execute" in done.stdout
    assert "2 earlier runs are set aside before" in done.stdout
    archived = tmp_path / "work" / "digits" / "trials" / "small" / "archived"
    assert sorted(path.name for path in archived.iterdir()) == ["run_1.1", "run_2.1"]


def test_a_failed_run_is_tried_again_as_its_rule_says(
    describe: Describe, command: Command, stored: Stored, tmp_path: Path
) -> None:
    folder = describe({"name": "small", "retry": {"times": 2}}, breaks_in="small/0")
    done = command("run", str(folder.relative_to(tmp_path)))
    assert done.returncode == 1
    assert done.stdout.count("small run 1 failed") == 3
    assert done.stdout.count("small run 1 started again, seed 0\n") == 2
    assert stored() == [("small", 1, "failed", 3)]


def test_each_attempt_is_shown_with_how_it_ended(describe: Describe, command: Command) -> None:
    describe({"name": "small", "retry": {"times": 1}}, breaks_in="small/0")
    command("run", "configs")
    page = command("show", "digits/small/1").stdout
    head, _, rest = page.partition("\n")
    assert head.startswith("small run 1 failed (ValueError) in ")
    assert head.endswith(" s of attempt 2, seed 0")
    assert re.search(
        r"^Attempt 1 failed \(ValueError\) in [\d.]+ s\nTraceback", rest, re.MULTILINE
    )
    assert rest.count("ValueError: the loss [nan] exploded") == 2


def test_alike_failures_are_told_once(describe: Describe, command: Command) -> None:
    describe({"name": "small", "repeat": 2}, epochs="many")
    done = command("run", "configs")
    (line,) = [line for line in done.stdout.splitlines() if "(log: " in line]
    assert line.startswith("small run 1, small run 2: TypeError: ")


# No trial has results of two settings.


def current(stored: Stored) -> list[tuple[str, int]]:
    """Those that were not set aside."""
    return [(trial, run) for trial, run, *_ in stored() if run > 0]


def test_a_finished_run_of_other_settings_beside_a_chosen_one_is_set_aside_with_it(
    describe: Describe, command: Command, stored: Stored
) -> None:
    describe({"name": "small", "repeat": 2})
    command("run", "configs")
    command("run", "configs", "epochs=3", "--only", "small/1", "--rerun-changed")
    assert current(stored) == [("small", 1)]
    assert command("ls", "--archived", "--json").stdout.count('"reason": "changed"') == 2


def test_so_is_one_that_is_not_planned_any_more(
    describe: Describe, command: Command, stored: Stored
) -> None:
    describe({"name": "small", "repeat": 2})
    command("run", "configs")
    describe({"name": "small"}, epochs=3)
    refused = command("run", "configs")
    assert (refused.returncode, "--rerun-changed" in refused.stderr) == (2, True)
    command("run", "configs", "--rerun-changed")
    assert current(stored) == [("small", 1)]


def test_one_that_is_not_planned_any_more_but_of_the_same_settings_stays(
    describe: Describe, command: Command, stored: Stored
) -> None:
    describe({"name": "small", "repeat": 2}, label="seed ${seed}")
    command("run", "configs")
    describe({"name": "small"}, label="seed ${seed}")
    assert command("run", "configs").returncode == 0
    assert len(stored()) == 2


def test_what_an_unfinished_run_recorded_with_other_settings_is_kept(
    describe: Describe, command: Command
) -> None:
    describe({"name": "small"}, breaks_in="small/0")
    command("run", "configs")
    describe({"name": "small"})
    assert "changed: breaks_in" in command("plan", "configs").stdout
    assert command("run", "configs").returncode == 0
    assert '"status": "failed"' in command("ls", "--archived", "--json").stdout


def test_a_run_of_other_settings_does_not_come_back_beside_new_ones(
    describe: Describe, command: Command, stored: Stored
) -> None:
    describe({"name": "small", "repeat": 2})
    command("run", "configs")
    command("run", "configs", "epochs=3", "--rerun-changed")
    command("rm", "digits/small/2", "--yes")
    done = command("restore", "digits/small/2@1")
    assert done.returncode == 1
    assert "Not restored: digits/small/2@1, because digits/small has runs with another epochs" in (
        done.stderr
    )
    assert current(stored) == [("small", 1)]
