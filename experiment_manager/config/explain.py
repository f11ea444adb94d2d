"""Where the value of a setting comes from: the layers that set it, in order of precedence."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from experiment_manager.common.yaml_utils import APPEND, deep_merge, settled
from experiment_manager.config.files import TRIALS, settings_layers
from experiment_manager.config.nodes import compose, descend
from experiment_manager.config.overrides import ADD, COMMAND_LINE, REMOVE, dotted
from experiment_manager.config.plan import Plan, TrialPlan
from experiment_manager.config.sweep import SWEEP_KEYS

_MISSING = object()


@dataclass(frozen=True)
class Layer:
    """One place that sets a setting.

    Attributes:
        source: A file, or ``command line``; ``interpolation`` for what a reference gave,
            ``declared`` for a default or type that the pipeline declares.
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
    """The layers that set a setting of a trial, each with the value as it is merged up to there.

    The one that has the last word stands at the end; none where the trial has no such setting.
    """
    final = _look_up(trial.runs[0].settings, key) if trial.runs else _MISSING
    if final is _MISSING:
        return ()
    merged: dict[str, Any] = {}
    found: list[Layer] = []
    for file, settings in settings_layers(Path(plan.config_dir), trial):
        merged = deep_merge(merged, settings)
        value = _look_up(settled(merged), key)
        if value is _MISSING:
            found = []  # its section was replaced
        elif _look_up(settled(settings), key) is not _MISSING:
            found.append(Layer(file.name, _line_of(file, trial, key), value))
    if not found or found[-1].value != final:
        found.append(Layer(_last_source(plan, found, key), None, final))
    return tuple(found)


def _last_source(plan: Plan, found: list[Layer], key: str) -> str:
    """What had the last word, where no file did."""
    if found and "${" in str(found[-1].value):
        return "interpolation"
    changed = [text.lstrip(ADD + REMOVE).partition("=")[0] for text in plan.overrides]
    is_changed = any(
        name.endswith(f".{key}") or f"{name}.".startswith(f"{key}.") or key.startswith(f"{name}.")
        for name in changed
    )
    if is_changed:
        return COMMAND_LINE
    return "seed of run 1" if key == "seed" else "declared"


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
    node = _composed(file, file.stat().st_mtime_ns)
    if file.name == TRIALS and isinstance(node, yaml.SequenceNode):
        node = node.value[trial.entry]
    parts = key.split(".")
    appended = [*parts[:-1], f"{parts[-1]}{APPEND}"]
    for path in (["settings", *parts], parts, ["settings", *appended], appended):
        line, _ = descend(node, path)
        if line is not None:
            return line
    return next((line for form in SWEEP_KEYS if (line := descend(node, [form, key])[0])), None)


@functools.lru_cache(maxsize=8)
def _composed(file: Path, _mtime_ns: int) -> yaml.Node | None:
    """A file is looked into for each trial, and may be edited while the process lives."""
    return compose(file)
