"""State that is declared, kept in a checkpoint and brought back by a resume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from experiment_manager.common.errors import CheckpointError


class Stateful:
    """Has attributes that a run which goes on from a checkpoint needs back.

    They are named in :attr:`checkpointed`. One that has a ``state_dict`` and a
    ``load_state_dict`` (torch modules and optimizers, schedulers, other ``Stateful`` objects) is
    saved and loaded by these, a NumPy generator by its state, all else as it is. Whoever needs
    more overrides both methods here.

    Example:
        >>> class Counter(Stateful):
        ...     checkpointed = ("count",)
        ...     count = 0
        >>> counter = Counter()
        >>> counter.load_state_dict({"count": 3})
        >>> counter.state_dict()
        {'count': 3}
    """

    checkpointed: ClassVar[tuple[str, ...]] = ()
    """Names of the attributes that a checkpoint keeps."""

    @classmethod
    def declares_state(cls) -> bool:
        """True where there is anything to keep."""
        return bool(cls.checkpointed) or cls.state_dict is not Stateful.state_dict

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps, by name."""
        return {name: _saved(getattr(self, name)) for name in self.checkpointed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave.

        Raises:
            CheckpointError: Something is missing in it.
        """
        missing = [name for name in self.checkpointed if name not in state]
        if missing:
            raise CheckpointError(
                f"The checkpoint holds no {', '.join(missing)} of {type(self).__name__}"
            )
        for name in self.checkpointed:
            _load(self, name, state[name])


def _saved(value: Any) -> Any:
    if callable(getattr(value, "state_dict", None)):
        return value.state_dict()
    if hasattr(value, "bit_generator"):
        return value.bit_generator.state
    return value


def _load(owner: object, name: str, saved: Any) -> None:
    current = getattr(owner, name, None)
    if callable(getattr(current, "load_state_dict", None)):
        current.load_state_dict(saved)  # type: ignore[union-attr]
    elif hasattr(current, "bit_generator"):
        current.bit_generator.state = saved  # type: ignore[union-attr]
    else:
        setattr(owner, name, saved)
