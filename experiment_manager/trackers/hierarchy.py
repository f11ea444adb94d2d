"""The entities that are open, from the experiment down, and how new ones are told apart."""

from __future__ import annotations

import operator
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from experiment_manager.common.common import Level
from experiment_manager.common.errors import TrackingError
from experiment_manager.trackers.context import Context

IMPLICIT_TRIAL = "default"
_PARENTS = (Level.EXPERIMENT, Level.TRIAL, Level.TRIAL_RUN, Level.EPOCH)


@dataclass(eq=False)
class Entity:
    """An entity that is open.

    Attributes:
        level: Its level.
        outside: The context in which it was opened.
        inside: The context of what it contains.
        details: What its creator said of it.
        implicit: True where nobody asked for it by itself.
        started: True from its ``on_start`` on.
    """

    level: Level
    outside: Context
    inside: Context
    details: Mapping[str, Any] = field(default_factory=dict)
    implicit: bool = False
    started: bool = False


class Hierarchy:
    """A stack of open entities that refuses what does not fit.

    Args:
        context: What is open already and is not this hierarchy's to close.
        name: Name of an experiment that is opened without one.
    """

    def __init__(self, context: Context, name: str) -> None:
        self.context = context
        self._name = name
        self._open: list[Entity] = []
        self._last_epoch = -1
        self._last_batch = -1

    @property
    def open_here(self) -> tuple[Entity, ...]:
        """The entities that were opened here, the outermost first."""
        return tuple(self._open)

    def find(self, level: Level) -> Entity | None:
        """The entity that was opened here at ``level``."""
        return next((entity for entity in self._open if entity.level is level), None)

    def missing_parents(self, level: Level) -> list[Level]:
        """The levels that must be opened before one can be opened at ``level``."""
        return [p for p in _PARENTS if level.is_below(p) and not self.context.contains(p)]

    def in_the_way(self, level: Level) -> tuple[Entity, ...]:
        """What must be closed before an entity can be opened at ``level``, outermost first.

        Raises:
            TrackingError: One was opened on purpose, so nobody but its opener may close it.
        """
        blocking = tuple(e for e in self._open if not level.is_below(e.level))
        for entity in blocking:
            if not entity.implicit:
                raise TrackingError(
                    f"on_create({level.name}): {entity.inside} is still open; "
                    f"call on_end({entity.level.name}) first"
                )
        return blocking

    def ending_with(self, level: Level) -> tuple[Entity, ...]:
        """What ends with the entity that is open at ``level``, the outermost first.

        That is whatever is open below it, and the run of a pipeline that stands by itself,
        because it was opened for that pipeline alone.
        """
        first = [entity.level for entity in self._open].index(level)
        if level is Level.PIPELINE and first > 0 and self._open[first - 1].implicit:
            first -= 1
        return tuple(self._open[first:])

    def enter(
        self, level: Level, args: tuple[Any, ...], details: Mapping[str, Any], *, implicit: bool
    ) -> Entity:
        """Open an entity at ``level``; its name, number or index is among the arguments."""
        given, others = _identity(level, args, details)
        inside = self.context.entering(level, **self._values(level, given))
        self._count(inside)
        entity = Entity(level, self.context, inside, others, implicit)
        self._open.append(entity)
        self.context = inside
        return entity

    def leave(self, entity: Entity) -> None:
        """Close an entity; those below it have been closed before."""
        self._open.remove(entity)
        self.context = entity.outside

    def context_at(self, level: Level) -> Context:
        """The context up to ``level``; for a closed epoch or batch that of the last one."""
        context = self.context.up_to(level)
        if level.is_below(Level.PIPELINE) and context.epoch is None:
            context = context._replace(epoch=max(0, self._last_epoch))
        if level is Level.BATCH and context.batch is None:
            context = context._replace(batch=max(0, self._last_batch))
        return context

    def context_of_metrics(self, step: int | None) -> Context:
        """The open context; in a run but outside of an epoch, a step is an epoch's index."""
        context = self.context
        if step is None or context.epoch is not None or context.run_key is None:
            return context
        self._last_epoch = step
        return context.entering(Level.EPOCH, epoch=step)

    def _values(self, level: Level, given: Any) -> dict[str, Any]:
        """What the context says of an entity that was named or numbered ``given``."""
        if level is Level.EXPERIMENT:
            return {"experiment": str(given or self._name)}
        if level is Level.TRIAL:
            return {"trial": str(given or IMPLICIT_TRIAL)}
        number = None if given is None else operator.index(given)
        if level is Level.TRIAL_RUN:
            return {"run": number, "run_key": self._run_key(number)}
        if level is Level.EPOCH:
            return {"epoch": self._last_epoch + 1 if number is None else number}
        if level is Level.BATCH:
            return {"batch": self._last_batch + 1 if number is None else number}
        return {}

    def _run_key(self, number: int | None) -> str:
        if number is None:
            return uuid.uuid4().hex
        return f"{self.context.experiment}/{self.context.trial}/{number}"

    def _count(self, inside: Context) -> None:
        """Remember the last epoch of the run and the last batch of the epoch."""
        self._last_batch = -1 if inside.batch is None else inside.batch
        if inside.epoch is not None:
            self._last_epoch = inside.epoch
        elif inside.level is not Level.PIPELINE:
            self._last_epoch = -1


def _identity(
    level: Level, args: tuple[Any, ...], details: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """The name, number or index among the arguments, and the details that are left."""
    noun = level.name.lower()
    aliases = ("name", "number", "index", noun, f"{noun}_name", f"{noun}_idx")
    named = [details[alias] for alias in aliases if alias in details]
    others = {key: value for key, value in details.items() if key not in aliases}
    return next(iter([*args, *named]), None), others
