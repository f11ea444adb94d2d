"""From the four files to a plan: load, check, merge, expand into runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf.errors import OmegaConfBaseException

from experiment_manager.common.yaml_utils import deep_merge, resolve
from experiment_manager.config import validate
from experiment_manager.config.load import load_yaml
from experiment_manager.config.plan import Plan, RunSpec, TrialPlan

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
class _Files:
    """The four files as loaded."""

    config_dir: Path
    environment: dict[str, Any]
    base: dict[str, Any]
    experiment: dict[str, Any]
    trials: list[dict[str, Any]]


def build_plan(config_dir: Path, problems: list[str]) -> Plan | None:
    """The plan that a folder of configuration files describes.

    Precedence: base.yaml < experiment.yaml < the trial. Nothing is written or imported.

    Args:
        config_dir: Folder with experiment.yaml and trials.yaml, and perhaps env.yaml and
            base.yaml.
        problems: Gets one sentence for everything that is wrong, not only the first.

    Returns:
        The plan, fit to run only where no problem was added; None where a file could not
        be loaded, so that nothing more can be said about its content.
    """
    unreadable: list[str] = []
    files = _Files(
        config_dir.resolve(),
        environment=_load(config_dir / ENV, unreadable, required=False),
        base=_load(config_dir / BASE, unreadable, required=False),
        experiment=_load(config_dir / EXPERIMENT, unreadable),
        trials=_load_trials(config_dir / TRIALS, unreadable),
    )
    unread = {problem.partition(":")[0].partition(",")[0] for problem in unreadable}
    problems += unreadable + _check_files(files, unread)
    return None if unreadable else _assemble(files, problems)


def _load(path: Path, unreadable: list[str], *, required: bool = True) -> dict[str, Any]:
    """The file as a mapping; empty where it may be missing or a problem was added."""
    if not required and not path.exists():
        return {}
    content = load_yaml(path, unreadable)
    if isinstance(content, dict):
        return content
    if content is not None:
        unreadable.append(f"{path.name}: must be a mapping of keys to values")
    return {}


def _load_trials(path: Path, unreadable: list[str]) -> list[dict[str, Any]]:
    content = load_yaml(path, unreadable)
    if isinstance(content, list) and all(isinstance(entry, dict) for entry in content):
        return content
    if content == {}:
        return []  # an empty file
    if content is not None:
        unreadable.append(f"{path.name}: must be a list of trials, each a mapping with a 'name'")
    return []


def _check_files(files: _Files, unread: set[str]) -> list[str]:
    """What is wrong in each file; of one that could not be read, enough was said."""
    problems = _check_block(ENV, ENV, files.environment)
    problems += validate.check_placeholders(ENV, files.environment)
    problems += _check_block(BASE, BASE, files.base)
    problems += _check_block(EXPERIMENT, EXPERIMENT, files.experiment)
    if EXPERIMENT not in unread and "name" not in files.experiment:
        problems.append(f"{EXPERIMENT}: 'name' is missing; give the experiment a name")
    for number, trial in enumerate(files.trials, start=1):
        problems += _check_block(TRIALS, _trial_label(trial, number), trial)
        if "name" not in trial:
            problems.append(f"{_trial_label(trial, number)}: 'name' is missing; give it a name")
    return problems + ([] if TRIALS in unread else _check_trial_names(files.trials))


def _check_trial_names(trials: list[dict[str, Any]]) -> list[str]:
    if not trials:
        return [f"{TRIALS}: holds no trial; add one: '- name: ...'"]
    names = Counter(str(trial["name"]) for trial in trials if "name" in trial)
    return [
        f"{TRIALS}: {count} trials are named {name!r}; give each a name of its own"
        for name, count in names.items()
        if count > 1
    ]


def _check_block(file: str, where: str, block: Mapping[str, Any]) -> list[str]:
    closed = file == ENV or "settings" in block
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


def _assemble(files: _Files, problems: list[str]) -> Plan:
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
    )
    origins = dict.fromkeys(base, BASE) | dict.fromkeys(own, EXPERIMENT)
    trials = [
        replace(
            _plan_trial(trial, _trial_label(trial, number), shared, plan, problems),
            origins=origins | dict.fromkeys(_settings_of(TRIALS, trial), TRIALS),
        )
        for number, trial in enumerate(files.trials, start=1)
    ]
    return replace(plan, trials=tuple(trials))


def _plan_trial(
    trial: dict[str, Any], where: str, shared: dict[str, Any], plan: Plan, problems: list[str]
) -> TrialPlan:
    own = _settings_of(TRIALS, trial)
    problems += validate.check_settings_keys(where, own, deep_merge(_RESERVED_SETTINGS, shared))
    settings = deep_merge(shared, own)
    runs = []
    for number in range(1, _count(trial.get("repeat", 1)) + 1):
        spec = _plan_run(trial, where, settings, number, plan, problems)
        if spec is None:
            break  # the same sentence for every repeat would say nothing new
        runs.append(spec)
    for spec in runs[:1]:
        problems += validate.check_placeholders(where, spec.settings)
    return TrialPlan(str(trial.get("name", "")), trial, {}, tuple(runs))


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


def _trial_label(trial: Mapping[str, Any], number: int) -> str:
    return f"{TRIALS}: trial {trial.get('name', number)!r}"
