"""``plan DIR`` shows every run and how it stands, and writes nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]
Describe = Callable[..., Path]


def rows(output: str) -> list[list[str]]:
    """The cells of the table below its head, and the line of totals."""
    return [line.split() for line in output.splitlines() if line.strip()][2:]


def test_before_the_first_run_everything_is_new(describe: Describe, command: Command) -> None:
    describe(seed=5)
    done = command("plan", "configs")
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(done.stdout)[:-1] == [
        ["small", "1", "5", "new"],
        ["small", "2", "6", "new"],
        ["large", "1", "5", "new"],
    ]
    assert done.stdout.endswith("3 runs: 3 new. 'run' would execute 3.\n")


def test_nothing_is_written(describe: Describe, command: Command, tmp_path: Path) -> None:
    describe()
    before = sorted(tmp_path.rglob("*"))
    command("plan", "configs")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_shows_how_it_ended(describe: Describe, command: Command) -> None:
    describe({"name": "small", "repeat": 2}, breaks_in="small/1")
    command("run", "configs")
    describe({"name": "small", "repeat": 2}, {"name": "large"}, breaks_in="small/1")
    done = command("plan", "configs")
    assert [row[-1] for row in rows(done.stdout)[:-1]] == ["completed", "failed", "new"]
    assert "3 runs: 1 completed, 1 failed, 1 new. 'run' would execute 2." in done.stdout


@pytest.mark.usefixtures("finished")
def test_a_finished_run_whose_settings_were_edited_names_them(
    describe: Describe, command: Command
) -> None:
    describe({"name": "small", "repeat": 2, "settings": {"epochs": 3}}, {"name": "large"})
    small, _, large = rows(command("plan", "configs").stdout)[:-1]
    assert small[3:] == ["changed:", "epochs"]
    assert large[3:] == ["completed"]


@pytest.mark.usefixtures("finished")
def test_one_that_is_not_planned_any_more_is_named_where_it_is_in_the_way(
    describe: Describe, command: Command
) -> None:
    describe({"name": "small", "settings": {"epochs": 3}}, {"name": "large"})
    *_, gone = rows(command("plan", "configs").stdout)[:-1]
    assert " ".join(gone) == "small 2 1 changed: epochs (not planned any more)"


def test_as_json_a_run_says_what_it_would_be_executed_with(
    describe: Describe, command: Command
) -> None:
    describe({"name": "small"}, {"name": "large", "settings": {"epochs": 7}}, seed=5)
    done = command("plan", "configs", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    plan = json.loads(done.stdout)
    small, large = plan.pop("runs")
    assert plan == {
        "experiment": "digits",
        "states": {"pending": 2},
        "missing": 2,
        "expected_s": None,
        "database": "work/experiments.db",
    }
    assert small == {
        "trial": "small",
        "run": 1,
        "seed": 5,
        "status": "pending",
        "planned": True,
        "missing": True,
        "changed": [],
        "duration_s": None,
        "params": {"pipeline.type": "cli_training:Training", "epochs": 2, "seed": 5},
    }
    assert large["params"]["epochs"] == 7


@pytest.mark.usefixtures("finished")
def test_as_json_a_finished_run_says_what_was_edited(describe: Describe, command: Command) -> None:
    edited = {"name": "small", "repeat": 2, "settings": {"epochs": 3}}
    describe(edited, {"name": "large"}, {"name": "new"})
    plan = json.loads(command("plan", "configs", "--json").stdout)
    small, _, large, new = plan["runs"]
    assert (small["changed"], large["changed"]) == (["epochs"], [])
    assert (small["missing"], new["missing"]) == (False, True)
    assert plan["states"] == {"completed": 3, "pending": 1}
    assert plan["expected_s"] > 0
