"""The registry behind every ``type:`` in a configuration."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from experiment_manager.common.errors import UnknownTypeError, describe, did_you_mean

PLUGINS = "experiment_manager.plugins"
"""The group of entry points by which other packages add trackers, callbacks and pipelines."""

T = TypeVar("T", bound=type)


class YAMLSerializable:
    """Base of whatever a configuration can name by ``type:``.

    A class is known by the name under which it is registered, or by its own. Another package
    makes its classes known by entry points, which are looked at for a name that is not known::

        [project.entry-points."experiment_manager.plugins"]
        my_tracker = "my_package.trackers:MyTracker"

    Example:
        >>> @YAMLSerializable.register("doubler")
        ... class Doubler(YAMLSerializable):
        ...     def __call__(self, value):
        ...         return value * self.config["factor"]
        >>> YAMLSerializable.get_class("doubler").from_config({"factor": 2})(21)
        42
    """

    _registry: ClassVar[dict[str, type]] = {}

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self.config = {} if config is None else config

    @classmethod
    def register(cls, type_name: str) -> Callable[[T], T]:
        """A decorator that registers a class; registering a name again replaces it."""

        def decorator(subclass: T) -> T:
            cls._registry[type_name] = subclass
            return subclass

        return decorator

    @classmethod
    def get_class(cls, type_name: str) -> type:
        """The class registered under a name, or the registered class of that name.

        Raises:
            UnknownTypeError: Nothing is registered so; a ``ValueError`` that names the
                nearest known names.
        """
        found = cls.find_class(type_name)
        if found is None:
            class_names = [known.__name__ for known in cls._registry.values()]
            suggestion = did_you_mean(type_name, [*cls._registry, *class_names])
            raise UnknownTypeError(f"Unknown type: {type_name!r}.{suggestion}")
        return found

    @classmethod
    def find_class(cls, type_name: str) -> type | None:
        """Like :meth:`get_class`, but None where there is no such class."""
        return cls._find_known(type_name) or cls._find_plugin(type_name)

    @classmethod
    def _find_known(cls, type_name: str) -> type | None:
        by_class_name = {known.__name__: known for known in cls._registry.values()}
        return cls._registry.get(type_name) or by_class_name.get(type_name)

    @classmethod
    def _find_plugin(cls, type_name: str) -> type | None:
        for name, plugin in _load_plugins().items():
            cls._registry.setdefault(name, plugin)
        return cls._find_known(type_name)

    @classmethod
    def registered(cls, base: type) -> list[str]:
        """The registered names of all classes derived from ``base``, sorted."""
        return sorted(name for name, known in cls._registry.items() if issubclass(known, base))

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse values that the constructor would refuse, before anything runs.

        Raises:
            ValueError: A value is out of its range; the text says which.
        """

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """An instance made from its part of the configuration."""
        return cls(config)


@functools.cache
def _load_plugins() -> dict[str, type]:
    """The classes behind the entry points; one that is broken is reported and left out."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - takes 20 ms

    plugins: dict[str, type] = {}
    for entry in entry_points(group=PLUGINS):
        try:
            plugin = entry.load()
        except Exception as error:  # noqa: BLE001 - another package may raise anything
            _report(entry.name, entry.value, f"importing it raised {describe(error)}")
            continue
        if isinstance(plugin, type) and issubclass(plugin, YAMLSerializable):
            plugins[entry.name] = plugin
        else:
            _report(entry.name, entry.value, "it is no class derived from YAMLSerializable")
    return plugins


def _report(name: str, path: str, problem: str) -> None:
    logger = logging.getLogger(__name__)
    logger.warning("The plugin %r (%s) is left out: %s", name, path, problem)
