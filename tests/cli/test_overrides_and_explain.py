"""Settings changed on the command line, and told where they come from."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_manager.cli.plan import expected_s
from experiment_manager.common.common import RunStatus
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.execution.planned import PlannedRun
from experiment_manager.testing.configs import create_spec

Command = Callable[..., subprocess.CompletedProcess[str]]
Describe = Callable[..., Path]


def test_a_run_has_the_changed_settings_and_says_so(
    describe: Describe, command: Command, tmp_path: Path
) -> None:
    describe({"name": "small"})
    done = command("run", "configs", "epochs=3", "+note=a b", "env.workspace=elsewhere")
    assert (done.returncode, done.stderr) == (0, "")
    with DatabaseManager(str(tmp_path / "elsewhere/experiments.db"), use_sqlite=True) as db:
        assert len(db.list_epochs(1)) == 3
        assert db.get_trial_run_parameters(1)["note"] == "a b"
        # what belongs to the environment may be secret
        assert db.get_provenance(1)["overrides"] == ["epochs=3", "+note=a b"]


def test_show_tells_other_programs_what_was_changed(describe: Describe, command: Command) -> None:
    describe({"name": "small"})
    command("run", "configs", "epochs=3", "env.workspace=elsewhere")
    shown = command("show", "digits/small/1", "--in", "elsewhere", "--json")
    (run,) = json.loads(shown.stdout)["runs"]
    assert run["provenance"]["overrides"] == ["epochs=3"]
    assert {"python", "packages", "command"} <= run["provenance"].keys()


def test_explain_takes_the_sweeps_of_the_command_line(
    describe: Describe, command: Command
) -> None:
    describe({"name": "small"})
    done = command("explain", "configs", "epochs", "-m", "epochs=1,2", "--json")
    stories = json.loads(done.stdout)["values"]
    assert [(story["trials"], story["value"]) for story in stories] == [
        (["small-epochs=1"], 1),
        (["small-epochs=2"], 2),
    ]
    assert {story["layers"][-1]["source"] for story in stories} == {"command line"}


def test_a_sweep_is_planned(describe: Describe, command: Command) -> None:
    describe({"name": "small"})
    done = command("plan", "configs", "-m", "epochs=1,2")
    assert "small-epochs=1" in done.stdout
    assert "small-epochs=2" in done.stdout


def test_a_slip_runs_nothing(describe: Describe, command: Command, tmp_path: Path) -> None:
    describe()
    done = command("run", "configs", "epohcs=3")
    assert done.returncode == 2
    assert "'epohcs=3': there is no 'epohcs'. Did you mean 'epochs'?" in done.stderr
    assert not (tmp_path / "work").exists()


def test_changed_settings_of_finished_runs_are_refused(
    describe: Describe, command: Command
) -> None:
    describe({"name": "small"})
    command("run", "configs")
    done = command("run", "configs", "epochs=3")
    assert done.returncode == 2
    assert "has finished runs with another 'epochs'" in done.stderr


def test_explain_tells_value_file_line_and_what_was_overridden(
    describe: Describe, command: Command
) -> None:
    describe({"name": "small", "settings": {"epochs": 5}}, {"name": "large"})
    done = command("explain", "configs", "epochs", "trials.large.epochs=7")
    assert (done.returncode, done.stderr) == (0, "")
    words = [line.split() for line in done.stdout.splitlines()]
    assert ["epochs", "5", "(small)"] in words
    assert ["base.yaml", "2", "2"] in words
    assert ["trials.yaml", "3", "5"] in words
    assert ["epochs", "7", "(large)"] in words
    assert ["command", "line", "-", "7"] in words


def test_explain_as_json_has_a_value_for_each_story(describe: Describe, command: Command) -> None:
    describe({"name": "small", "settings": {"width": 8}}, {"name": "large"}, {"name": "huge"})
    done = command("explain", "configs", "width", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    layer = {"source": "trials.yaml", "line": 3, "value": 8}
    assert json.loads(done.stdout) == {
        "key": "width",
        "values": [
            {"trials": ["small"], "value": 8, "layers": [layer]},
            {"trials": ["large", "huge"], "value": None, "layers": []},
        ],
    }


def test_explain_suggests_the_nearest_setting(describe: Describe, command: Command) -> None:
    describe()
    done = command("explain", "configs", "epoch")
    assert done.returncode == 2
    assert "No trial has a setting 'epoch'. Did you mean 'epochs'?" in done.stderr


@pytest.mark.parametrize(
    ("durations", "missing", "expected"),
    [
        ({"a": [2.0, 4.0], "b": [10.0]}, ["a", "b"], 13.0),
        ({"a": [2.0], "b": [10.0]}, ["c"], 6.0),
        ({}, ["a"], None),
        ({"a": [2.0]}, [], 0),
    ],
)
def test_the_time_of_missing_runs_is_taken_from_finished_ones(
    tmp_path: Path, durations: dict[str, list[float]], missing: list[str], expected: float | None
) -> None:
    planned = [
        PlannedRun(create_spec(tmp_path, trial, run), RunStatus.COMPLETED, duration_s=seconds)
        for trial, times in durations.items()
        for run, seconds in enumerate(times, start=1)
    ]
    planned += [PlannedRun(create_spec(tmp_path, trial, 9)) for trial in missing]
    assert expected_s(planned) == expected


def test_a_run_that_took_several_attempts_tells_no_time(
    describe: Describe, command: Command, tmp_path: Path
) -> None:
    describe({"name": "small", "retry": {"times": 1}}, breaks_in="small/0")
    command("run", "configs")
    with DatabaseManager(str(tmp_path / "work/experiments.db"), use_sqlite=True) as db:
        db.update_trial_run_status(1, RunStatus.COMPLETED)
    describe({"name": "small", "repeat": 2}, breaks_in="small/0")
    assert "1 completed, 1 new. 'run' would execute 1.\n" in command("plan", "configs").stdout
