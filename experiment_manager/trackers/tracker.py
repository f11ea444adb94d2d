"""The contract of everything that records."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.factory import create_with_arguments
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.trackers.context import Context


class Tracker(YAMLSerializable, ABC):
    """Records what happens, at every level of the hierarchy.

    The laws that callers keep:

    - A tracker hears of an entity in the order ``on_create``, ``on_start``, whatever is
      recorded inside, ``on_end``; of a parent before its children.
    - It is told everything it needs: the context names the entity and its parents, so it
      counts no epochs and asks nobody.
    - Metrics come as finished points, the same for all trackers. What a call was given is safe
      when it returns; others may see it a moment later, or after ``flush``.

    Whatever it raises while an entity is created or started stops the run; later it is
    muted and reported once, unless ``required`` is set. ``on_end`` and ``close`` are
    always called.

    The constructor gets the tracker's keys in env.yaml as keyword arguments, and besides
    ``workspace``, ``log_dir`` and ``directory`` (each a :class:`~pathlib.Path`: the workspace,
    the experiment's logs, the folder of what is tracked) where it has parameters of these names.

    Attributes:
        logger: Where it may report what does not stop the training.
    """

    required: ClassVar[bool] = False
    """True where a run without this tracker would be worth nothing."""

    logger: logging.Logger = logging.getLogger(__name__)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **places: Path) -> Tracker:
        """The tracker that an entry of ``trackers:`` in env.yaml describes."""
        tracker: Tracker = create_with_arguments(cls, config, **places)
        return tracker

    def claim(
        self,
        number: int,
        context: Context,
        config_hash: str | None = None,
        attempts: int | None = None,
    ) -> None:
        """A planned run is about to be touched here.

        Args:
            number: Of the run within its trial.
            context: The trial.
            config_hash: Of the configuration that it is to be executed with.
            attempts: How many were made of it when it was planned; None where nobody knows.

        Raises:
            RunTakenError: Another process has it, or has executed it meanwhile; nothing of it
                will be touched.
        """

    @abstractmethod
    def on_create(self, level: Level, context: Context, **details: Any) -> None:
        """An entity at ``level`` comes into being; ``details`` is what its creator said of it.

        For a planned experiment these are ``description`` and ``trials``, the names of those
        that are about to be created. For a planned trial run these are ``seed``, ``config_hash``,
        ``config``, ``overrides`` (the command line's changes of it), ``recipe`` and ``snapshots``
        (what it is made of, as values and as hashes of values that the database has), and
        ``resumed_epoch``: where the next attempt of a run goes on from a checkpoint, index of the
        last epoch that stays of the attempt before; None where it begins anew.
        """

    @abstractmethod
    def on_start(self, level: Level, context: Context) -> None:
        """Work on the entity begins."""

    @abstractmethod
    def on_end(
        self,
        level: Level,
        context: Context,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
    ) -> None:
        """Work on the entity is over; ``error`` is the traceback of a failure."""

    def track(self, points: Sequence[MetricPoint], context: Context) -> None:
        """Metrics were measured inside the entity that ``context`` names."""

    def log_params(self, params: Mapping[str, Any], context: Context) -> None:
        """Parameters were set; the names of nested ones are joined by dots."""

    def on_add_artifact(self, artifact_path: Path, artifact_type: str, context: Context) -> None:
        """A file belongs to the entity that ``context`` names."""

    def on_checkpoint(
        self, network: Any, checkpoint_path: Path, points: Sequence[MetricPoint], context: Context
    ) -> None:
        """A model was saved; by default its file is an artifact of type ``checkpoint``."""
        del network, points
        self.on_add_artifact(checkpoint_path, "checkpoint", context)

    def flush(self) -> None:
        """Have everything where others can read it, as far as that takes no waiting."""

    def close(self) -> None:
        """Nothing more will come; give back what is held. May be called twice."""
