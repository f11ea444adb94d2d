"""Where the modules of an experiment are imported from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CodePlace:
    """A folder with modules, and the copy that stands in for it.

    Attributes:
        folder: The folder that modules are imported from, as the user has it.
        root: The folder that was copied; it is ``folder``, or holds it.
        copy: Its copy; ``root`` itself where there is none.
    """

    folder: str
    root: str
    copy: str

    def place(self, path: str) -> str:
        """Where a path is in the copy; as it was, where the copy does not have it itself."""
        if self.copy == self.root:
            return path
        there = moved(path, Path(self.root), Path(self.copy))
        real = Path(there).resolve()
        is_copied = real.exists() and real.is_relative_to(Path(self.copy).resolve())
        return there if is_copied else path


def moved(path: str, root: Path, target: Path) -> str:
    """Where a path is when ``root`` has another place; as it was, where it lies outside.

    Example:
        >>> moved("/project/src", Path("/project"), Path("/copy"))
        '/copy/src'
    """
    resolved, resolved_root = Path(path).resolve(), root.resolve()
    is_inside = resolved.is_relative_to(resolved_root)
    return str(target / resolved.relative_to(resolved_root)) if is_inside else path
