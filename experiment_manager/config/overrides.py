"""Changes of a configuration from the command line: the last word, and no quoting.

    learning_rate=0.01          a setting of every trial, which a file has or a pipeline declares
    optimizer.name=sgd          dots reach into a section
    +new.key=1                  also one that is known nowhere
    ~optimizer.momentum         takes a setting away
    trials.small.repeat=5       of one trial: repeat, or a setting of it
    env.workspace=/tmp/x        a key of env.yaml
    experiment.name=again       a key of experiment.yaml
    learning_rate=0.1,0.01      of a sweep: each trial becomes one for each value

Everything after the first ``=`` is the value, read as YAML.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_manager.common.errors import did_you_mean

ADD, REMOVE = "+", "~"
COMMAND_LINE = "command line"
OF_TRIAL = "trials."
_GROUPS = ("env", "experiment", "trials")


@dataclass(frozen=True)
class Override:
    """One change.

    Attributes:
        text: As it was given.
        key: What is changed, with dots.
        value: The new value; None where it is taken away.
        action: ``""`` to change what is there, ``"+"`` to add, ``"~"`` to take away.
    """

    text: str
    key: str
    value: Any = None
    action: str = ""


def parse_override(text: str) -> Override:
    """The change that a text asks for.

    Raises:
        ValueError: It is none, or its value is no YAML; the text says which.

    Example:
        >>> parse_override("learning_rate=1e-3").value
        0.001
    """
    action = text[:1] if text[:1] in {ADD, REMOVE} else ""
    key, equals, value = text[len(action) :].partition("=")
    key = key.strip()
    if not key or key.startswith(".") or key.endswith("."):
        raise ValueError(f"{text!r} names no key; write key=value")
    if action == REMOVE:
        if equals:
            raise ValueError(f"{text!r}: what is taken away has no value; write ~{key}")
        return Override(text, key, action=action)
    if not equals:
        raise ValueError(f"{text!r} has no value; write {action}{key}=VALUE, or ~{key}")
    is_sweep = value.count(",") > 0 and len(_listed(value)) > 1
    return Override(text, key, value if is_sweep else _value_of(text, value), action)


@dataclass(frozen=True)
class Overrides:
    """The changes of a command, by what they change; their keys are those within it.

    Attributes:
        texts: As they were given, without those of env.yaml.
        environment: Of env.yaml.
        experiment: Of experiment.yaml, but for its settings.
        trials: Of single trials; the key begins with the trial's name.
        settings: Of the settings of all trials.
        sweeps: Values by setting, of which every trial is made once for each.
        added_sweeps: Those of ``sweeps`` that need not be there already.
        known: Settings that no file need have to be changed, by their dotted names.
    """

    texts: tuple[str, ...] = ()
    environment: tuple[Override, ...] = ()
    experiment: tuple[Override, ...] = ()
    trials: tuple[Override, ...] = ()
    settings: tuple[Override, ...] = ()
    sweeps: Mapping[str, list[Any]] = field(default_factory=dict)
    added_sweeps: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()


def sort_overrides(
    texts: Sequence[str],
    problems: list[str],
    *,
    sweeps: bool,
    known: frozenset[str] = frozenset(),
) -> Overrides:
    """The changes that texts ask for.

    Args:
        texts: One change each.
        problems: Gets a sentence for each that is none.
        sweeps: True where commas part the values of a sweep.
        known: Settings that may be changed though no file has them.
    """
    groups: dict[str, list[Override]] = {group: [] for group in (*_GROUPS, "")}
    swept: dict[str, list[Any]] = {}
    added: set[str] = set()
    for text in texts:
        if text.lstrip(ADD + REMOVE).startswith(OF_TRIAL):
            groups["trials"].append(Override(text, ""))  # once the names are known
            continue
        try:
            override = parse_override(text)
            values = swept_values(override)
        except ValueError as error:
            problems.append(f"{COMMAND_LINE}: {error}")
            continue
        group, _, key = override.key.partition(".")
        if values is not None and sweeps and group in _GROUPS and key:
            problems.append(f"{COMMAND_LINE}: {text!r}: only settings can be swept")
        elif values is not None and sweeps:
            swept[override.key] = values
            if override.action == ADD:
                added.add(override.key)
        elif _is_sweep(override):
            problems.append(
                f"{COMMAND_LINE}: {text!r}: for a trial of each value add -m; a list is written "
                "in brackets"
            )
        elif group in _GROUPS and key:
            groups[group].append(replace(override, key=key))
        else:
            groups[""].append(override)
    environment, experiment, trials, settings = (tuple(group) for group in groups.values())
    # those of env.yaml have no part in the results, and may hold a password
    kept = tuple(text for text in texts if not text.lstrip(ADD + REMOVE).startswith("env."))
    return Overrides(
        kept, environment, experiment, trials, settings, swept, frozenset(added), known
    )


def assign_to_trials(
    overrides: Iterable[Override], names: Mapping[str, Sequence[str]], problems: list[str]
) -> dict[str, list[Override]]:
    """The changes of each trial by its name, whose key is then that within the trial.

    A name may have dots and signs of equality in it, so the longest one that fits is meant.

    Args:
        overrides: Of single trials, or of all those that one entry stands for.
        names: By what a change may name, the trials that it means.
        problems: Gets a sentence for each change of a trial that there is not.
    """
    by_name: dict[str, list[Override]] = {n: [] for meant in names.values() for n in meant}
    for override in overrides:
        action, rest = _split_trial(override.text)
        meant = max((n for n in names if rest.startswith(f"{n}.")), key=len, default=None)
        try:
            if meant is None:
                named = rest.partition("=")[0].rpartition(".")[0] or rest
                known = did_you_mean(named, names)
                raise ValueError(f"{override.text!r}: there is no trial {named!r}.{known}")  # noqa: TRY301 - told below
            change = parse_override(action + rest[len(meant) + 1 :])
            if _is_sweep(change):
                raise ValueError(f"{override.text!r}: a sweep is of all trials")  # noqa: TRY301 - told below
            for name in names[meant]:
                by_name[name].append(replace(change, text=override.text))
        except ValueError as error:
            problems.append(f"{COMMAND_LINE}: {error}")
    return by_name


def _split_trial(text: str) -> tuple[str, str]:
    """The action of a change of a trial, and what stands behind ``trials.``."""
    action, _, rest = text.partition(OF_TRIAL)
    return action, rest


def apply_all(
    overrides: Iterable[Override],
    content: Mapping[str, Any],
    known: Collection[str],
    problems: list[str],
) -> dict[str, Any]:
    """The content with all changes made that can be; the others become problems."""
    changed = dict(content)
    for override in overrides:
        try:
            changed = apply_override(override, changed, override.key, known)
        except ValueError as error:
            problems.append(f"{COMMAND_LINE}: {error}")
    return changed


def apply_override(
    override: Override, content: Mapping[str, Any], key: str, known: Iterable[str]
) -> dict[str, Any]:
    """The content with one change made.

    Args:
        override: The change.
        content: What is changed; is left as it is.
        key: The key within it, with dots.
        known: Keys that may be changed besides those in the content.

    Raises:
        ValueError: The key is unknown, or there already; names the nearest known one.
    """
    present = _has(content, key)
    if override.action == REMOVE:
        if not present:
            raise ValueError(_unknown(override, key, content, known))
        return _without(content, key.split("."))
    if not present and override.action != ADD and key not in known:
        raise ValueError(
            f"{_unknown(override, key, content, known)} To add a new key: +{override.text}"
        )
    return _with(content, key.split("."), override.value)


def swept_values(override: Override) -> list[Any] | None:
    """The values of a sweep, which commas outside of brackets part; None for a single one.

    Example:
        >>> swept_values(parse_override("layers=[64],[64,32]"))
        [[64], [64, 32]]
    """
    values = _listed(override.text.partition("=")[2])
    return values if len(values) > 1 else None


def _is_sweep(override: Override) -> bool:
    """True where commas part values that are not all text, which may have commas in it."""
    values = swept_values(override)
    return values is not None and not all(isinstance(value, str) for value in values)


def _listed(text: str) -> list[Any]:
    try:
        values: list[Any] = _value_of(text, f"[{text}]")
    except ValueError:
        return []
    return values


def _value_of(text: str, value: str) -> Any:
    try:
        loaded = OmegaConf.to_container(OmegaConf.create(f"value: {value}"), resolve=False)
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ValueError(f"{text!r}: the value is no YAML: {reason}") from error
    given = loaded["value"]  # type: ignore[index, call-overload]
    is_comment = given is None and value.strip().startswith("#")
    return value.strip() if is_comment else given


def _has(content: Any, key: str) -> bool:
    for part in key.split("."):
        if not isinstance(content, Mapping) or part not in content:
            return False
        content = content[part]
    return True


def _with(content: Mapping[str, Any], parts: list[str], value: Any) -> dict[str, Any]:
    """The value replaces what was there, a section too."""
    first, *rest = parts
    if not rest:
        return {**content, first: value}
    inner = content.get(first)
    return {**content, first: _with(inner if isinstance(inner, Mapping) else {}, rest, value)}


def _without(content: Mapping[str, Any], parts: list[str]) -> dict[str, Any]:
    first, *rest = parts
    if not rest:
        return {key: value for key, value in content.items() if key != first}
    return {**content, first: _without(content[first], rest)}


def _unknown(
    override: Override, key: str, content: Mapping[str, Any], known: Iterable[str]
) -> str:
    names = [*dotted(content), *known]
    return f"{override.text!r}: there is no {key!r}.{did_you_mean(key, names)}"


def dotted(content: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Every key with dots, those of sections too.

    Example:
        >>> dotted({"net": {"width": 8}, "lr": 0.1})
        ['net', 'net.width', 'lr']
    """
    names: list[str] = []
    for key, value in content.items():
        names.append(f"{prefix}{key}")
        if isinstance(value, Mapping):
            names += dotted(value, f"{prefix}{key}.")
    return names
