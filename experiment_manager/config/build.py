"""From the four files to a plan: load, check, merge, expand into runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf.errors import OmegaConfBaseException

from experiment_manager.common.yaml_utils import deep_merge, resolve, settled
from experiment_manager.config import validate
from experiment_manager.config.extend import load_layers, load_mapping
from experiment_manager.config.load import load_yaml
from experiment_manager.config.overrides import (
    COMMAND_LINE,
    REMOVE,
    Overrides,
    apply_all,
    assign_to_trials,
    dotted,
    sort_overrides,
)
from experiment_manager.config.plan import Plan, RunSpec, TrialPlan
from experiment_manager.config.sweep import expand, varied_keys

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
    },
    EXPERIMENT: {**_IDENTITY_KEYS, **_SETTINGS_KEYS, "factory": validate.is_text},
    BASE: _SETTINGS_KEYS,
    TRIALS: {**_IDENTITY_KEYS, **_SETTINGS_KEYS, "repeat": validate.is_count},
}
# Settings with a meaning of their own, so that a slip in one of them is noticed.
_RESERVED_SETTINGS: dict[str, Any] = {"seed": 0, "pipeline": {}, "callbacks": []}
_RESERVED_CHECKS: dict[str, validate.Check] = {
    "seed": validate.is_integer,
    "pipeline": validate.is_typed,
    "callbacks": validate.is_typed_list,
}


@dataclass(frozen=True)
class _Entry:
    """A trial, and where it stands in trials.yaml: in words, and the place of its entry."""

    content: dict[str, Any]
    where: str
    place: int
    varied: frozenset[str]


@dataclass(frozen=True)
class _Files:
    """The four files as loaded."""

    config_dir: Path
    environment: dict[str, Any]
    base: dict[str, Any]
    experiment: dict[str, Any]
    trials: list[_Entry]


def build_plan(
    config_dir: Path, problems: list[str], overrides: Sequence[str] = (), *, sweeps: bool = False
) -> Plan | None:
    """The plan that a folder of configuration files describes.

    Precedence: base.yaml < experiment.yaml < the trial < the overrides. Nothing is written or
    imported.

    Args:
        config_dir: Folder with experiment.yaml and trials.yaml, and perhaps env.yaml and
            base.yaml.
        problems: Gets one sentence for everything that is wrong, not only the first.
        overrides: Changes as on the command line; :mod:`experiment_manager.config.overrides` says
            how they are written.
        sweeps: True where commas in an override part the values of a sweep.

    Returns:
        The plan, fit to run only where no problem was added; None where a file could not
        be loaded, so that nothing more can be said about its content.
    """
    changes = sort_overrides(overrides, problems, sweeps=sweeps)
    unreadable: list[str] = []
    environment = _load(config_dir / ENV, unreadable, required=False)
    experiment = _load(config_dir / EXPERIMENT, unreadable)
    trials = _load_trials(config_dir / TRIALS, unreadable)
    own = [key for key in _KNOWN_KEYS[EXPERIMENT] if key not in _SETTINGS_KEYS]
    files = _Files(
        config_dir.resolve(),
        environment=apply_all(
            changes.environment, settled(environment), _KNOWN_KEYS[ENV], problems
        ),
        base=_load(config_dir / BASE, unreadable, required=False),
        experiment=apply_all(changes.experiment, experiment, own, problems),
        trials=_expand(_swept(trials, changes.sweeps), problems),
    )
    unread = {problem.partition(":")[0].partition(",")[0] for problem in unreadable}
    problems += unreadable + _check_files(files, unread)
    plan = None if unreadable else _assemble(files, changes, problems)
    problems[:] = dict.fromkeys(problems)  # what is wrong with an entry is so in each trial of it
    return plan


def settings_layers(config_dir: Path, trial: TrialPlan) -> list[tuple[Path, dict[str, Any]]]:
    """The settings that each file gives a trial, the last one having the last word."""
    layers = [
        (path, _settings_of(file, content))
        for file in (BASE, EXPERIMENT)
        if (config_dir / file).exists()
        for path, content in load_layers(config_dir / file, [])
    ]
    return [*layers, (config_dir / TRIALS, _settings_of(TRIALS, trial.source))]


def _load(path: Path, unreadable: list[str], *, required: bool = True) -> dict[str, Any]:
    """The file as a mapping; empty where it may be missing or a problem was added."""
    return load_mapping(path, unreadable) if required or path.exists() else {}


def _load_trials(path: Path, unreadable: list[str]) -> list[dict[str, Any]]:
    content = load_yaml(path, unreadable)
    if isinstance(content, list) and all(isinstance(entry, dict) for entry in content):
        return content
    if content == {}:
        return []  # an empty file
    if content is not None:
        unreadable.append(f"{path.name}: must be a list of trials, each a mapping with a 'name'")
    return []


def _swept(entries: list[dict[str, Any]], sweeps: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries, each with the sweeps of the command line in its grid."""
    if not sweeps:
        return entries
    return [{**entry, "grid": {**(entry.get("grid") or {}), **sweeps}} for entry in entries]


