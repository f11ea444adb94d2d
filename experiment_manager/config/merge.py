"""Settings laid over each other, flattened, and their interpolations filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import OmegaConf

PLACEHOLDERS = ("?", "???")


def deep_merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A new dict: ``over`` laid on ``base``; dicts merge, all else (lists too) is replaced.

    Example:
        >>> deep_merge({"a": {"x": 1, "y": 2}, "b": [1, 2]}, {"a": {"y": 3}, "b": [4]})
        {'a': {'x': 1, 'y': 3}, 'b': [4]}
    """
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = deep_merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


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


def resolve(data: dict[str, Any]) -> dict[str, Any]:
    """The data with every ``${...}`` filled in.

    Raises:
        OmegaConfBaseException: An interpolation that leads nowhere.
    """
    if not any(isinstance(value, str) and "${" in value for _, value in walk(data)):
        return data  # OmegaConf costs a millisecond for each trial of a large plan
    resolved = OmegaConf.to_container(OmegaConf.create(data), resolve=True)
    return {str(key): value for key, value in resolved.items()}  # type: ignore[union-attr]
