"""The commands of the documentation do what it shows, in the order in which they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("cli", "configuration")
REST_LEFT_OUT = "..."
SHELL = f"""
set -e -o pipefail
experiment-manager() {{ {sys.executable} -W error -m experiment_manager "$@"; }}
python() {{ {sys.executable} "$@"; }}
"""

FILES = {
    "base.yaml": """
pipeline: training:Training
learning_rate: 0.1
optimizer: {name: sgd, momentum: 0.9}
""",
    "experiment.yaml": "name: my_experiment\n",
    "trials.yaml": """
- name: small
- name: mlp
  settings:
    optimizer:
      name: adam
""",
    "training.py": """
from experiment_manager import Pipeline


class Training(Pipeline):
    @Pipeline.run_wrapper
    def run(self, config):
        self.run_metrics["test_acc"] = 1 - config.learning_rate
""",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with ``my_experiment``, which the documentation speaks of."""
    folder = tmp_path / "my_experiment"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text.lstrip(), encoding="utf-8")
    return tmp_path


def shown_commands(page: str) -> list[tuple[str, str]]:
    """Each command of a page, and what is shown below it."""
    text = (DOCS / f"{page}.md").read_text("utf-8")
    blocks = re.findall(r"(?ms)^```console\n(.*?)^```", text)
    parts = [part for block in blocks for part in re.split(r"(?m)^\$ ", block) if part]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def execute(command: str, folder: Path) -> str:
    """What a command prints that exits with 0."""
    done = subprocess.run(
        ["bash", "-c", SHELL + command],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), command
    return done.stdout


def lines_of(output: str) -> list[str]:
    """The lines, without what differs from machine to machine: numbers and the room they take."""
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    return [re.sub("─+", "─", re.sub(r"\d+", "0", line)) for line in lines]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_prints_what_is_shown(page: str, workspace: Path) -> None:
    for command, shown in shown_commands(page):
        printed, expected = lines_of(execute(command, workspace)), lines_of(shown)
        if expected[-1:] == [REST_LEFT_OUT]:
            printed[len(expected) - 1 :] = [REST_LEFT_OUT]
        assert not expected or printed == expected, command


@pytest.mark.parametrize("page", PAGES)
def test_screens_are_80_columns_wide(page: str) -> None:
    for command, shown in shown_commands(page):
        assert max(map(len, shown.splitlines()), default=0) <= 80, command


def test_the_page_of_the_command_line_names_every_command() -> None:
    text = (DOCS / "cli.md").read_text("utf-8")
    listed = execute("experiment-manager --help", DOCS).partition("\nCommands:\n")[2]
    names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]
    assert [name for name in names if f"`{name} " not in text and f"`{name}`" not in text] == []
