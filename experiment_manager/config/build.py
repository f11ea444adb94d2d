"""From the four files to a plan: merge, change, expand into runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf.errors import OmegaConfBaseException

from experiment_manager.common.errors import describe
from experiment_manager.common.yaml_utils import (
    deep_merge,
    flatten,
    has_interpolation,
    resolve,
    settled,
    walk,
)
from experiment_manager.config import validate
from experiment_manager.config.changes import change_trials
from experiment_manager.config.files import (
    BASE,
    ENV,
    EXPERIMENT,
    RESERVED_SETTINGS,
    TRIALS,
    Entry,
    Files,
    load_files,
    settings_of,
)
from experiment_manager.config.overrides import COMMAND_LINE, Overrides, sort_overrides
from experiment_manager.config.plan import Plan, RunSpec, TrialPlan
from experiment_manager.config.references import reference_problems
from experiment_manager.config.resources import Resources, resources_problem
from experiment_manager.config.rules import Recording, Retry, retry_problem
from experiment_manager.config.secret_settings import keep_references, mask_override


def build_plan(
    config_dir: Path,
    problems: list[str],
    overrides: Sequence[str] = (),
    *,
    sweeps: bool = False,
    known: frozenset[str] = frozenset(),
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
        known: Settings that are declared: an override may change them though no file has them,
            and none of them is the slip of another.

    Returns:
        The plan, fit to run only where no problem was added; None where a file could not
        be loaded, so that nothing more can be said about its content.
    """
    changes = sort_overrides(overrides, problems, sweeps=sweeps, known=known)
    files = load_files(config_dir, changes, problems)
    plan = None if files is None else _assemble(files, changes, problems)
    problems[:] = dict.fromkeys(problems)  # what is wrong with an entry is so in each trial of it
    return plan


def _assemble(files: Files, changes: Overrides, problems: list[str]) -> Plan:
    base, own = settings_of(BASE, files.base), settings_of(EXPERIMENT, files.experiment)
    lower = deep_merge(RESERVED_SETTINGS, base)
    problems += validate.check_settings_keys(BASE, base, RESERVED_SETTINGS, changes.known)
    problems += validate.check_settings_keys(EXPERIMENT, own, lower, changes.known)
    shared = deep_merge(base, own)
    plan = Plan(
        name=str(files.experiment.get("name", "")),
        description=files.experiment.get("desc", ""),
        config_dir=str(files.config_dir),
        workspace=_workspace(files, problems),
        environment=files.environment,
        factory=files.experiment.get("factory"),
        trials=(),
        overrides=tuple(map(mask_override, changes.texts)),
        recording=Recording.of(files.experiment),
    )
    merged = [
        settled(deep_merge(shared, settings_of(TRIALS, trial.content))) for trial in files.trials
    ]
    changed = change_trials(files.trials, merged, changes, problems)
    origins = dict.fromkeys(base, BASE) | dict.fromkeys(own, EXPERIMENT)
    by_command = dict.fromkeys((c.key.partition(".")[0] for c in changes.settings), COMMAND_LINE)
    trials = [
        replace(
            _plan_trial(trial, settings, plan, problems, _rules(trial.content, files.experiment)),
            origins=origins
            | dict.fromkeys(settings_of(TRIALS, trial.content), TRIALS)
            | by_command,
        )
        for trial, settings in changed
    ]
    problems += _slips_in_trials(files, shared, changes.known)
    return replace(plan, trials=tuple(trials))


def _slips_in_trials(
    files: Files, shared: Mapping[str, Any], declared: frozenset[str]
) -> list[str]:
    """Settings of trials that nearly are ones of the files below, or of other trials."""
    below = deep_merge(RESERVED_SETTINGS, shared)
    of_entries = {t.where: settings_of(TRIALS, t.content) for t in files.trials}
    problems: list[str] = []
    for where, own in of_entries.items():
        problems += validate.check_settings_keys(where, own, below, declared)
    only_in_trials = {
        where: {key: value for key, value in own.items() if key not in below}
        for where, own in of_entries.items()
    }
    return problems + validate.check_siblings(only_in_trials, declared)


def _plan_trial(
    entry: Entry,
    settings: dict[str, Any],
    plan: Plan,
    problems: list[str],
    rules: Mapping[str, Any],
) -> TrialPlan:
    trial, where = entry.content, entry.where
    runs = []
    for number in range(1, _count(trial.get("repeat", 1)) + 1):
        spec = _plan_run(trial, where, settings, number, plan, problems)
        if spec is None:
            break  # the same sentence for every repeat would say nothing new
        verify = plan.recording.verify_determinism and number == 1
        runs.append(replace(spec, **rules, verify_determinism=verify))
    problems += validate.check_placeholders(where, settings)
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
        interpolations=_interpolations(settings),
    )


def _interpolations(settings: Mapping[str, Any]) -> dict[str, Any]:
    if not has_interpolation(settings):
        return {}
    return {key: value for key, value in flatten(settings).items() if has_interpolation([value])}


def _rules(trial: Mapping[str, Any], experiment: Mapping[str, Any]) -> dict[str, Any]:
    """How runs are executed; what is wrong in it counts as not there, and is told elsewhere."""
    retry = trial.get("retry", experiment.get("retry"))
    needs = [block.get("resources") or {} for block in (experiment, trial)]
    valid = [need for need in needs if resources_problem(need) is None]
    return {
        "retry": Retry() if retry is None or retry_problem(retry) else Retry.of(retry),
        "resources": Resources.of({key: need[key] for need in valid for key in need}),
    }


def _count(repeat: Any) -> int:
    """The number of repeats; 1 where it is wrong, which is told elsewhere."""
    return int(repeat) if validate.is_count(repeat) is None else 1


def _resolved_config(
    where: str, settings: dict[str, Any], problems: list[str]
) -> dict[str, Any] | None:
    resolved = _resolved(where, settings, _context_of(settings), problems)
    if resolved is None:
        return None
    once = keep_references(settings, resolved.get("settings", resolved))
    return {**once, "settings": once}


def _context_of(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings once more, where one of them may ask for them under that name."""
    texts = (value for _, value in walk(settings) if isinstance(value, str) and "${" in value)
    return {"settings": settings} if any("settings" in text for text in texts) else {}


def _resolved(
    where: str, data: dict[str, Any], context: dict[str, Any], problems: list[str]
) -> dict[str, Any] | None:
    """What the data and its context say; None where a reference in the data leads nowhere."""
    try:
        return resolve({**data, **context})
    except OmegaConfBaseException as error:
        found = reference_problems(data, context) or [describe(error)]
        problems += [f"{where}: {problem}" for problem in found]
        return None


def _workspace(files: Files, problems: list[str]) -> str:
    default = f"outputs/{files.experiment.get('name', '')}"
    environment = {"workspace": default, **files.environment}
    resolved = _resolved(ENV, environment, {}, problems)
    if resolved is None:
        return ""
    workspace = str(resolved["workspace"])
    try:
        return str(Path.cwd() / Path(workspace).expanduser())
    except RuntimeError as error:
        problems.append(f"{ENV}: 'workspace' {workspace!r}: {error}")
        return ""
