"""The changes of a command, made in the trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from experiment_manager.config import validate
from experiment_manager.config.files import (
    RESERVED_SETTINGS,
    Entry,
    reserved_problems,
    with_pipeline_type,
)
from experiment_manager.config.overrides import (
    COMMAND_LINE,
    REMOVE,
    Override,
    Overrides,
    apply_all,
    assign_to_trials,
    dotted,
)

REPEAT = "repeat"
ELSEWHERE = {  # by keys that are no settings, how they are changed
    **dict.fromkeys(("name", "desc", "retry"), "experiment."),
    **dict.fromkeys(("workspace", "verbose", "debug", "database", "trackers"), "env."),
    REPEAT: "trials.NAME.",
}


def change_trials(
    trials: list[Entry],
    merged: list[dict[str, Any]],
    changes: Overrides,
    problems: list[str],
) -> list[tuple[Entry, dict[str, Any]]]:
    """Each trial with its settings, after the changes of the command line."""
    if not (changes.settings or changes.trials):
        return list(zip(trials, merged, strict=True))
    present = {key for settings in merged for key in dotted(settings)} | set(RESERVED_SETTINGS)
    known = present | changes.known
    changes = _without_strays(changes, known, problems)
    names = [str(trial.content.get("name")) for trial in trials]
    of_trials = assign_to_trials(changes.trials, _trials_by_name(trials, names), problems)
    missing = [c for c in changes.settings if c.action == REMOVE and c.key not in present]
    apply_all(missing, {}, present, problems)
    changed = []
    for name, trial, settings in zip(names, trials, merged, strict=True):
        own = [c for c in of_trials[name] if c.key != REPEAT]
        problems += _problems_of_sweep(trial, [*changes.settings, *own])
        wanted = [*_that_fit(changes.settings, settings), *own]
        repeated = _repeat(trial, [c for c in of_trials[name] if c.key == REPEAT], problems)
        made = with_pipeline_type(apply_all(wanted, settings, known, problems))
        problems += [f"{COMMAND_LINE}: {problem}" for problem in reserved_problems(made)]
        changed.append((repeated, made))
    return changed


def _without_strays(changes: Overrides, known: set[str], problems: list[str]) -> Overrides:
    """The changes without those of what is no setting but has a place of its own."""
    stray = [c for c in changes.settings if not c.action and c.key in {*ELSEWHERE} - known]
    problems += [
        f"{COMMAND_LINE}: {c.text!r}: {c.key!r} is no setting; write {ELSEWHERE[c.key]}{c.text}"
        for c in stray
    ]
    return replace(changes, settings=tuple(c for c in changes.settings if c not in stray))


def _trials_by_name(trials: Sequence[Entry], names: Sequence[str]) -> dict[str, list[str]]:
    """The trials that are meant by the name of each, and by that of an entry for many."""
    meant: dict[str, list[str]] = {}
    for trial, name in zip(trials, names, strict=True):
        meant.setdefault(trial.name, []).append(name)
    return meant | {name: [name] for name in names}


def _problems_of_sweep(trial: Entry, changes: Sequence[Override]) -> list[str]:
    """The trial's name would lie if what it was made of were changed."""
    return [
        f"{COMMAND_LINE}: {change.text!r}: {trial.where} varies {change.key!r} itself"
        for change in changes
        if change.key in trial.varied
    ]


def _that_fit(changes: Sequence[Override], settings: Mapping[str, Any]) -> list[Override]:
    """Without those that take away what this trial does not have."""
    present = set(dotted(settings))
    return [c for c in changes if c.action != REMOVE or c.key in present]


def _repeat(trial: Entry, changes: list[Override], problems: list[str]) -> Entry:
    content = apply_all(changes, trial.content, [REPEAT], problems)
    if changes and (complaint := validate.is_count(content.get(REPEAT, 1))):
        problems.append(f"{COMMAND_LINE}: {changes[-1].text!r}: {REPEAT!r} {complaint}")
    return replace(trial, content=content)
