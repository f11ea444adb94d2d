"""Where the value of a setting comes from: the layers that set it, in order of precedence."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from experiment_manager.common.yaml_utils import APPEND, deep_merge, settled
from experiment_manager.config.files import TRIALS, settings_of, shared_layers
from experiment_manager.config.nodes import compose, descend
from experiment_manager.config.overrides import (
    ADD,
    COMMAND_LINE,
    REMOVE,
    dotted,
    parse_override,
    swept_values,
)
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


def stories_of(plan: Plan, key: str) -> dict[tuple[Layer, ...], list[str]]:
    """The layers that set a setting, with the names of the trials in which they do.

    Each layer has the value as it is merged up to there, and the one that has the last word
    stands at the end; there are none where a trial has no such setting.
    """
    shared = shared_layers(Path(plan.config_dir))
    stories: dict[tuple[Layer, ...], list[str]] = {}
    for trial in plan.trials:
        own = (Path(plan.config_dir) / TRIALS, settings_of(TRIALS, trial.source))
        stories.setdefault(_layers_of(plan, trial, key, [*shared, own]), []).append(trial.name)
    return stories


def _layers_of(
    plan: Plan, trial: TrialPlan, key: str, layers: Sequence[tuple[Path, dict[str, Any]]]
) -> tuple[Layer, ...]:
    final = _look_up(trial.runs[0].settings, key) if trial.runs else _MISSING
    if final is _MISSING:
        return ()
    merged: dict[str, Any] = {}
    found: list[Layer] = []
    for file, settings in layers:
        merged = deep_merge(merged, settings)
        value = _look_up(settled(merged), key)
        if value is _MISSING:
            found = []  # its section was replaced
        elif _look_up(settled(settings), key) is not _MISSING:
            is_swept = file.name == TRIALS and _is_swept(plan, key, value)
            place = (COMMAND_LINE, None) if is_swept else (file.name, _line_of(file, trial, key))
            found.append(Layer(*place, value))
    if not found or not _is_equal(found[-1].value, final):
        found.append(Layer(_last_source(plan, found, key), None, final))
    return tuple(found)


def _is_swept(plan: Plan, key: str, value: Any) -> bool:
    """True where a sweep of the command line gave the value."""
    changes = [parse_override(text) for text in plan.overrides if text.startswith((key, ADD))]
    return any(c.key == key and value in (swept_values(c) or ()) for c in changes)


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
        inner = settings if isinstance(settings, dict) else {}
        settings = next((value for name, value in inner.items() if str(name) == part), _MISSING)
    return settings


def _is_equal(value: Any, other: Any) -> bool:
    return bool(value == other or repr(value) == repr(other))  # NaN is NaN


def _line_of(file: Path, trial: TrialPlan, key: str) -> int | None:
    node = _composed(file, file.stat().st_mtime_ns)
    if file.name == TRIALS and isinstance(node, yaml.SequenceNode):
        node = node.value[trial.entry]
    parts = key.split(".")
    appended = [*parts[:-1], f"{parts[-1]}{APPEND}"]
    sections = [parts[:size] for size in range(len(parts) - 1, 0, -1)]
    paths = [parts, appended, *([form, key] for form in SWEEP_KEYS), *sections]
    paths += [["list"], ["multiply"]] if file.name == TRIALS else []
    both = (whole for path in paths for whole in (["settings", *path], path))
    return next((line for path in both if (line := descend(node, path)[0])), None)


@functools.lru_cache(maxsize=8)
def _composed(file: Path, _mtime_ns: int) -> yaml.Node | None:
    """A file is looked into for each trial, and may be edited while the process lives."""
    return compose(file)
