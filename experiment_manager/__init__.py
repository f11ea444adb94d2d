"""Describe experiments in YAML, write the pipeline once, get every run executed and recorded.

The names below load on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from experiment_manager.version import __version__

if TYPE_CHECKING:
    from experiment_manager.common.common import Level, Metric, RunStatus
    from experiment_manager.common.errors import EarlyStop
    from experiment_manager.environment import Environment
    from experiment_manager.experiment import Experiment
    from experiment_manager.pipelines.pipeline import Pipeline
    from experiment_manager.pipelines.pipeline_factory import PipelineFactory

__all__ = [
    "EarlyStop",
    "Environment",
    "Experiment",
    "Level",
    "Metric",
    "Pipeline",
    "PipelineFactory",
    "RunStatus",
    "__version__",
]

_HOMES = {
    "EarlyStop": "common.errors",
    "Environment": "environment",
    "Experiment": "experiment",
    "Level": "common.common",
    "Metric": "common.common",
    "Pipeline": "pipelines.pipeline",
    "PipelineFactory": "pipelines.pipeline_factory",
    "RunStatus": "common.common",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