def _expand(entries: list[dict[str, Any]], problems: list[str]) -> list[_Entry]:
    """The trials that the entries stand for; those of one entry are told as one."""
    expanded: list[_Entry] = []
    for place, entry in enumerate(entries):
        where = f"{TRIALS}: trial {entry.get('name', place + 1)!r}"
        trials, wrong = expand(entry)
        problems += [f"{where}: {problem}" for problem in wrong]
        varied = varied_keys(entry)
        expanded += [_Entry(trial, where, place, varied) for trial in trials]
    return expanded


def _check_files(files: _Files, unread: set[str]) -> list[str]:
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


def _check_trial_names(trials: list[_Entry]) -> list[str]:
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
    problems = validate.check_keys(where, block, _KNOWN_KEYS[file], closed=closed)
    settings = _settings_of(file, block)
    if "settings" in settings:
        problems.append(f"{where}: 'settings' cannot lie inside 'settings'")
    for key, check in _RESERVED_CHECKS.items():
        is_told = key in block and key in _KNOWN_KEYS[file]  # with the block's own keys
        complaint = check(settings[key]) if key in settings and not is_told else None
        if complaint:
            problems.append(f"{where}: {key!r} {complaint}")
    return problems


def _settings_of(file: str, block: Mapping[str, Any]) -> dict[str, Any]:
    """What a file or trial adds to the settings; without ``settings`` its whole content does."""
    if file == ENV:
        return {}
    own = [key for key in _KNOWN_KEYS[file] if key not in _SETTINGS_KEYS]
    settings = {key: value for key, value in block.items() if key not in own}
    inner = settings.pop("settings", None)
    settings |= inner if isinstance(inner, Mapping) else {}
    if isinstance(settings.get("pipeline"), str):
        settings["pipeline"] = {"type": settings["pipeline"]}
    return settings


def _assemble(files: _Files, changes: Overrides, problems: list[str]) -> Plan:
    base, own = _settings_of(BASE, files.base), _settings_of(EXPERIMENT, files.experiment)
    lower = deep_merge(_RESERVED_SETTINGS, base)
    problems += validate.check_settings_keys(BASE, base, _RESERVED_SETTINGS)
    problems += validate.check_settings_keys(EXPERIMENT, own, lower)
    shared = deep_merge(base, own)
    plan = Plan(
        name=str(files.experiment.get("name", "")),
        description=files.experiment.get("desc", ""),
        config_dir=str(files.config_dir),
        workspace=_workspace(files, problems),
        environment=files.environment,
        factory=files.experiment.get("factory"),
        trials=(),
        overrides=changes.texts,
    )
    merged = [
        settled(deep_merge(shared, _settings_of(TRIALS, trial.content))) for trial in files.trials
    ]
    changed = _changed_by_command(files.trials, merged, changes, problems)
    origins = dict.fromkeys(base, BASE) | dict.fromkeys(own, EXPERIMENT)
    trials = [
        replace(
            _plan_trial(trial, settings, plan, problems),
            origins=origins | dict.fromkeys(_settings_of(TRIALS, trial.content), TRIALS),
        )
        for trial, settings in changed
    ]
    below = deep_merge(_RESERVED_SETTINGS, shared)
    of_entries = {t.where: _settings_of(TRIALS, t.content) for t in files.trials}
    for where, own in of_entries.items():
        problems += validate.check_settings_keys(where, own, below)
    problems += validate.check_siblings(
        {
            where: {k: v for k, v in own.items() if k not in below}
            for where, own in of_entries.items()
        }
    )
    return replace(plan, trials=tuple(trials))


