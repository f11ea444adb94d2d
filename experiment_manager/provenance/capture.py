"""All that an experiment's runs are made of, in one record of plain data."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiment_manager.provenance.code import capture_code
from experiment_manager.provenance.data import capture_data
from experiment_manager.provenance.machine import capture_machine, capture_python
from experiment_manager.provenance.masking import mask_arguments
from experiment_manager.provenance.packages import capture_packages
from experiment_manager.provenance.variables import capture_variables


def capture(
    *code_dirs: Path,
    code_files: Mapping[Path, Sequence[Path] | None] | None = None,
    leave_out: Iterable[Path] = (),
    environment_variables: Iterable[str] = (),
    data_files: Iterable[str] = (),
    hash_cache: Path | None = None,
) -> dict[str, Any]:
    """The record: ``code``, ``packages``, ``python``, ``machine``, ``command``, and so on.

    It is plain data, fit for JSON, and the same as long as nothing changes. Nothing is raised:
    what cannot be known is told in its place.

    Args:
        code_dirs: Folders of the code: the main one, and others that lie elsewhere, in other
            repositories for instance.
        code_files: By folder, the files that are code where no repository tells; all source
            files of those that are not in it.
        leave_out: Folders and files in them that are no code, such as outputs.
        environment_variables: Names and patterns of those to record besides the usual ones;
            secrets never are.
        data_files: Files, folders and patterns whose fingerprints are wanted, relative to the
            current folder.
        hash_cache: File that keeps the hashes of data files for the next time.

    Example:
        >>> list(capture(Path("no/such/folder")))  # doctest: +NORMALIZE_WHITESPACE
        ['code', 'packages', 'python', 'machine', 'command', 'environment_variables', 'data']
    """
    record = {
        "code": _capture_code(code_dirs, code_files or {}, list(leave_out)),
        "packages": capture_packages(),
        "python": capture_python(),
        "machine": capture_machine(),
        "command": capture_command(),
        "environment_variables": capture_variables(environment_variables),
        "data": capture_data(data_files, cache=hash_cache),
    }
    return {area: _printable(value) for area, value in record.items()}


def capture_command() -> dict[str, Any]:
    """The command of this process: its ``arguments``, secrets masked, and its ``folder``."""
    return {"arguments": mask_arguments(sys.orig_argv), "folder": str(Path.cwd())}


def _capture_code(
    folders: Sequence[Path],
    files: Mapping[Path, Sequence[Path] | None],
    leave_out: Sequence[Path],
) -> dict[str, Any]:
    """The record of the first folder, and under ``elsewhere`` those of the others by name."""
    main, *others = [capture_code(folder, leave_out, files.get(folder)) for folder in folders]
    elsewhere: dict[str, Any] = {}
    for code in others:
        name = Path(code["root"]).name
        alike = sum(known.partition(" (")[0] == name for known in elsewhere)
        elsewhere[f"{name} ({alike + 1})" if alike else name] = code
    return {**main, "elsewhere": elsewhere}


def _printable(value: Any) -> Any:
    r"""The same with texts that are all Unicode; other bytes of file names become ``\udcff``."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list) else value
