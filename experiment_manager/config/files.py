"""The four files: what may stand in them, and what is wrong with each by itself."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.yaml_utils import APPEND, settled
from experiment_manager.config import validate
from experiment_manager.config.extend import load_layers, load_mapping
from experiment_manager.config.load import load_yaml
from experiment_manager.config.overrides import COMMAND_LINE, Overrides, apply_all, dotted
from experiment_manager.config.resources import resources_problem
from experiment_manager.config.rules import retry_problem, texts_problem
from experiment_manager.config.sweep import INSERTED, SWEEP_KEYS, expand, varied_keys

ENV, EXPERIMENT, BASE, TRIALS = "env.yaml", "experiment.yaml", "base.yaml", "trials.yaml"

_SETTINGS_KEYS: dict[str, validate.Check] = {
    "settings": validate.is_mapping,
    "pipeline": validate.is_typed,
    "callbacks": validate.is_typed_list,
}
_IDENTITY_KEYS: dict[str, validate.Check] = {
    "name": validate.is_name,
    "id": validate.is_integer,
    "desc": validate.is_text,
}
_KNOWN_KEYS: dict[str, dict[str, validate.Check]] = {
    ENV: {
        "workspace": validate.is_path,
        "verbose": validate.is_flag,
        "debug": validate.is_flag,
        "trackers": validate.is_typed_list,
        "database": validate.is_database,
        "executor": validate.is_typed,
        "freeze_code": validate.is_flag,
    },
    EXPERIMENT: {
        **_IDENTITY_KEYS,
        **_SETTINGS_KEYS,
        "factory": validate.is_text,
        "retry": retry_problem,
        "resources": resources_problem,
        "require_clean": validate.is_flag,
        "verify_determinism": validate.is_flag,
        "data_files": texts_problem,
        "environment_variables": texts_problem,
    },
    BASE: _SETTINGS_KEYS,
    TRIALS: {
        **_IDENTITY_KEYS,
        **_SETTINGS_KEYS,
        "repeat": validate.is_count,
        "retry": retry_problem,
        "resources": resources_problem,
    },
}
# Settings with a meaning of their own, so that a slip in one of them is noticed.
RESERVED_SETTINGS: dict[str, Any] = {"seed": 0, "pipeline": {}, "callbacks": []}
_RESERVED_CHECKS: dict[str, validate.Check] = {
    "seed": validate.is_integer,
    "pipeline": validate.is_typed,
    "callbacks": validate.is_typed_list,
}


@dataclass(frozen=True)
class Entry:
    """A trial, and where it stands in trials.yaml: in words, and its entry's place and name."""

    content: dict[str, Any]
    where: str
    place: int
    name: str
    varied: frozenset[str]


@dataclass(frozen=True)
class Files:
    """The four files as loaded."""

    config_dir: Path
    environment: dict[str, Any]
    base: dict[str, Any]
    experiment: dict[str, Any]
    trials: list[Entry]


def load_files(config_dir: Path, changes: Overrides, problems: list[str]) -> Files | None:
    """The four files, with the changes of the command line in what is no setting.

    Args:
        config_dir: Their folder.
        changes: Of the command line.
        problems: Gets a sentence for everything that is wrong in a file.

    Returns:
        The files; None where one of them could not be read.
    """
    unreadable: list[str] = []
    environment = _load(config_dir / ENV, unreadable, required=False)
    experiment = _load(config_dir / EXPERIMENT, unreadable)
    trials = _load_trials(config_dir / TRIALS, unreadable)
    base = _load(config_dir / BASE, unreadable, required=False)
    problems += _unknown_sweeps(changes, base, experiment, trials)
    own = [key for key in _KNOWN_KEYS[EXPERIMENT] if key not in _SETTINGS_KEYS]
    files = Files(
        config_dir.resolve(),
        environment=apply_all(
            changes.environment, settled(environment), _KNOWN_KEYS[ENV], problems
        ),
        base=base,
        experiment=apply_all(changes.experiment, experiment, own, problems),
        trials=_expand(_swept(trials, changes.sweeps), problems),
    )
    unread = {problem.partition(":")[0].partition(",")[0] for problem in unreadable}
    problems += unreadable + _check_files(files, unread)
    return None if unreadable else files


