"""The callbacks of a pipeline, by the hooks that they override."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from experiment_manager.common.errors import CheckpointError
from experiment_manager.pipelines.callbacks.callback import Callback

HOOKS = ("on_start", "on_epoch_start", "on_batch_end", "on_epoch_end", "on_end")
Hook = Callable[..., Any]


class CallbackList:
    """Callbacks in order of registration, and of each hook those that override it.

    Attributes:
        all: Every callback.
    """

    def __init__(self) -> None:
        self.all: list[Callback] = []
        self._hooks: dict[str, list[Hook]] = {name: [] for name in HOOKS}

    def add(self, callback: Callback) -> None:
        """Have it take part from now on."""
        self.all.append(callback)
        for name in HOOKS:
            hook = getattr(callback, name)
            if getattr(hook, "__func__", None) is not getattr(Callback, name):
                self._hooks[name].append(hook)
        for name in ("on_epoch_start", "on_epoch_end"):
            self._hooks[name].sort(key=_is_last)

    def hooks(self, name: str) -> list[Hook]:
        """The hooks of a name that do anything, in the order in which they are called."""
        return self._hooks[name][::-1] if name == "on_end" else self._hooks[name]

    def state_dict(self) -> dict[str, Any]:
        """The state of each callback that declares one, by its class."""
        return {key: callback.state_dict() for key, callback in self._with_state().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Give each callback its state back.

        Raises:
            CheckpointError: The callbacks are others than those of the checkpoint.
        """
        callbacks = self._with_state()
        if set(callbacks) != set(state):
            raise CheckpointError(
                f"The checkpoint was made with the callbacks {sorted(state)}, the run has "
                f"{sorted(callbacks)}"
            )
        for key, callback in callbacks.items():
            callback.load_state_dict(state[key])

    def _with_state(self) -> dict[str, Callback]:
        """By class name, with a number from the second of a class on."""
        named: dict[str, Callback] = {}
        for callback in self.all:
            if callback.declares_state():
                name = type(callback).__name__
                count = sum(key.partition(" ")[0] == name for key in named)
                named[f"{name} {count + 1}" if count else name] = callback
        return named


def _is_last(hook: Hook) -> bool:
    return bool(getattr(getattr(hook, "__self__", None), "is_last", False))
