"""``run --json`` gives the results as one JSON document, and nothing else on standard output."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]
Describe = Callable[..., Path]

NOISY = """
import os

from experiment_manager import Pipeline


class Noisy(Pipeline):
    @Pipeline.run_wrapper
    def run(self, config):
        print("printed by Python")
        os.system("echo printed by another process")
"""


def document(done: Done) -> Any:
    """What is on standard output, which has to be a single line of JSON."""
    (line,) = done.stdout.splitlines()
    return json.loads(line, parse_constant=lambda text: pytest.fail(f"no JSON: {text}"))


def test_it_has_the_results_of_each_run_and_each_trial(
    describe: Describe, command: Command
) -> None:
    describe()
    done = command("run", "configs", "--json")
    assert done.returncode == 0
    found = document(done)
    small, large = found.pop("trials")
    assert found == {
        "experiment": "digits",
        "executed": 3,
        "succeeded": True,
        "states": {"completed": 3},
        "database": "work/experiments.db",
    }
    assert (small["trial"], large["trial"]) == ("small", "large")
    assert small["metrics"]["test_acc"] == {
        "n": 2,
        "missing": 0,
        "not_finite": 0,
        "mean": 0.625,
        "sd": pytest.approx(0.1767767),
        "median": 0.625,
        "iqm": 0.625,
    }
    assert large["metrics"]["test_acc"]["sd"] == "nan"
    first, second = small["runs"]
    assert (first["run"], second["run"]) == (1, 2)
    assert (second["status"], second["seed"], second["error"]) == ("completed", 1, None)
    assert second["metrics"] == {"train_loss": 0.5, "test_acc": 0.75, "confusion": 0.8125}
    assert second["params"]["epochs"] == 2
    assert second["duration_s"] > 0


def test_a_run_is_what_ls_prints_of_it(describe: Describe, command: Command) -> None:
    describe()
    trials = document(command("run", "configs", "--json"))["trials"]
    listed = document(command("ls", "run > 0", "--json"))["runs"]
    assert [run for trial in trials for run in trial["runs"]] == listed


def test_a_second_time_nothing_is_executed(describe: Describe, command: Command) -> None:
    describe()
    first = document(command("run", "configs", "--json"))
    assert document(command("run", "configs", "--json")) == {**first, "executed": 0}


def test_a_failed_run_has_its_traceback_and_exits_with_1(
    describe: Describe, command: Command
) -> None:
    describe({"name": "small", "repeat": 2}, breaks_in="small/1")
    done = command("run", "configs", "--json")
    assert done.returncode == 1
    found = document(done)
    assert (found["succeeded"], found["states"]) == (False, {"completed": 1, "failed": 1})
    (trial,) = found["trials"]
    assert trial["metrics"]["test_acc"]["n"] == 1
    assert trial["runs"][1]["error"].startswith("Traceback (most recent call last)")


def test_the_progress_goes_to_standard_error(describe: Describe, command: Command) -> None:
    describe({"name": "small"})
    errors = command("run", "configs", "--json").stderr.splitlines()
    assert errors[0] == "digits: 1 of 1 runs to execute"
    assert errors[-1].startswith("small run 1 completed, 2 epochs in ")


def test_quiet_is_without_progress(describe: Describe, command: Command) -> None:
    describe({"name": "small"})
    done = command("run", "configs", "--json", "--quiet")
    assert done.stderr == ""
    assert document(done)["executed"] == 1


def test_what_a_training_prints_goes_to_standard_error(
    describe: Describe, command: Command
) -> None:
    folder = describe({"name": "small"}, pipeline="noisy:Noisy")
    (folder / "noisy.py").write_text(NOISY, encoding="utf-8")
    done = command("run", "configs", "--json")
    assert document(done)["succeeded"] is True
    assert "printed by Python\n" in done.stderr
    assert "printed by another process\n" in done.stderr


def test_a_wrong_configuration_prints_nothing_on_standard_output(
    describe: Describe, command: Command
) -> None:
    describe({"name": "small", "repeat": 0})
    done = command("run", "configs", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'repeat' must be 1 or more" in done.stderr


@pytest.mark.usefixtures("finished")
def test_an_edit_of_what_finished_prints_nothing_on_standard_output(
    describe: Describe, command: Command
) -> None:
    describe(epochs=3)
    done = command("run", "configs", "--json")
    assert (done.returncode, done.stdout) == (2, "")
