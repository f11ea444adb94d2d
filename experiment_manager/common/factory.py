"""Objects made from a type name and a configuration, and the check of one before it is used."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.common.yaml_utils import has_interpolation


class Factory:
    """Base of all factories.

    A factory's module imports the classes that it can make, so that they are registered
    before anyone asks for them.
    """

    @staticmethod
    def create(type_name: str, config: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """An instance of the class registered under ``type_name``.

        Raises:
            UnknownTypeError: Nothing is registered under the name (a ``ValueError``).
        """
        return YAMLSerializable.get_class(type_name).from_config(config, *args, **kwargs)  # type: ignore[attr-defined]


def create_with_arguments(cls: type, config: Mapping[str, Any], **provided: Any) -> Any:
    """An instance whose constructor gets the configuration's keys as keyword arguments.

    A constructor with a parameter ``config`` gets the whole mapping there instead.

    Args:
        cls: The class to make one of.
        config: Its part of the configuration; the key ``type`` is not passed on.
        provided: What the caller adds, each where the constructor has a parameter for it.

    Example:
        >>> from fractions import Fraction
        >>> create_with_arguments(Fraction, {"type": "x", "numerator": 1, "denominator": 2}, env=0)
        Fraction(1, 2)
    """
    parameters = _parameters_of(cls)
    accepted = {name: value for name, value in provided.items() if name in parameters}
    if "config" in parameters:
        return cls(config=config, **accepted)
    return cls(**accepted, **{key: value for key, value in config.items() if key != "type"})


def check_arguments(cls: type, config: Mapping[str, Any], provided: frozenset[str]) -> list[str]:
    """What is wrong with the keys of ``config`` as arguments for ``cls``; empty if nothing.

    Args:
        cls: The class that :func:`create_with_arguments` would make one of.
        config: Its part of the configuration.
        provided: Parameters that the caller fills in.
    """
    parameters = _parameters_of(cls)
    if "config" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return []
    given = {str(key) for key in config} - {"type"}
    settable = set(parameters) - provided
    required = {
        name
        for name in settable
        if parameters[name].default is inspect.Parameter.empty
        and parameters[name].kind is not inspect.Parameter.VAR_POSITIONAL
    }
    unknown = [
        f"unknown key {key!r}.{did_you_mean(key, settable)}" for key in sorted(given - settable)
    ]
    missing = [f"{key!r} is missing; {cls.__name__} needs it" for key in sorted(required - given)]
    return unknown + missing


def check_typed(config: Mapping[str, Any], base: type, provided: frozenset[str]) -> list[str]:
    """What is wrong with a ``{type: NAME, ...}`` entry for a class derived from ``base``.

    Unknown and missing keys, and whatever the class's ``check_config`` refuses.

    Args:
        config: The entry.
        base: What the named class must derive from, to be of use where the entry stands.
        provided: Constructor parameters that the caller fills in.
    """
    type_name = str(config["type"])
    cls = YAMLSerializable.find_class(type_name)
    if cls is None or not issubclass(cls, base):
        known = did_you_mean(type_name, YAMLSerializable.registered(base))
        return [f"unknown {base.__name__.lower()} type {type_name!r}.{known}"]
    problems = [*check_arguments(cls, config, provided), *_check_values(cls, config)]
    return [f"{type_name}: {problem}" for problem in problems]


def _check_values(cls: type, config: Mapping[str, Any]) -> list[str]:
    """What the class itself refuses, once the values are known."""
    check_config = getattr(cls, "check_config", None)
    if check_config is None or has_interpolation(config):
        return []
    try:
        check_config(config)
    except ValueError as error:
        return [str(error)]
    return []


def _parameters_of(cls: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(cls).parameters
