"""The code of an experiment on its way to the nodes of a Ray cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiment_manager.common.errors import ConfigError
from experiment_manager.common.imports import require
from experiment_manager.config.plan import RunSpec

MB = 10**6
LIMIT_BYTES = 100 * MB
NEVER = (".git", ".venv", "venv", "__pycache__")
_IGNORE_FILES = (".gitignore", ".rayignore")
_NAMED = 3


def working_dir_of(spec: RunSpec, exclude: Sequence[str]) -> dict[str, Any]:
    """What the ``runtime_env`` of Ray must have for the code of a run to get to the nodes.

    Args:
        spec: The run; empty where it does not say where its code is.
        exclude: Patterns as in .gitignore of what is left out, besides what Ray leaves out by
            itself, the workspace, version control and links to folders.

    Raises:
        ConfigError: It is too large; names what takes the most.
    """
    if spec.code is None:
        return {}
    folder, workspace = Path(spec.code.place(spec.code.folder)), Path(spec.workspace).resolve()
    own = [*NEVER, *exclude]
    if workspace.is_relative_to(folder.resolve()):
        own.append(f"/{workspace.relative_to(folder.resolve()).as_posix()}")
    walk = _Walk(folder)
    sizes: Counter[str] = Counter()
    for path in walk.files(folder, [(folder, walk.matcher(own))]):
        first, *rest = path.relative_to(folder).parts
        sizes[f"{first}/" if rest else first] += path.stat().st_size
    if sizes.total() > LIMIT_BYTES:
        raise ConfigError([_too_large(folder, sizes)])
    return {"working_dir": str(folder), "excludes": [*own, *walk.links]}


@dataclass
class _Walk:
    """The files that Ray would take, by its own rules.

    Attributes:
        root: Where it begins.
        links: Patterns for the links to folders: Ray would follow them, to data or round about.
    """

    root: Path
    links: list[str] = field(default_factory=list)

    @staticmethod
    def matcher(patterns: Sequence[str]) -> Any:
        """Tells which names match patterns of .gitignore, as Ray understands them."""
        pathspec = require("ray._private.thirdparty.pathspec", "ray", "'executor: ray'")
        return pathspec.PathSpec.from_lines("gitwildmatch", patterns)

    def files(self, folder: Path, ignored: Sequence[tuple[Path, Any]]) -> Iterator[Path]:
        """Those in a folder of which none of the matchers, each with its folder, wants nothing."""
        for name in _IGNORE_FILES:
            if (folder / name).is_file():
                lines = (folder / name).read_text(encoding="utf-8").splitlines()
                ignored = [*ignored, (folder, self.matcher(lines))]
        for path in sorted(folder.iterdir()):
            if any(m.match_file(path.relative_to(base).as_posix()) for base, m in ignored):
                continue
            if path.is_symlink() and path.is_dir():
                self.links.append(f"/{path.relative_to(self.root).as_posix()}")
            elif path.is_dir():
                yield from self.files(path, ignored)
            elif path.is_file():
                yield path


def _too_large(folder: Path, sizes: Counter[str]) -> str:
    largest = list(_largest(sizes))
    named = ", ".join(f"{name} ({size / MB:.0f} MB)" for name, size in largest)
    patterns = ", ".join(f"/{name}" for name, _ in largest)
    return (
        f"{folder}: its code is to be sent to the nodes, but is {sizes.total() / MB:.0f} MB, and "
        f"{LIMIT_BYTES / MB:.0f} MB are the most. The largest in it: {named}. Leave out what is "
        f"no code, in .gitignore or in env.yaml: executor: {{type: ray, exclude: [{patterns}]}}"
    )


def _largest(sizes: Counter[str]) -> Iterator[tuple[str, int]]:
    """A few without which the rest would be small enough."""
    left = sizes.total()
    for name, size in sizes.most_common(_NAMED):
        if left > LIMIT_BYTES:
            yield name, size
        left -= size
