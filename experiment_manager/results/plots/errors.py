"""What cannot be drawn."""

from __future__ import annotations

from experiment_manager.common.errors import ExperimentManagerError


class PlotError(ExperimentManagerError, ValueError):
    """Runs of which a plot would show nothing, or something misleading."""
