"""What code reads of a configuration, noticed while it reads."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Collection, ItemsView, Iterable, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_manager.common.yaml_utils import deep_merge, flatten, nest


class _NoticedNodes(dict[Any, Any]):
    """The nodes of one section of a configuration; notes which of them OmegaConf looks up.

    Everything that reads a DictConfig ends here: attributes, ``get``, ``in``, iteration,
    interpolation, ``to_container``. What takes all nodes at once, such as a copy, has read all.
    """

    def __init__(self, nodes: Mapping[Any, Any], read: set[str], prefix: str) -> None:
        super().__init__(nodes)
        self._read = read
        self._prefix = prefix

    def get(self, key: Any, default: Any = None) -> Any:
        self._read.add(f"{self._prefix}{key}")
        return super().get(key, default)

    def __getitem__(self, key: Any) -> Any:
        self._read.add(f"{self._prefix}{key}")
        return super().__getitem__(key)

    def items(self) -> ItemsView[Any, Any]:  # type: ignore[override]
        self._read.update(f"{self._prefix}{key}" for key in self)
        return super().items()

    def __reduce__(self) -> tuple[type[dict[Any, Any]], tuple[dict[Any, Any]]]:
        """A pickle holds a plain dict, so that whoever loads it needs nothing of this package."""
        return dict, (dict(self.items()),)


def notice_reads(config: DictConfig, read: set[str], prefix: str = "") -> None:
    """Have a set filled with the dotted name of every key that is looked up from now on.

    The configuration stays what it is for everyone who uses it. Keys that it does not have are
    noted too; a list is one key. A copy of the configuration is an ordinary one, and making it
    counts as reading everything.

    Args:
        config: The configuration, nothing of which has been read yet.
        read: Gets the names.
        prefix: Stands before each name.

    Example:
        >>> from omegaconf import OmegaConf
        >>> config = OmegaConf.create({"optimizer": {"name": "sgd", "lr": 0.1}, "width": 8})
        >>> read = set()
        >>> notice_reads(config, read)
        >>> config.optimizer.name, config.get("depth", 2)
        ('sgd', 2)
        >>> sorted(read)
        ['depth', 'optimizer', 'optimizer.name']
    """
    nodes = config.__dict__["_content"]
    for key, node in nodes.items():
        if isinstance(node, DictConfig):
            notice_reads(node, read, f"{prefix}{key}.")
    config.__dict__["_content"] = _NoticedNodes(nodes, read, prefix)


def read_by_reference(
    settings: Mapping[str, Any], interpolations: Mapping[str, Any], read: Collection[str]
) -> set[str]:
    """The names of what is read along with settings that refer to others by ``${...}``.

    Args:
        settings: With every interpolation filled in.
        interpolations: By dotted names, the settings that had one, as they stood before.
        read: The dotted names of what was read.

    Example:
        >>> settings = {"lr": 0.1, "max_lr": 0.1}
        >>> sorted(read_by_reference(settings, {"max_lr": "${lr}"}, {"max_lr"}))
        ['lr', 'max_lr']
    """
    if not interpolations.keys() & read:
        return set()
    unresolved = deep_merge(settings, nest(interpolations))
    config = OmegaConf.create({**unresolved, "settings": unresolved})
    along: set[str] = set()
    notice_reads(config, along)
    for name in interpolations.keys() & read:
        with contextlib.suppress(OmegaConfBaseException):  # a resolver that only the planner had
            value = OmegaConf.select(config, name)
            if OmegaConf.is_config(value):  # a list, or a section that is referred to
                OmegaConf.to_container(value, resolve=True)
    return {name.removeprefix("settings.") for name in along}


def unread_settings(settings: Mapping[str, Any], read: Collection[str]) -> tuple[str, ...]:
    """The settings, by their dotted names, that are not among the names that were read.

    Example:
        >>> unread_settings({"optimizer": {"name": "sgd", "lr": 0.1}}, {"optimizer.name"})
        ('optimizer.lr',)
    """
    return tuple(name for name in flatten(settings) if name not in read)


def tell_unread(unread: Iterable[str], read: Collection[str]) -> str:
    """A sentence for each setting that nobody read, with what was probably meant by it.

    Example:
        >>> tell_unread(["droput"], {"dropout", "lr"})
        "'droput' was never read; did you mean 'dropout'?"
        >>> tell_unread(["width"], {"lr"})
        "'width' was never read."
    """
    nearest = {name: _nearest(name, read) for name in unread}
    return " ".join(
        f"{name!r} was never read" + (f"; did you mean {near!r}?" if near else ".")
        for name, near in nearest.items()
    )


def _nearest(name: str, read: Collection[str]) -> str | None:
    """The name with its outermost part that was never read replaced by one that was."""
    section, rest = "", name
    while (head := f"{section}{rest.partition('.')[0]}") in read:
        section, rest = f"{head}.", rest.partition(".")[2]
    slip, dot, below = rest.partition(".")
    beside = {key[len(section) :].partition(".")[0] for key in read if key.startswith(section)}
    near = difflib.get_close_matches(slip, beside, n=1)
    return f"{section}{near[0]}{dot}{below}" if near else None
