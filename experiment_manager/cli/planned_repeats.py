"""How many runs the trials of an experiment shall have, which its database does not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from experiment_manager.config.paths import WorkspacePaths


class PlannedRepeats:
    """What ``run`` has written into the folder of each trial before the first run.

    A file that was replaced meanwhile is read again.

    Args:
        workspace: The folder that has the experiment's folder; None where it is not here.
        experiment: Name of the experiment.
    """

    def __init__(self, workspace: Path | None, experiment: str) -> None:
        self._paths = None if workspace is None else WorkspacePaths(workspace)
        self._experiment = experiment
        self._read: dict[str, tuple[int, int | None]] = {}

    def __call__(self, trial: str) -> int | None:
        """The number of runs; None where the folder does not tell."""
        if self._paths is None:
            return None
        file = self._paths.trial(self._experiment, trial).configs / "trial.yaml"
        try:
            written = file.stat().st_mtime_ns
            if self._read.get(trial, (0, None))[0] != written:
                self._read[trial] = (written, _repeat_in(file.read_text(encoding="utf-8")))
        except OSError:
            return None
        return self._read[trial][1]


def _repeat_in(text: str) -> int | None:
    try:
        content: Any = yaml.load(text, _Loader)  # noqa: S506 - a safe one
    except yaml.YAMLError:
        return None
    repeat = content.get("repeat", 1) if isinstance(content, dict) else None
    return repeat if isinstance(repeat, int) else None


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
