"""Settings that a pipeline declares: unknown, missing and wrong ones are found before run 1."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.yaml_utils import deep_merge

RESERVED = ("seed", "pipeline", "callbacks")
"""Settings with a meaning of their own, which no pipeline declares."""


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
    own = {key: value for key, value in settings.items() if key not in RESERVED}
    reserved = {key: value for key, value in settings.items() if key in RESERVED}
    check = _check_dataclass if dataclasses.is_dataclass(declared) else _check_model
    completed, problems = check(declared, own)
    return {**completed, **reserved}, problems


def _check_dataclass(
    declared: type, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    schema = OmegaConf.structured(declared)
    names = OmegaConf.to_container(schema)
    problems = _unknown(settings, names)
    for key, value in _known_part(settings, names).items():
        try:
            schema = OmegaConf.merge(schema, {key: value})
        except OmegaConfBaseException as error:
            problems.append(f"{(error.full_key or str(key))!r}: {str(error).splitlines()[0]}")
    problems += [
        f"{key!r} is missing"
        for key in sorted(OmegaConf.missing_keys(schema))
        if not any(problem.startswith(repr(key)) for problem in problems)
    ]
    completed = OmegaConf.to_container(schema, enum_to_str=True)
    return {str(key): value for key, value in completed.items()}, problems  # type: ignore[union-attr]


def _check_model(declared: Any, settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    problems = []
    if declared.model_config.get("extra", "ignore") == "ignore":
        problems = _unknown(settings, dict.fromkeys(declared.model_fields))
    try:
        model = declared.model_validate(settings)
    except ValueError as error:  # pydantic's ValidationError
        problems += [
            f"{'.'.join(map(str, one['loc']))!r}: {one['msg']}"
            for one in error.errors()  # type: ignore[attr-defined]
        ]
        return dict(settings), problems
    return deep_merge(settings, model.model_dump(mode="json")), problems


def _known_part(settings: Mapping[str, Any], declared: Any) -> dict[str, Any]:
    """The settings without those that :func:`_unknown` tells."""
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
    for key, value in settings.items():
        if key not in declared:
            known = did_you_mean(str(key), map(str, declared))
            problems.append(f"unknown setting '{prefix}{key}'.{known}")
        elif isinstance(value, Mapping) and isinstance(declared[key], Mapping) and declared[key]:
            problems += _unknown(value, declared[key], f"{prefix}{key}.")
    return problems
