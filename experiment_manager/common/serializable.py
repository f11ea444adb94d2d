"""The registry behind every ``type:`` in a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from experiment_manager.common.errors import UnknownTypeError, did_you_mean

T = TypeVar("T", bound=type)


class YAMLSerializable:
    """Base of whatever a configuration can name by ``type:``.

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
        by_class_name = {known.__name__: known for known in cls._registry.values()}
        return cls._registry.get(type_name) or by_class_name.get(type_name)

    @classmethod
    def registered(cls, base: type) -> list[str]:
        """The registered names of all classes derived from ``base``, sorted."""
        return sorted(name for name, known in cls._registry.items() if issubclass(known, base))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """An instance made from its part of the configuration."""
        return cls(config)
