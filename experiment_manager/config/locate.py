"""The line in a file that a problem is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from experiment_manager.config.files import BASE, EXPERIMENT, TRIALS
from experiment_manager.config.nodes import compose, descend

_PLACE = re.compile(r"(?P<file>[\w.-]+\.ya?ml): (?:trial (?:'(?P<name>.*?)'|(?P<number>\d+)): )?")
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
    for file in dict.fromkeys([match["file"], BASE, EXPERIMENT]):
        line = _line_of_keys(_root(config_dir / file, match), keys)
        if line is not None:
            place = f"line {line}" if file == match["file"] else f"{file}, line {line}"
            return f"{problem} ({place})"
    entry = _root(config_dir / match["file"], match)
    if entry is None or match["file"] != TRIALS:
        return problem
    return f"{problem} (line {entry.start_mark.line + 1})"


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
    for start in (["settings"], []) if is_first else ([],):
        line, inner = descend(node, [*start, *path])
        if line is not None and inner is not None:
            yield line, inner


def _trial_node(root: yaml.Node | None, match: re.Match[str]) -> yaml.Node | None:
    entries = root.value if isinstance(root, yaml.SequenceNode) else []
    for number, entry in enumerate(entries, start=1):
        _, name = descend(entry, ["name"])
        is_named = isinstance(name, yaml.ScalarNode) and name.value == match["name"]
        if is_named or str(number) == match["number"]:
            return entry  # type: ignore[no-any-return]
    return None