def shared_layers(config_dir: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The settings that each file gives all trials, the last one having the last word."""
    return [
        (path, settings_of(file, content))
        for file in (BASE, EXPERIMENT)
        if (config_dir / file).exists()
        for path, content in load_layers(config_dir / file, [])
    ]


def _load(path: Path, unreadable: list[str], *, required: bool = True) -> dict[str, Any]:
    """The file as a mapping; empty where it may be missing or a problem was added."""
    if not (required or path.exists()):
        return {}
    return load_mapping(path, unreadable, functools.partial(_with_section, path.name))


def _with_section(file: str, content: dict[str, Any]) -> dict[str, Any]:
    """The content with its settings in their section, where it stands among others."""
    if file == ENV or "settings" in content:
        return content
    own = {k: v for k, v in content.items() if str(k).removesuffix(APPEND) in _KNOWN_KEYS[file]}
    return {**own, "settings": {key: content[key] for key in content if key not in own}}


def _load_trials(path: Path, unreadable: list[str]) -> list[dict[str, Any]]:
    content = load_yaml(path, unreadable)
    if isinstance(content, list) and all(isinstance(entry, dict) for entry in content):
        return content
    if content == {}:
        return []  # an empty file
    if content is not None:
        unreadable.append(f"{path.name}: must be a list of trials, each a mapping with a 'name'")
    return []


def _unknown_sweeps(
    changes: Overrides,
    base: Mapping[str, Any],
    experiment: Mapping[str, Any],
    entries: list[dict[str, Any]],
) -> list[str]:
    """Sweeps of the command line of what no file has."""
    known = {*dotted(settings_of(BASE, base)), *dotted(settings_of(EXPERIMENT, experiment))}
    known |= set(RESERVED_SETTINGS) | changes.known
    for entry in entries:
        own = {key: value for key, value in entry.items() if key not in SWEEP_KEYS}
        known |= set(dotted(settings_of(TRIALS, own))) | (varied_keys(entry) - {INSERTED})
    return [
        f"{COMMAND_LINE}: there is no {key!r} to sweep.{did_you_mean(key, known)}"
        for key in changes.sweeps
        if key not in known and key not in changes.added_sweeps
    ]


def _swept(entries: list[dict[str, Any]], sweeps: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries, each with the sweeps of the command line in its grid and its name."""
    if not sweeps:
        return entries
    swept = []
    for entry in entries:
        name = str(entry.get("name", ""))
        unnamed = [key for key in sweeps if "${" in name and f"${{{key}}}" not in name]
        full_name = "-".join([name, *(f"{key}=${{{key}}}" for key in unnamed)])
        grid = {**(entry.get("grid") or {}), **sweeps}
        swept.append({**entry, **({"name": full_name} if unnamed else {}), "grid": grid})
    return swept


def _expand(entries: list[dict[str, Any]], problems: list[str]) -> list[Entry]:
    """The trials that the entries stand for; those of one entry are told as one."""
    expanded: list[Entry] = []
    for place, entry in enumerate(entries):
        where = f"{TRIALS}: trial {entry.get('name', place + 1)!r}"
        trials, wrong = expand(entry)
        problems += [f"{where}: {problem}" for problem in wrong]
        name, varied = str(entry.get("name")), varied_keys(entry)
        expanded += [Entry(trial, where, place, name, varied) for trial in trials]
    return expanded


def _check_files(files: Files, unread: set[str]) -> list[str]:
    """What is wrong in each file; of one that could not be read, enough was said."""
    problems = _check_block(ENV, ENV, files.environment)
    problems += validate.check_placeholders(ENV, files.environment)
    problems += _check_block(BASE, BASE, files.base)
    problems += _check_block(EXPERIMENT, EXPERIMENT, files.experiment)
    if EXPERIMENT not in unread and "name" not in files.experiment:
        problems.append(f"{EXPERIMENT}: 'name' is missing; give the experiment a name")
    for trial in files.trials:
        problems += _check_block(TRIALS, trial.where, trial.content)
        if "name" not in trial.content:
            problems.append(f"{trial.where}: 'name' is missing; give it a name")
    return problems + ([] if TRIALS in unread else _check_trial_names(files.trials))


def _check_trial_names(trials: list[Entry]) -> list[str]:
    if not trials:
        return [f"{TRIALS}: holds no trial; add one: '- name: ...'"]
    names = Counter(str(t.content["name"]) for t in trials if "name" in t.content)
    return [
        f"{TRIALS}: {count} trials are named {name!r}; give each a name of its own"
        for name, count in names.items()
        if count > 1
    ]


def _check_block(file: str, where: str, block: Mapping[str, Any]) -> list[str]:
    closed = file == ENV or "settings" in block
    block = settled(block)
    sweeps = dict.fromkeys(SWEEP_KEYS if file == TRIALS else (), validate.is_anything)
    problems = validate.check_keys(where, block, {**_KNOWN_KEYS[file], **sweeps}, closed=closed)
    settings = settings_of(file, block)
    if "settings" in settings:
        problems.append(f"{where}: 'settings' cannot lie inside 'settings'")
    told = set(block) & set(_KNOWN_KEYS[file])  # with the block's own keys
    untold = {key: value for key, value in settings.items() if key not in told}
    problems += [f"{where}: {problem}" for problem in reserved_problems(untold)]
    return problems


def settings_of(file: str, block: Mapping[str, Any]) -> dict[str, Any]:
    """What a file or trial adds to the settings; without ``settings`` its whole content does."""
    if file == ENV:
        return {}
    own = [key for key in _KNOWN_KEYS[file] if key not in _SETTINGS_KEYS]
    settings = {key: value for key, value in block.items() if key not in own}
    inner = settings.pop("settings", None)
    settings |= inner if isinstance(inner, Mapping) else {}
    return with_pipeline_type(settings)


def with_pipeline_type(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in which a pipeline that is named in short is named at length."""
    given = settings.get("pipeline")
    return {**settings, "pipeline": {"type": given}} if isinstance(given, str) else dict(settings)


def reserved_problems(settings: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings that have a meaning of their own."""
    complaints = {
        key: check(settings[key]) for key, check in _RESERVED_CHECKS.items() if key in settings
    }
    return [f"{key!r} {complaint}" for key, complaint in complaints.items() if complaint]
