"""Ends a training whose numbers have become meaningless."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiment_manager.common.common import Metric
from experiment_manager.common.errors import ExperimentManagerError
from experiment_manager.common.metrics import metric_name, scalars_of, to_points
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.pipelines.callbacks.callback import Callback


class DivergedError(ExperimentManagerError, ArithmeticError):
    """A metric is NaN or infinite; the text says which, and when."""


@YAMLSerializable.register("terminate_on_nan")
class TerminateOnNaN(Callback):
    """Fails the run as soon as a metric of an epoch or a batch is NaN or infinite.

    A diverged training is no success, so it is not stopped but fails, and the same command
    runs it again.

    Args:
        metrics: Names of the metrics to watch; ``acc`` stands for all labels of ``acc``, and
            ``acc/cat`` for one. Every metric that is recorded, where they are left out.

    Raises:
        ValueError: ``metrics`` is not a list of names.
    """

    def __init__(self, metrics: Sequence[Metric | str] | None = None) -> None:
        super().__init__()
        self.metrics = _checked_names(metrics)
        self._epoch_idx = 0

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse what is not a list of names."""
        _checked_names(config.get("metrics"))

    def on_epoch_start(self, epoch_idx: int) -> None:
        """Remember the epoch to which the next batches belong."""
        self._epoch_idx = epoch_idx

    def on_batch_end(self, batch_idx: int, metrics: Mapping[Any, Any]) -> None:
        """Check the batch's metrics.

        Raises:
            DivergedError: One of them is not finite.
        """
        self._check(metrics, f"batch {batch_idx} of epoch {self._epoch_idx}")

    def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
        """Check the epoch's metrics.

        Raises:
            DivergedError: One of them is not finite.
        """
        self._check(metrics, f"epoch {epoch_idx}")

    def _check(self, metrics: Mapping[Any, Any], when: str) -> None:
        for name, value in scalars_of(to_points(metrics)).items():
            if not math.isfinite(value) and self._watches(name):
                raise DivergedError(f"The training has diverged: {name} is {value} after {when}")

    def _watches(self, name: str) -> bool:
        return self.metrics is None or not self.metrics.isdisjoint({name, name.partition("/")[0]})


def _checked_names(metrics: Any) -> frozenset[str] | None:
    if metrics is None:
        return None
    if isinstance(metrics, str) or not isinstance(metrics, Sequence) or not metrics:
        raise ValueError(f"'metrics' must be a list of names of metrics, not {metrics!r}")
    return frozenset(map(metric_name, metrics))
