"""YAML files as nodes, which know their lines."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import yaml


def compose(file: Path) -> yaml.Node | None:
    """The file's root; None where it is empty, missing or malformed."""
    with contextlib.suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
        return yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    return None


def descend(node: yaml.Node | None, path: Sequence[str]) -> tuple[int | None, yaml.Node | None]:
    """The line, from 1, of what lies at the end of a path of keys and list places, and its node.

    Both are None where the path leads nowhere.
    """
    line: int | None = None
    for part in path:
        if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
            continue
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if key.value == part), None)
        if found is None:
            return None, None
        line, node = found[0].start_mark.line + 1, found[1]
    return line, node
