"""Files that build on others, by ``extends:``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiment_manager.common.yaml_utils import deep_merge
from experiment_manager.config.load import load_yaml

EXTENDS = "extends"


def load_layers(path: Path, problems: list[str]) -> list[tuple[Path, dict[str, Any]]]:
    """The content of a file and of those that it builds on, the lowest layer first.

    Args:
        path: The file. Its key ``extends`` names one file or a list of them, relative to its
            folder; of these a later one goes before an earlier one, and the file itself before
            all.
        problems: Gets a sentence for a file that cannot be read, is no mapping, or builds on
            itself.
    """
    return _load_layers(path, problems, ())


def load_mapping(
    path: Path,
    problems: list[str],
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> dict[str, Any]:
    """The file as a mapping, with everything that it builds on merged under it.

    Args:
        path: The file.
        problems: Gets a sentence for each file that cannot be used.
        prepare: Brings layers into one form before they are merged, if there are several.
    """
    layers = [content for _, content in load_layers(path, problems)]
    merged: dict[str, Any] = {}
    for content in layers if len(layers) == 1 else map(prepare, layers):
        merged = deep_merge(merged, content)
    return merged


def _load_layers(
    path: Path, problems: list[str], above: tuple[Path, ...]
) -> list[tuple[Path, dict[str, Any]]]:
    content = load_yaml(path, problems)
    if not isinstance(content, dict):
        if content is not None:
            problems.append(f"{path.name}: must be a mapping of keys to values")
        return []
    given = content.pop(EXTENDS, [])
    names = [given] if isinstance(given, str) else given
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        problems.append(f"{path.name}: 'extends' must be a file or a list of files, not {given!r}")
        names = []
    layers: list[tuple[Path, dict[str, Any]]] = []
    for below in [path.parent / name for name in names]:
        if below.resolve() in {place.resolve() for place in (*above, path)}:
            chain = " -> ".join(place.name for place in (*above, path, below))
            problems.append(f"{path.name}: builds on itself: {chain}")
        else:
            layers += _load_layers(below, problems, (*above, path))
    return [*layers, (path, content)]
