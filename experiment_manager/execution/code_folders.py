"""The folders that hold the code of an experiment, one for each repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from experiment_manager.provenance.contents import list_sources

CodeFolders = dict[Path, list[Path] | None]
"""The files that are code, by folder, for where no repository tells; None for all of it."""


def code_folders(
    files: Mapping[Path, Path],
    config_dir: Path,
    main: Path | None = None,
    main_files: Sequence[Path] | None = None,
) -> CodeFolders:
    """Where code comes from: what the runs import, and the configuration if it is versioned.

    Args:
        files: Of the modules, with the folder that each is imported from; the pipeline's first.
        config_dir: The folder of the configuration.
        main: The folder that comes first; None for the pipeline's.
        main_files: Those in it that are code besides what is imported; None for all of it.
    """
    config_dir = config_dir.resolve()
    first = [] if main is None else [main.resolve()]
    whole = {config_dir, *(first if main_files is None else ())}
    folders = dict.fromkeys([*first, *files.values()])
    if _root_of(config_dir) is not None:
        folders[config_dir] = None
    if not folders:  # all is installed, so that the code beside it must do
        here = Path.cwd()
        folders = {config_dir if _root_of(here) is None else here: None}
    found: CodeFolders = {
        folder: None if folder in whole or _root_of(folder) else _code_in(folder, files)
        for folder in _apart(folders)
    }
    for folder in first:
        if (known := found[folder]) is not None:
            found[folder] = sorted({*known, *(main_files or ())})
    return found


def _apart(folders: Iterable[Path]) -> list[Path]:
    """The first folder of each repository; of other folders those that are in none of them.

    The very first is always among them.
    """
    roots = {folder: _root_of(folder) for folder in folders}
    plain = [folder for folder, root in roots.items() if root is None]
    first = {root: folder for folder, root in reversed(roots.items()) if root is not None}
    return [
        folder
        for folder, root in roots.items()
        if folder == next(iter(roots))
        or (root is None and not any(other in folder.parents for other in plain))
        or (root is not None and first[root] == folder)
    ]


def _root_of(folder: Path) -> Path | None:
    """The repository that a folder lies in."""
    parents = (folder, *folder.parents)
    return next((parent for parent in parents if (parent / ".git").exists()), None)


def _code_in(folder: Path, files: Mapping[Path, Path]) -> list[Path]:
    """The modules that are imported from a folder or one in it, and all of their packages."""
    found: dict[Path, None] = {}
    for file, place in files.items():
        if place.is_relative_to(folder):
            package = place / file.relative_to(place).parts[0]
            names = list_sources(package) if package.is_dir() else []
            found |= dict.fromkeys([package / name for name in names] or [file])
    return sorted(found)
