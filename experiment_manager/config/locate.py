"""The line in a file that a problem is about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from experiment_manager.config.extend import load_layers
from experiment_manager.config.files import BASE, EXPERIMENT, TRIALS
from experiment_manager.config.nodes import compose, descend
from experiment_manager.config.sweep import SWEEP_KEYS

_TRIAL = r"trial (?:(?P<quote>['\"])(?P<name>.*?)(?P=quote)|(?P<number>\d+)): "
_PLACE = re.compile(rf"(?P<file>[\w.-]+\.ya?ml): (?:{_TRIAL})?")
_OF_ANY_LAYER = ("is still", "refers to")
_QUOTED = re.compile(r"'([^']+)'")


def with_line(problem: str, config_dir: Path) -> str:
    """The problem with the line that it is about, where that can be found.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "env.yaml").write_text("workspce: outputs")
        ...     with_line("env.yaml: unknown key 'workspce'.", Path(folder))
        "env.yaml: unknown key 'workspce'. (line 1)"
    """
    match = _PLACE.match(problem)
    if match is None:
        return problem
    keys = _QUOTED.findall(problem, match.end())
    # a placeholder or a reference of a trial may stand in a file below
    below = [BASE, EXPERIMENT] if any(words in problem for words in _OF_ANY_LAYER) else []
    named = config_dir / match["file"]
    for file in [path for name in (match["file"], *below) for path in _layers(config_dir / name)]:
        line = _line_of_keys(_root(file, match), keys)
        if line is not None:
            other = "" if file == named else f"{os.path.relpath(file, config_dir)}, "
            return f"{problem} ({other}line {line})"
    entry = _root(named, match)
    if entry is None or not (match["name"] or match["number"]):
        return problem
    return f"{problem} (line {entry.start_mark.line + 1})"


def _layers(file: Path) -> list[Path]:
    """The file and those that it builds on, the one with the last word first."""
    below = [] if file.name == TRIALS else [path for path, _ in load_layers(file, [])]
    return list(dict.fromkeys([file, *reversed(below)]))


def _root(file: Path, match: re.Match[str]) -> yaml.Node | None:
    """What the keys lie in: the file, or its entry of the trial."""
    root = compose(file)
    of_trial = match["name"] or match["number"]
    return _trial_node(root, match) if file.name == TRIALS and of_trial else root


def _line_of_keys(node: yaml.Node | None, keys: list[str]) -> int | None:
    """The line of the innermost of the keys, each below the one before."""
    line = None
    for place, key in enumerate(keys):
        found = next(_found(node, key, is_first=place == 0), None)
        if found is None:
            break
        line, node = found
    return line


def _found(node: yaml.Node | None, key: str, *, is_first: bool) -> Iterator[tuple[int, yaml.Node]]:
    path = [part for part in re.split(r"\.|\[(\d+)\]", key) if part]
    paths = [["settings", *path], path, *([form, key] for form in SWEEP_KEYS)]
    for whole in paths if is_first else [path]:
        line, inner = descend(node, whole)
        if line is not None and inner is not None:
            yield line, inner


def _trial_node(root: yaml.Node | None, match: re.Match[str]) -> yaml.Node | None:
    entries = root.value if isinstance(root, yaml.SequenceNode) else []
    for number, entry in enumerate(entries, start=1):
        if _is_meant(entry, match) or str(number) == match["number"]:
            return entry  # type: ignore[no-any-return]
    return None


def _is_meant(entry: yaml.Node, match: re.Match[str]) -> bool:
    """True for the entry of the name, and for a sweep whose trials have it before their values."""
    _, node = descend(entry, ["name"])
    name = node.value if isinstance(node, yaml.ScalarNode) else None
    if name is None or match["name"] is None:
        return False
    is_sweep = any(descend(entry, [key])[0] for key in SWEEP_KEYS)
    return bool(name == match["name"] or (is_sweep and match["name"].startswith(f"{name}-")))
