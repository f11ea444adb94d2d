"""The modules that a pipeline consists of, as far as they are the user's own."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from experiment_manager.common.imports import import_object
from experiment_manager.config.plan import RunSpec
from experiment_manager.pipelines.pipeline_factory import PipelineFactory

_INSTALLED = {
    Path(sysconfig.get_path(kind)).resolve()
    for kind in ("stdlib", "platstdlib", "purelib", "platlib")
}
_INSTALLED_NAMES = frozenset({"site-packages", "dist-packages"})
_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([\w., \t]+))", re.MULTILINE)


def pipeline_modules(runs: Iterable[RunSpec], factory: type[PipelineFactory] | None) -> list[str]:
    """The names of the modules with the factories and pipelines of some runs; they are imported.

    Args:
        runs: What is executed.
        factory: Makes the pipelines; None for what the runs name.
    """
    if factory is not None:
        return [factory.__module__]
    named = dict.fromkeys((spec.factory, spec.pipeline) for spec in runs)
    makers = [import_object(f) if f else PipelineFactory.find(name) for f, name in named]
    return list(dict.fromkeys(maker.__module__ for maker in makers))


def own_file(module: str) -> Path | None:
    """The file of a module that is neither installed nor of this package."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or module.partition(".")[0] == __name__.partition(".")[0]:
        return None
    path = Path(file).resolve()
    is_installed = any(path.is_relative_to(folder) for folder in _INSTALLED)
    return None if is_installed or not _INSTALLED_NAMES.isdisjoint(path.parts) else path


def import_folder(module: str, file: Path) -> Path:
    """The folder that a module is imported from.

    Example:
        >>> import_folder("lab.nets", Path("/project/lab/nets.py")).as_posix()
        '/project'
    """
    return file.parents[module.count(".") + (file.stem == "__init__")]


def used_files(modules: Iterable[str]) -> dict[Path, Path]:
    """The files of modules and of all that they import, and the folder each is imported from.

    Packages are taken as a whole, as far as they are loaded. Imports are found by their lines,
    so that the answer is the same whatever else the process has loaded.

    Args:
        modules: Their names; their files come first.
    """
    loaded = defaultdict(list)
    for module in sorted(sys.modules):
        loaded[module.partition(".")[0]].append(module)
    found: dict[Path, Path] = {}
    wanted = dict.fromkeys(module.partition(".")[0] for module in modules)
    todo = list(wanted)
    while todo:
        package = todo.pop(0)
        files = _files_of(package, loaded[package])
        found |= files
        names = [name for file in files for name in _imported_by(file) if name not in wanted]
        wanted |= dict.fromkeys(names)
        todo += dict.fromkeys(names)
    return found


def _files_of(package: str, modules: Iterable[str]) -> dict[Path, Path]:
    is_installed = getattr(sys.modules.get(package), "__file__", None) and not own_file(package)
    files = {} if is_installed else {module: own_file(module) for module in modules}
    return {file: import_folder(name, file) for name, file in files.items() if file is not None}


def _imported_by(file: Path) -> Iterator[str]:
    """The packages that are imported somewhere in a file; some that are not, at worst."""
    try:
        source = file.read_bytes()
    except OSError:  # it is gone, or lies in an archive
        return
    for match in _IMPORT.finditer(source):
        for name in (match[1] or match[2]).decode(errors="replace").split(","):
            yield name.strip().partition(" ")[0].partition(".")[0]
