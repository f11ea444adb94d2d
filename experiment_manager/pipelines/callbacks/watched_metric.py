"""The one metric of an epoch that a callback acts on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from experiment_manager.common.common import Metric
from experiment_manager.common.errors import did_you_mean
from experiment_manager.common.metrics import metric_name, scalars_of, to_points


class WatchedMetric:
    """Finds a metric among those of an epoch, and tells once where it is not there.

    Args:
        metric: By :class:`Metric` or name (``acc/cat`` for a label's).
        watcher: Who watches it; opens the warning.
        logger: Where the warning goes.

    Attributes:
        name: Name of the metric.

    Raises:
        MetricError: It is no name of a metric (a ``ValueError``).
    """

    def __init__(self, metric: Metric | str, watcher: str, logger: logging.Logger) -> None:
        self.name = metric_name(metric)
        self._watcher = watcher
        self._logger = logger
        self._told_missing = False

    def value_in(self, metrics: Mapping[Any, Any], epoch_idx: int) -> float | None:
        """The number, or None where this epoch did not measure it."""
        numbers = scalars_of(to_points(metrics))
        if self.name not in numbers and not self._told_missing:
            self._told_missing = True
            self._logger.warning(
                "%s watches %r, which epoch %d did not measure.%s",
                self._watcher,
                self.name,
                epoch_idx,
                did_you_mean(self.name, numbers),
            )
        return numbers.get(self.name)
