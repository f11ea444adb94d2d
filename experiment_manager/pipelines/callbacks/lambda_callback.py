"""A callback put together from functions, where a class would be too much."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from experiment_manager.pipelines.callbacks.callback import Callback


class LambdaCallback(Callback):
    """Has the given functions as its hooks; one that is not given costs nothing.

    It is made in code only, and keeps no state: a run that goes on from a checkpoint calls the
    same functions, with whatever they remember.

    Args:
        on_register: Gets the pipeline.
        on_start: Gets nothing.
        on_epoch_start: Gets the epoch's index.
        on_batch_end: Gets the batch's index and metrics; answers False to stop.
        on_epoch_end: Gets the epoch's index and metrics; answers False to stop.
        on_end: Gets the final results.

    Example:
        >>> callback = LambdaCallback(on_epoch_end=lambda epoch_idx, metrics: epoch_idx < 9)
        >>> callback.on_epoch_end(9, {})
        False
    """

    def __init__(
        self,
        *,
        on_register: Callable[[Any], object] | None = None,
        on_start: Callable[[], object] | None = None,
        on_epoch_start: Callable[[int], object] | None = None,
        on_batch_end: Callable[[int, Mapping[Any, Any]], object] | None = None,
        on_epoch_end: Callable[[int, Mapping[Any, Any]], object] | None = None,
        on_end: Callable[[Mapping[Any, Any]], object] | None = None,
    ) -> None:
        super().__init__()
        hooks = {
            "on_register": on_register,
            "on_start": on_start,
            "on_epoch_start": on_epoch_start,
            "on_batch_end": on_batch_end,
            "on_epoch_end": on_epoch_end,
            "on_end": on_end,
        }
        for name, function in hooks.items():
            if function is not None:
                setattr(self, name, function)
