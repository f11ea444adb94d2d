"""Optional packages (named in an error with their install command) and objects by import path."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

from experiment_manager.common.errors import MissingDependencyError, UnknownTypeError, did_you_mean


def require(module: str, extra: str, feature: str) -> ModuleType:
    """The imported optional package.

    Args:
        module: Import name, such as ``"joblib"``.
        extra: The extra of this package that installs it.
        feature: What needs it; opens the error text.

    Raises:
        MissingDependencyError: The package is not installed; names the command that does it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise MissingDependencyError(
            f"{feature} needs the package {module!r}, which is not installed. "
            f"Install it with: pip install 'experiment-manager[{extra}]'"
        ) from error


def import_object(path: str) -> Any:
    """The object behind an import path.

    Args:
        path: ``package.module:Name``; dots after the colon reach into classes.

    Raises:
        UnknownTypeError: The module cannot be found, or has no such name.

    Example:
        >>> import_object("collections:OrderedDict").__name__
        'OrderedDict'
    """
    module_name, _, attribute_path = path.partition(":")
    if not module_name or module_name.startswith(".") or not attribute_path:
        raise UnknownTypeError(f"{path!r} is no import path; write 'package.module:Name'")
    found: Any = _import_module(module_name, path)
    for attribute in attribute_path.split("."):
        if not hasattr(found, attribute):
            suggestion = did_you_mean(attribute, [n for n in dir(found) if not n.startswith("_")])
            raise UnknownTypeError(f"{path!r}: no {attribute!r} in {module_name!r}.{suggestion}")
        found = getattr(found, attribute)
    return found


def _import_module(module_name: str, path: str) -> ModuleType:
    _forget_if_shadowed(module_name.partition(".")[0])
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # found, but something that it imports is missing
        raise UnknownTypeError(
            f"{path!r}: there is no module {error.name!r}. Modules are looked for in the "
            "experiment's folder, in the current one and among the installed packages."
        ) from error


def _forget_if_shadowed(name: str) -> None:
    """Drop a loaded module if the first folder of the search path has another of that name.

    Otherwise the second experiment of a process whose ``training.py`` is named like the
    first one's would run the first one's code.
    """
    loaded = getattr(sys.modules.get(name), "__file__", None)
    wanted = PathFinder.find_spec(name, sys.path[:1])
    if loaded is None or wanted is None or wanted.origin in {None, loaded}:
        return
    for known in [known for known in sys.modules if f"{known}.".startswith(f"{name}.")]:
        del sys.modules[known]


def import_path_of(cls: type) -> str:
    """The path under which :func:`import_object` finds a class again.

    Example:
        >>> import_path_of(__import__("collections").OrderedDict)
        'collections:OrderedDict'
    """
    return f"{cls.__module__}:{cls.__qualname__}"


def make_importable(*folders: str) -> None:
    """Put the folders in front of the module search path, the last one first."""
    for folder in folders:
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
