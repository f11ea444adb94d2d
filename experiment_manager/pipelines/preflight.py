"""What a plan names by type, looked up before anything runs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiment_manager.common.errors import ExperimentManagerError, describe
from experiment_manager.common.imports import import_object, make_importable
from experiment_manager.config.plan import Plan, TrialPlan
from experiment_manager.pipelines.callbacks.callback_factory import CallbackFactory
from experiment_manager.pipelines.declared import complete_settings, declared_names
from experiment_manager.pipelines.pipeline_factory import PipelineFactory
from experiment_manager.trackers.tracker_factory import TrackerFactory


def check_types(plan: Plan, *, custom_factory: bool) -> list[str]:
    """What is wrong with the pipelines, callbacks and trackers that a plan names.

    Imports the modules that the plan names.

    Args:
        plan: What would run.
        custom_factory: True where code was handed in that makes the pipelines, so that their
            names are its own business.
    """
    make_importable(str(Path.cwd()), plan.config_dir)
    problems: list[str] = []
    if plan.factory and not custom_factory:
        problems += _complaints(
            "experiment.yaml: 'factory'", lambda: import_object(str(plan.factory))
        )
    custom_factory = custom_factory or plan.factory is not None
    find = None if custom_factory else functools.cache(PipelineFactory.find)
    for trial in plan.trials:
        problems += _check_trial(trial, find)
    problems += _check_trackers(plan.environment)
    return list(dict.fromkeys(problems))  # what base.yaml got wrong once is told once


def _check_trackers(environment: Mapping[str, Any]) -> Iterator[str]:
    for index, entry in enumerate(_typed_entries(environment.get("trackers"))):
        for problem in TrackerFactory.check(entry):
            yield f"env.yaml: 'trackers[{index}]': {problem}"


def _check_trial(trial: TrialPlan, find: Callable[[str], object] | None) -> Iterator[str]:
    for spec in trial.runs[:1]:  # repeats differ in their seed alone
        if find is not None:  # first: the pipeline's module may register callbacks
            yield from _complaints(
                f"{_where(trial, 'pipeline')}: 'pipeline'", functools.partial(find, spec.pipeline)
            )
        for index, entry in enumerate(_typed_entries(spec.settings.get("callbacks"))):
            for problem in CallbackFactory.check(entry):
                yield f"{_where(trial, 'callbacks')}: 'callbacks[{index}]': {problem}"


def declared_settings(plan: Plan) -> frozenset[str]:
    """The dotted names of all settings that the pipelines of a plan declare.

    Imports the modules that the plan names; one that cannot be imported declares nothing.
    """
    make_importable(str(Path.cwd()), plan.config_dir)
    declared = map(_declared_type, {spec.pipeline for spec in plan.runs})
    return frozenset(name for one in declared if one is not None for name in declared_names(one))


def complete_plan(plan: Plan, problems: list[str]) -> Plan:
    """The plan with what its pipelines declare of their settings: defaults, types, checks.

    Args:
        plan: Its pipelines have been imported.
        problems: Gets a sentence for each setting that is not as declared.
    """
    find = functools.cache(_declared_type)
    trials = [
        _complete_trial(trial, find(trial.runs[0].pipeline), problems) if trial.runs else trial
        for trial in plan.trials
    ]
    problems[:] = dict.fromkeys(problems)
    return replace(plan, trials=tuple(trials))


def _complete_trial(trial: TrialPlan, declared: type | None, problems: list[str]) -> TrialPlan:
    if declared is None:
        return trial
    runs = []
    for spec in trial.runs:
        settings, wrong = complete_settings(declared, spec.settings)
        problems += [f"{_where_wrong(trial, problem)}: {problem}" for problem in wrong]
        runs.append(replace(spec, config={**settings, "settings": settings}))
    return replace(trial, runs=tuple(runs))


def _declared_type(pipeline: str) -> type | None:
    """What a pipeline declares; None where code that was handed in chooses it."""
    try:
        return PipelineFactory.find(pipeline).settings_type
    except Exception:  # noqa: BLE001 - told before, or a name that only a factory knows
        return None


def _where_wrong(trial: TrialPlan, problem: str) -> str:
    """The file that had the last word on the setting that a problem quotes first."""
    key = problem.partition("'")[2].partition("'")[0].partition(".")[0]
    return _where(trial, key) if key in trial.origins else f"trials.yaml: trial {trial.name!r}"


def _complaints(where: str, look_up: Callable[[], object]) -> list[str]:
    try:
        look_up()
    except ExperimentManagerError as error:
        return [f"{where}: {error}"]
    except Exception as error:  # noqa: BLE001 - the user's module may raise anything
        return [f"{where}: importing it raised {describe(error)}"]
    return []


def _typed_entries(entries: Any) -> list[Mapping[str, Any]]:
    """The well-formed entries of a list; the others have been reported already."""
    if not isinstance(entries, list):
        return []
    return [e for e in entries if isinstance(e, Mapping) and isinstance(e.get("type"), str)]


def _where(trial: TrialPlan, key: str) -> str:
    file = trial.origins.get(key, "experiment.yaml")
    return f"{file}: trial {trial.name!r}" if file == "trials.yaml" else file
