"""What is wrong with a configuration is told at once, all together and without a traceback."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

EXPERIMENT = """\
name: digits
pipelin: training:Training
settings: {epochs: 2}
"""
TRIALS = """\
- name: small
  repeat: 0
  callbacks: [{type: early_stoping}]
- name: large
  settings: {lr: "?"}
"""
MISTAKES = [
    "experiment.yaml: unknown key 'pipelin'. Did you mean 'pipeline'?",
    "trials.yaml: trial 'small': 'repeat' must be 1 or more, not 0",
    "unknown callback type 'early_stoping'. Did you mean 'early_stopping'?",
    "trials.yaml: trial 'large': 'lr' is still '?'; give it a value",
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    """A configuration with several mistakes."""
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "experiment.yaml").write_text(EXPERIMENT, encoding="utf-8")
    (folder / "trials.yaml").write_text(TRIALS, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["run", "plan"])
def test_a_wrong_configuration_exits_with_2(command: Command, name: str) -> None:
    done = command(name, "configs")
    assert (done.returncode, done.stdout) == (2, "")


def test_all_mistakes_are_told_together_each_with_the_nearest_name(command: Command) -> None:
    errors = command("run", "configs").stderr
    assert [mistake for mistake in MISTAKES if mistake not in errors] == []
    heading, *problems = errors.splitlines()
    assert heading == f"Error: {len(problems)} problems in the configuration:"
    assert all(problem.startswith("  - ") for problem in problems)


def test_no_traceback_is_shown(command: Command) -> None:
    assert "Traceback" not in command("run", "configs").stderr


def test_the_traceback_is_shown_on_demand(command: Command) -> None:
    errors = command("run", "configs", EXPERIMENT_MANAGER_FULL_ERROR="1").stderr
    assert errors.startswith("Traceback (most recent call last)")
    assert [mistake for mistake in MISTAKES if mistake not in errors] == []


def test_nothing_is_written(command: Command, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    command("run", "configs")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_does_not_exist_is_named(command: Command) -> None:
    done = command("run", "config")
    assert done.returncode == 2
    assert "config: is not a folder; name the one with experiment.yaml" in done.stderr
    assert "Traceback" not in done.stderr
