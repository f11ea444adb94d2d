"""Where the value of a setting comes from: the layers that set it, in order of precedence."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from experiment_manager.config.files import TRIALS, settings_layers
from experiment_manager.config.nodes import compose, descend
from experiment_manager.config.overrides import COMMAND_LINE, dotted
from experiment_manager.config.plan import Plan, TrialPlan

_MISSING = object()


@dataclass(frozen=True)
class Layer:
    """One place that sets a setting.

    Attributes:
        source: A file, or ``command line``, or ``interpolation`` for what a reference gave.
        line: Line in the file, from 1; None where there is none.
        value: The value that it gives.
    """

    source: str
    line: int | None
    value: Any

    def __hash__(self) -> int:
        """By what it shows: values may be lists."""
        return hash((self.source, self.line, repr(self.value)))


def layers_of(plan: Plan, trial: TrialPlan, key: str) -> tuple[Layer, ...]:
    """The layers that set a setting of a trial, the one that has the last word at the end."""
    folder = Path(plan.config_dir)
    found = []
    for file, settings in settings_layers(folder, trial):
        value = _look_up(settings, key)
        if value is not _MISSING:
            found.append(Layer(file.name, _line_of(file, trial, key), value))
    final = _look_up(trial.runs[0].settings, key) if trial.runs else _MISSING
    if final is not _MISSING and (not found or found[-1].value != final):
        is_reference = bool(found) and "${" in str(found[-1].value)
        found.append(Layer("interpolation" if is_reference else COMMAND_LINE, None, final))
    return tuple(found)


def setting_names(plan: Plan) -> list[str]:
    """Every setting of any trial, with dots."""
    names = (dotted(trial.runs[0].settings) for trial in plan.trials if trial.runs)
    return sorted({name for some in names for name in some})


def _look_up(settings: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(settings, dict) or part not in settings:
            return _MISSING
        settings = settings[part]
    return settings


def _line_of(file: Path, trial: TrialPlan, key: str) -> int | None:
    node = _composed(file)
    if file.name == TRIALS and isinstance(node, yaml.SequenceNode):
        node = node.value[trial.entry]
    parts = key.split(".")
    for path in (["settings", *parts], parts, ["grid", key], ["zip", key]):
        line, _ = descend(node, path)
        if line is not None:
            return line
    return None


@functools.lru_cache(maxsize=8)
def _composed(file: Path) -> yaml.Node | None:
    """A file is looked into for each trial."""
    return compose(file)
