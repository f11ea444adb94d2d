"""Configurations as plain nested data: laid over each other, flattened, filled in, multiplied."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from omegaconf import OmegaConf

PLACEHOLDERS = ("?", "???")
APPEND = "+"


def insert_value(config: Any, value: Any) -> Any:
    """A copy of a configuration with ``value`` in the place of every ``?`` (or ``???``) in it.

    Args:
        config: Dicts, lists and scalars to any depth, or an OmegaConf configuration; is not
            changed.
        value: What to insert; each place gets a copy of its own.

    Returns:
        An OmegaConf configuration where one was given, else plain data.

    Example:
        >>> insert_value({"optimizer": {"lr": "?"}, "batch_size": 32}, 0.001)
        {'optimizer': {'lr': 0.001}, 'batch_size': 32}
    """
    filled = _filled(_plain(config), _plain(value))
    return OmegaConf.create(filled) if OmegaConf.is_config(config) else filled


def multiply(*options: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every combination of one configuration from each list, the last list varying fastest.

    The parts of a combination are merged deeply, so that two lists may each set a part of
    the same ``settings``; where both set the same key, the later list wins.

    Args:
        options: Lists of configurations (plain or of OmegaConf); they are not changed.

    Returns:
        Plain dicts that share nothing with each other, fit for ``yaml.dump``.

    Example:
        >>> multiply([{"s": {"lr": 0.1}}, {"s": {"lr": 0.01}}], [{"s": {"width": 8}}])
        [{'s': {'lr': 0.1, 'width': 8}}, {'s': {'lr': 0.01, 'width': 8}}]
    """
    combined = []
    for parts in itertools.product(*(_plain(list(listed)) for listed in options)):
        merged: dict[str, Any] = {}
        for part in parts:
            merged = deep_merge(merged, part)
        combined.append(copy.deepcopy(merged))
    return combined


def to_yaml(config: Mapping[str, Any]) -> str:
    """A configuration as the text of a YAML file, which reads as the same one again.

    Example:
        >>> print(to_yaml({"optimizer": {"lr": 1e-05}, "layers": [64, 32], "tag": "1e5"}), end="")
        optimizer:
          lr: 1.0e-05
        layers:
        - 64
        - 32
        tag: '1e5'
    """
    return yaml.dump(_plain(config), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def deep_merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A new dict: ``over`` laid on ``base``; dicts merge, all else (lists too) is replaced.

    A list under a key with ``+`` at its end is appended to the one below, or waits for it.

    Example:
        >>> deep_merge({"a": {"x": 1, "y": 2}, "b": [1, 2]}, {"a": {"y": 3}, "b": [4]})
        {'a': {'x': 1, 'y': 3}, 'b': [4]}
        >>> deep_merge({"b": [1, 2]}, {"b+": [4]})
        {'b': [1, 2, 4]}
    """
    merged = dict(base)
    for key, value in over.items():
        if _appends(key, value):
            target = key.removesuffix(APPEND)
            target = target if target in merged else key
            given = merged.get(target)
            merged[target] = [*(given if isinstance(given, list) else []), *value]
            continue
        merged.pop(f"{key}{APPEND}", None)
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = deep_merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def settled(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without marks of appending: what waited for a list below is the list.

    Example:
        >>> settled({"b+": [4], "a": {"c+": [1]}})
        {'b': [4], 'a': {'c': [1]}}
    """
    plain: dict[str, Any] = {}
    for key, value in settings.items():
        name = key.removesuffix(APPEND) if _appends(key, value) else key
        plain[name] = settled(value) if isinstance(value, Mapping) else value
    return plain


def _appends(key: Any, value: Any) -> bool:
    """Whether a list under this key is appended to the one below."""
    return isinstance(key, str) and key.endswith(APPEND) and isinstance(value, list)


def walk(data: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its dotted key; an empty dict or list is a leaf.

    Example:
        >>> list(walk({"a": {"b": 1}, "c": [2, 3]}))
        [('a.b', 1), ('c[0]', 2), ('c[1]', 3)]
    """
    if isinstance(data, Mapping) and data:
        for name, value in data.items():
            yield from walk(value, f"{key}.{name}" if key else str(name))
    elif isinstance(data, list) and data:
        for index, value in enumerate(data):
            yield from walk(value, f"{key}[{index}]")
    else:
        yield key, data


def flatten(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as one level of dotted names; lists stay whole, as parameters are recorded.

    Example:
        >>> flatten({"optimizer": {"name": "sgd", "lr": 0.1}, "layers": [64, 32]})
        {'optimizer.name': 'sgd', 'optimizer.lr': 0.1, 'layers': [64, 32]}
    """
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat |= {f"{key}.{inner}": leaf for inner, leaf in flatten(value).items()}
        else:
            flat[str(key)] = value
    return flat


def nest(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings whose dotted names became sections; what :func:`flatten` undoes.

    Example:
        >>> nest({"optimizer.name": "sgd", "optimizer.lr": 0.1, "epochs": 5})
        {'optimizer': {'name': 'sgd', 'lr': 0.1}, 'epochs': 5}
    """
    nested: dict[str, Any] = {}
    for key, value in settings.items():
        inner: Any = value
        for part in reversed(str(key).split(".")):
            inner = {part: inner}
        nested = deep_merge(nested, inner)
    return nested


def has_interpolation(data: Any) -> bool:
    """True where a value is, or contains, a ``${...}`` that is not filled in yet."""
    return any(isinstance(value, str) and "${" in value for _, value in walk(data))


def resolve(data: dict[str, Any]) -> dict[str, Any]:
    """The data with every ``${...}`` filled in.

    Raises:
        OmegaConfBaseException: An interpolation that leads nowhere.
    """
    if not has_interpolation(data):
        return data  # OmegaConf costs a millisecond for each trial of a large plan
    resolved = OmegaConf.to_container(OmegaConf.create(data), resolve=True)
    return {str(key): value for key, value in resolved.items()}  # type: ignore[union-attr]


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes what :func:`~experiment_manager.config.load.load_yaml` reads as the same."""


# A text that reads as a number is quoted: 1e5 is one for OmegaConf, though not for PyYAML.
_WITH_EXPONENT = re.compile(r"[-+]?[0-9.][0-9_.]*[eE][-+]?[0-9]+$")
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _WITH_EXPONENT, [*"-+.0123456789"])
_Dumper.add_multi_representer(object, lambda dumper, value: dumper.represent_str(str(value)))


def _plain(config: Any) -> Any:
    """Without OmegaConf at any depth."""
    if OmegaConf.is_config(config):
        return OmegaConf.to_container(config)
    if isinstance(config, Mapping):
        return {key: _plain(item) for key, item in config.items()}
    return [_plain(item) for item in config] if isinstance(config, (list, tuple)) else config


def _filled(config: Any, value: Any) -> Any:
    if isinstance(config, Mapping):
        return {key: _filled(item, value) for key, item in config.items()}
    if isinstance(config, list):
        return [_filled(item, value) for item in config]
    is_placeholder = isinstance(config, str) and config in PLACEHOLDERS
    return copy.deepcopy(value if is_placeholder else config)
