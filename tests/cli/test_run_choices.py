"""Which runs ``run`` executes can be chosen, and no result is lost by it."""

from __future__ import annotations

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
    assert "1 finished run is set aside before" in done.stdout
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
    assert "2 finished runs are set aside before" in done.stdout
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


def test_alike_failures_are_told_once(describe: Describe, command: Command) -> None:
    describe({"name": "small", "repeat": 2}, epochs="many")
    done = command("run", "configs")
    (line,) = [line for line in done.stdout.splitlines() if "(log: " in line]
    assert line.startswith("small run 1, small run 2: TypeError: ")
