"""``init``: a project that runs at once, out of the files in ``templates``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import click

SUFFIX = ".tpl"  # or every tool would take the templates for code of this package
TEMPLATE_NAME = "my_project"
NEEDED = {"plain": (), "sklearn": ("scikit-learn",), "torch": ("torch",)}
MODULES = {"scikit-learn": "sklearn"}


def create_project(folder: Path, kind: str) -> None:
    """Write a project and print what to do next.

    Args:
        folder: Where; made where it is missing.
        kind: A folder of ``templates``; the files of ``shared`` are added.

    Raises:
        click.UsageError: A file is there already; nothing was written.
    """
    templates = _read_templates("shared", kind)
    _refuse_existing(folder / name for name in templates)
    project = _project_name(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in templates.items():
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(text.replace(TEMPLATE_NAME, project))
    _print_next(folder, sorted(templates), _missing_packages(kind))


def _missing_packages(kind: str) -> list[str]:
    """What the project needs and is not installed, by the names that pip knows."""
    needed = (*NEEDED[kind], "pytest")
    return [package for package in needed if find_spec(MODULES.get(package, package)) is None]


def _read_templates(*kinds: str) -> dict[str, str]:
    """The text of each file by the name that it gets in the project."""
    folders = [files("experiment_manager.cli") / "templates" / kind for kind in kinds]
    found = [file for folder in folders for file in folder.iterdir()]
    return {file.name.removesuffix(SUFFIX): file.read_text("utf-8") for file in found}


def _refuse_existing(paths: Iterable[Path]) -> None:
    existing = [str(path) for path in paths if path.exists()]
    if existing:
        raise click.UsageError(
            f"Nothing is written, because this would overwrite: {', '.join(sorted(existing))}"
        )


def _project_name(folder: Path) -> str:
    """The folder's name, without characters that mean something in YAML or a shell.

    Example:
        >>> _project_name(Path("/home/ada/my first: project"))
        'my_first_project'
    """
    return re.sub(r"[^\w.-]+", "_", folder.resolve().name) or TEMPLATE_NAME


def _print_next(folder: Path, names: list[str], missing: list[str]) -> None:
    here = folder.resolve() == Path.cwd()
    commands = [] if here else [f"cd {shlex.quote(str(folder))}"]
    commands += ["experiment-manager plan .", "experiment-manager run .", "python -m pytest"]
    _print_list("Written:", names)
    _print_list("Next:", commands)
    if missing:
        _print_list("Needed, and not installed:", [f"pip install {' '.join(missing)}"])


def _print_list(title: str, lines: list[str]) -> None:
    click.echo("\n  ".join([title, *lines]))
