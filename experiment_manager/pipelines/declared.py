"""Settings that a pipeline declares: unknown, missing and wrong ones are found before run 1."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, get_args

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.yaml_utils import deep_merge
from experiment_manager.config.files import RESERVED_SETTINGS
from experiment_manager.config.overrides import dotted


def complete_settings(
    declared: type, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The settings with the declared defaults and types, and what is wrong with them.

    Args:
        declared: A dataclass (one that OmegaConf takes as a structured configuration) or a
            pydantic model.
        settings: The merged settings of a run.

    Example:
        >>> @dataclasses.dataclass
        ... class Settings:
        ...     epochs: int
        ...     lr: float = 0.1
        >>> complete_settings(Settings, {"epochs": "5", "seed": 0})
        ({'epochs': 5, 'lr': 0.1, 'seed': 0}, [])
        >>> complete_settings(Settings, {"epoch": 5})[1]
        ["unknown setting 'epoch'. Did you mean 'epochs'?", "'epochs' is missing"]
    """
    is_dataclass = dataclasses.is_dataclass(declared)
    names = _names_of_dataclass(declared) if is_dataclass else _names_of_model(declared)
    own = {k: v for k, v in settings.items() if k in (names or {}) or k not in RESERVED_SETTINGS}
    reserved = {key: value for key, value in settings.items() if key in RESERVED_SETTINGS}
    check = _check_dataclass if is_dataclass else _check_model
    completed, problems = check(declared, names, own)
    return {**completed, **reserved}, problems


def declared_names(declared: type) -> list[str]:
    """The dotted names of the settings in a declaration, those of sections too.

    Example:
        >>> @dataclasses.dataclass
        ... class Settings:
        ...     epochs: int
        ...     optimizer: dict = dataclasses.field(default_factory=lambda: {"lr": 0.1})
        >>> declared_names(Settings)
        ['epochs', 'optimizer', 'optimizer.lr']
    """
    if dataclasses.is_dataclass(declared):
        return dotted(_names_of_dataclass(declared))
    return dotted(_fields_of_model(declared))


def _check_dataclass(
    declared: type, names: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    defaults, missing = _merged(declared, None, _Value(None))[:2]
    completed, problems = copy.deepcopy(defaults), _unknown(settings, names)
    given = _known_part(settings, names)
    lacking = {key for key in missing if key.partition(".")[0] not in given}
    for key, value in given.items():
        made, left, problem = _merged(declared, key, _Value(value))
        completed[key] = copy.deepcopy(made.get(key))
        problems += [problem] if problem else []
        lacking |= {one for one in left if one.partition(".")[0] == key} if not problem else set()
    return completed, problems + [f"{key!r} is missing" for key in sorted(lacking)]


class _Value:
    """A value that equals another of the same text only: 1 is neither 1.0 nor true."""

    def __init__(self, value: Any) -> None:
        self.value, self.text = value, repr(value)

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Value) and self.text == other.text


@functools.lru_cache(maxsize=4096)  # the trials of a sweep give the same values again and again
def _merged(
    declared: type, key: str | None, value: _Value
) -> tuple[dict[str, Any], frozenset[str], str | None]:
    """The declaration with one setting: its content, what is missing in it, and a complaint."""
    schema = OmegaConf.structured(declared)
    problem = None
    try:
        schema = schema if key is None else OmegaConf.merge(schema, {key: value.value})
    except OmegaConfBaseException as error:
        problem = f"{(error.full_key or key)!r}: {str(error).splitlines()[0]}"
    content: Any = OmegaConf.to_container(schema, enum_to_str=True)
    return dict(content), frozenset(OmegaConf.missing_keys(schema)), problem


def _check_model(
    declared: Any, names: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    problems = _unknown(settings, names)
    try:
        model = declared.model_validate(_known_part(settings, names))
    except ValueError as error:  # pydantic's ValidationError
        problems += [
            f"{'.'.join(map(str, one['loc']))!r}: {one['msg']}"
            for one in error.errors()  # type: ignore[attr-defined]
        ]
        return dict(settings), problems
    return deep_merge(settings, model.model_dump(mode="json", by_alias=True)), problems


@functools.cache
def _names_of_dataclass(declared: type) -> dict[str, Any]:
    """Its fields, and those of dataclasses in it."""
    names = OmegaConf.to_container(OmegaConf.structured(declared))
    return {str(name): inner for name, inner in names.items()}  # type: ignore[union-attr]


def _names_of_model(declared: Any) -> Any:
    """Its fields as they stand in files, and those of models in it; None for an open one."""
    return None if declared.model_config.get("extra") == "allow" else _fields_of_model(declared)


def _fields_of_model(declared: Any) -> dict[str, Any]:
    return {
        field.alias or name: _names_in(field.annotation)
        for name, field in declared.model_fields.items()
    }


def _names_in(annotation: Any) -> Any:
    """The names of a model, also of an optional one; nothing for what is none."""
    for option in (annotation, *get_args(annotation)):
        if isinstance(option, type) and hasattr(option, "model_fields"):
            return _names_of_model(option)
    return None


def _known_part(settings: Mapping[str, Any], declared: Any) -> dict[str, Any]:
    """The settings without those that :func:`_unknown` tells."""
    if declared is None:
        return dict(settings)
    return {
        key: _known_part(value, declared[key])
        if isinstance(value, Mapping) and isinstance(declared[key], Mapping) and declared[key]
        else value
        for key, value in settings.items()
        if key in declared
    }


def _unknown(settings: Any, declared: Any, prefix: str = "") -> list[str]:
    """Keys that are not declared, at any depth where the declaration has keys."""
    problems: list[str] = []
    for key, value in settings.items() if declared is not None else ():
        if key not in declared:
            known = did_you_mean(str(key), map(str, declared))
            problems.append(f"unknown setting '{prefix}{key}'.{known}")
        elif isinstance(value, Mapping) and isinstance(declared[key], Mapping) and declared[key]:
            problems += _unknown(value, declared[key], f"{prefix}{key}.")
    return problems
