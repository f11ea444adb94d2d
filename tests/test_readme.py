"""Every block of the README does what the README says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", README.read_text("utf-8"))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with the experiment that the README's blocks describe."""
    folder = tmp_path / "my_experiment"
    folder.mkdir()
    (folder / "trials.yaml").write_text(blocks("yaml")[0], "utf-8")
    (folder / "my_module.py").write_text(blocks("python")[0], "utf-8")
    (folder / "experiment.yaml").write_text(
        "name: digits\npipeline: my_module:Training\nsettings: {epochs: 2}\n", "utf-8"
    )
    return tmp_path


def execute(command: str, folder: Path) -> str:
    """What a command of the README prints; its program is the one of this interpreter."""
    arguments = shlex.split(command, comments=True)
    assert arguments[0] == "experiment-manager"
    done = subprocess.run(
        [sys.executable, "-m", "experiment_manager", *arguments[1:]],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_commands_plan_run_and_show_the_training_of_the_blocks(workspace: Path) -> None:
    plan, run, show = [
        line for line in "".join(blocks("bash")).splitlines() if "my_exp" in line or "show" in line
    ]
    assert "'run' would execute 6." in execute(plan, workspace)
    assert "large_network run 3 completed" in execute(run, workspace)
    shown = execute(show, workspace)
    assert shown.count("0.97") == 3
    assert "nothing to do" in execute(run, workspace)


def test_the_line_of_python_runs_the_experiment(workspace: Path) -> None:
    (line,) = re.findall(r"`(Experiment\.create\(.*?)`", README.read_text("utf-8"))
    script = f"from experiment_manager import Experiment\nassert {line}.is_success\n"
    subprocess.run([sys.executable, "-c", script], cwd=workspace, check=True)


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text("utf-8")):
        assert (README.parent / target).exists(), target


def test_the_screen_is_of_the_example() -> None:
    (screen,) = [text for text in blocks("text") if "small_network" in text]
    assert "6 of 6 runs to execute" in screen
    assert screen.count(" epochs in ") == 6
