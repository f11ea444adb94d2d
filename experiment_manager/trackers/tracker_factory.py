"""Trackers from the ``trackers:`` and ``database:`` of env.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiment_manager.common.factory import Factory, check_typed
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.trackers.plugins.database_tracker import DatabaseTracker
from experiment_manager.trackers.plugins.json_lines_tracker import JsonLinesTracker
from experiment_manager.trackers.plugins.log_tracker import LogTracker
from experiment_manager.trackers.plugins.mlflow_tracker import MLflowTracker
from experiment_manager.trackers.plugins.performance_tracker import PerformanceTracker
from experiment_manager.trackers.plugins.tensorboard_tracker import TensorBoardTracker
from experiment_manager.trackers.plugins.wandb_tracker import WandbTracker
from experiment_manager.trackers.tracker import Tracker

BUILT_IN = (
    DatabaseTracker,
    JsonLinesTracker,
    LogTracker,
    MLflowTracker,
    PerformanceTracker,
    TensorBoardTracker,
    WandbTracker,
)
PROVIDED = frozenset({"workspace", "log_dir", "directory"})


class TrackerFactory(Factory):
    """Makes trackers by their short names or class names."""

    @staticmethod
    def create(type_name: str, config: Mapping[str, Any], *args: Any, **kwargs: Any) -> Tracker:
        """The tracker registered under ``type_name``.

        Args:
            type_name: Such as ``"log"`` or ``"LogTracker"``.
            config: The tracker's keys in env.yaml.
            args: Passed on to the class's ``from_config``.
            kwargs: Passed on likewise: ``workspace``, ``log_dir`` and ``directory``.

        Raises:
            UnknownTypeError: Nothing is registered under the name.
        """
        tracker: Tracker = Factory.create(type_name, config, *args, **kwargs)
        return tracker

    @staticmethod
    def create_all(
        config: Mapping[str, Any], workspace: Path, log_dir: Path, directory: Path
    ) -> list[Tracker]:
        """The trackers of an environment: database and log, then those that it names.

        Args:
            config: Resolved content of env.yaml.
            workspace: The workspace's folder.
            log_dir: Log folder of the experiment.
            directory: Folder of what is tracked: the experiment or the run.
        """
        named = list(config.get("trackers") or [])
        types = {YAMLSerializable.get_class(entry["type"]) for entry in named}
        always = {
            DatabaseTracker: {"type": "database", **(config.get("database") or {})},
            LogTracker: {"type": "log"},
        }
        entries = [entry for cls, entry in always.items() if cls not in types] + named
        places = {"workspace": workspace, "log_dir": log_dir, "directory": directory}
        return [TrackerFactory.create(entry["type"], entry, **places) for entry in entries]

    @staticmethod
    def check(config: Mapping[str, Any]) -> list[str]:
        """What is wrong with an entry of ``trackers:``; empty if nothing."""
        return check_typed(config, Tracker, PROVIDED)
