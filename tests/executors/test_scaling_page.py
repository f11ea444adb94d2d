"""The example of docs/scaling.md is executed as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from experiment_manager.experiment import Experiment

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
FILES = re.findall(r"(?ms)^```(?:yaml|python)\n# (\S+)\n(.*?)^```", PAGE.read_text("utf-8"))


def test_the_experiment_is_executed_by_two_processes(tmp_path: Path) -> None:
    for name, content in reversed(FILES):  # the first env.yaml has the last word
        (tmp_path / name).write_text(content, encoding="utf-8")
    command = [sys.executable, "-m", "experiment_manager", "run", "-q", "-j", "2", "."]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    experiment = Experiment.create(tmp_path, overrides=[f"env.workspace={tmp_path}/outputs"])
    assert experiment.executor["type"] == "local"
    assert [run.status.value for run in experiment.status()] == ["completed"] * 6