def _changed_by_command(
    trials: list[_Entry],
    merged: list[dict[str, Any]],
    changes: Overrides,
    problems: list[str],
) -> list[tuple[_Entry, dict[str, Any]]]:
    """Each trial with its settings, after the changes of the command line."""
    if not (changes.settings or changes.trials):
        return list(zip(trials, merged, strict=True))
    known = {key for settings in merged for key in dotted(settings)} | set(_RESERVED_SETTINGS)
    names = [str(trial.content.get("name")) for trial in trials]
    of_trials = assign_to_trials(changes.trials, names, problems)
    changed = []
    for name, trial, settings in zip(names, trials, merged, strict=True):
        present = set(dotted(settings))
        problems += [
            f"{COMMAND_LINE}: {c.text!r}: {trial.where} varies {c.key!r} itself"
            for c in changes.settings
            if c.key in trial.varied
        ]
        general = [c for c in changes.settings if c.action != REMOVE or c.key in present]
        own = [c for c in of_trials[name] if c.key != "repeat"]
        repeat = [c for c in of_trials[name] if c.key == "repeat"]
        content = apply_all(repeat, trial.content, ["repeat"], problems)
        if repeat and (complaint := validate.is_count(content.get("repeat", 1))):
            problems.append(f"{COMMAND_LINE}: {repeat[-1].text!r}: 'repeat' {complaint}")
        settings = apply_all([*general, *own], settings, known, problems)  # noqa: PLW2901
        changed.append((replace(trial, content=content), settings))
    gone = [c for c in changes.settings if c.action == REMOVE and c.key not in known]
    apply_all(gone, {}, known, problems)
    return changed


def _plan_trial(
    entry: _Entry, settings: dict[str, Any], plan: Plan, problems: list[str]
) -> TrialPlan:
    trial, where = entry.content, entry.where
    runs = []
    for number in range(1, _count(trial.get("repeat", 1)) + 1):
        spec = _plan_run(trial, where, settings, number, plan, problems)
        if spec is None:
            break  # the same sentence for every repeat would say nothing new
        runs.append(spec)
    for spec in runs[:1]:
        problems += validate.check_placeholders(where, spec.settings)
    return TrialPlan(str(trial.get("name", "")), trial, {}, tuple(runs), entry.place)


def _plan_run(  # noqa: PLR0917 - each is a part of what makes a run
    trial: dict[str, Any],
    where: str,
    settings: dict[str, Any],
    number: int,
    plan: Plan,
    problems: list[str],
) -> RunSpec | None:
    base_seed = settings.get("seed", 0)
    seed = (base_seed if validate.is_integer(base_seed) is None else 0) + number - 1
    config = _resolved_config(where, {**settings, "seed": seed}, problems)
    if config is None:
        return None
    pipeline = config.get("pipeline")
    return RunSpec(
        experiment=plan.name,
        trial=str(trial.get("name", "")),
        run=number,
        seed=seed,
        config=config,
        environment=plan.environment,
        workspace=plan.workspace,
        config_dir=plan.config_dir,
        pipeline=str(pipeline.get("type", "")) if isinstance(pipeline, Mapping) else "",
        factory=plan.factory,
        overrides=plan.overrides,
    )


def _count(repeat: Any) -> int:
    """The number of repeats; 1 where it is wrong, which is told elsewhere."""
    return int(repeat) if validate.is_count(repeat) is None else 1


def _resolved_config(
    where: str, settings: dict[str, Any], problems: list[str]
) -> dict[str, Any] | None:
    try:
        resolved = resolve({**settings, "settings": settings})["settings"]
    except OmegaConfBaseException as error:
        problems.append(f"{where}: {' '.join(str(error).split())}")
        return None
    return {**resolved, "settings": resolved}


def _workspace(files: _Files, problems: list[str]) -> str:
    default = f"outputs/{files.experiment.get('name', '')}"
    given = files.environment.get("workspace", default)
    try:
        workspace = str(resolve({"workspace": given})["workspace"])
    except OmegaConfBaseException as error:
        problems.append(f"{ENV}: {' '.join(str(error).split())}")
        return ""
    try:
        return str(Path.cwd() / Path(workspace).expanduser())
    except RuntimeError as error:
        problems.append(f"{ENV}: 'workspace' {workspace!r}: {error}")
        return ""
