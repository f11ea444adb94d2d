"""One face for many trackers: keeps the place in the hierarchy, converts, fans out."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from experiment_manager.common.common import Level, Metric, RunStatus
from experiment_manager.common.errors import TrackingError
from experiment_manager.common.metrics import scalar_point, to_points
from experiment_manager.common.yaml_utils import flatten
from experiment_manager.trackers.broadcast import Broadcast
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.hierarchy import Entity, Hierarchy
from experiment_manager.trackers.tracker import Tracker


class TrackerManager:
    """Records into every tracker at once, at the place in the hierarchy that is open.

    Without any ``on_create`` the missing parents are opened on the first call: an experiment
    of the manager's name, a trial ``default``, a run.

    Failures are handled by phase: while an entity from the experiment down to the pipeline is
    created or started they raise; afterwards a tracker that fails is muted and reported once,
    unless it is required; ends and closes are attempted for all, in reverse order.

    Args:
        trackers: Where to record; may be empty.
        context: What is open already, for a manager that starts inside a trial.
        name: Name of an experiment that is opened implicitly.
        borrowed: Record like the trackers, but are left open by :meth:`close`.

    Example:
        >>> manager = TrackerManager([])
        >>> manager.track(Metric.VAL_ACC, 0.9, step=1)
        >>> with TrackScope(manager, Level.EPOCH, 2):
        ...     manager.track_dict({Metric.TRAIN_LOSS: 0.4, "f1": 0.8})
        >>> manager.close()
    """

    def __init__(
        self,
        trackers: Sequence[Tracker] = (),
        context: Context | None = None,
        name: str = "default",
        borrowed: Sequence[Tracker] = (),
    ) -> None:
        self._broadcast = Broadcast([*trackers, *borrowed])
        self._owned = self._broadcast.sharing(trackers)
        self._hierarchy = Hierarchy(context or Context(), name)

    @property
    def trackers(self) -> tuple[Tracker, ...]:
        """The trackers in the order of their start."""
        return self._broadcast.trackers

    @property
    def context(self) -> Context:
        """The place in the hierarchy that is open now."""
        return self._hierarchy.context

    def report_to(self, logger: logging.Logger) -> None:
        """Have everything that the trackers report, and their failures, reported here."""
        self._broadcast.logger = self._owned.logger = logger
        for tracker in self._owned.trackers:
            tracker.logger = logger

    def create_child(self, name: str) -> TrackerManager:
        """A manager that starts at this one's place and records into the same trackers.

        Closing it ends what it opened and leaves the trackers open.
        """
        child = TrackerManager((), self.context, name)
        child._broadcast = self._broadcast.sharing(self.trackers)
        return child

    def claim(
        self, number: int, config_hash: str | None = None, attempts: int | None = None
    ) -> None:
        """Have the planned run of this number for this process alone, before it is touched.

        Raises:
            RunTakenError: Another process executes it, has finished it, or has made an attempt
                of it since it was planned.
        """
        self._ensure_parents(Level.TRIAL_RUN)
        self._broadcast.start(
            lambda tracker: tracker.claim(number, self.context, config_hash, attempts)
        )

    def on_create(self, level: Level, *args: Any, **details: Any) -> None:
        """Open an entity at ``level`` inside whatever is open, and missing parents with it.

        Args:
            level: Where.
            args: Name of an experiment or trial; number of a run; index of an epoch or batch.
                Left out, it is a default name or the next number.
            details: What the trackers shall know of it; the first argument may stand here as
                ``name`` (also ``trial_name`` and so on), ``number`` or ``index`` (also
                ``epoch_idx``, ``batch_idx``).

        Raises:
            TrackingError: An entity of this level or below is still open.
        """
        self._create(level, args, details)

    def on_start(self, level: Level, *args: Any, **details: Any) -> None:
        """Work on the entity begins; one that nobody created is created.

        Raises:
            TrackingError: It was started before.
        """
        entity = self._hierarchy.find(level)
        if entity is None or entity.implicit:
            entity = self._create(level, args, details)
        if entity.started:
            raise TrackingError(
                f"on_start({level.name}): {entity.inside} has been started already; "
                f"call on_end({level.name}) first"
            )
        self._start(entity)

    def on_end(
        self,
        level: Level,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
    ) -> None:
        """Work on the entity is over; whatever is open below it ends with it.

        Raises:
            TrackingError: No entity of this level was opened here.
        """
        if self._hierarchy.find(level) is None:
            raise TrackingError(
                f"on_end({level.name}): none is open; call on_create({level.name}) first"
            )
        with ExitStack() as endings:
            for entity in self._hierarchy.ending_with(level):
                endings.callback(self._leave, entity, status, error)

    def track(self, metric: Metric | str, value: Any, step: int | None = None) -> None:
        """Record one metric; see :meth:`track_dict`."""
        point = scalar_point(metric, value, step)
        hierarchy = self._hierarchy
        if point is None or hierarchy.context.level is None:
            self.track_dict({metric: value}, step)
        else:
            self._broadcast.track((point,), hierarchy.context_of_metrics(step))

    def track_dict(self, metrics: Mapping[Any, Any], step: int | None = None) -> None:
        """Record metrics at the place that is open.

        Inside a run but outside of an epoch, a ``step`` names the epoch they belong to, and
        metrics without one are results of the run.

        Raises:
            MetricError: A value that is no metric; nothing is recorded then.
        """
        step = None if step is None else operator.index(step)
        points = to_points(metrics, step)
        if not points:
            return
        if self.context.level is None:
            self._ensure(Level.TRIAL_RUN)
        self._broadcast.track(points, self._hierarchy.context_of_metrics(step))

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters of the open run, trial or experiment (nested names get dots)."""
        if self.context.level is None:
            self._ensure(Level.TRIAL_RUN)
        flat = flatten(params)
        in_run = self.context.contains(Level.TRIAL_RUN)
        context = self.context.up_to(Level.TRIAL_RUN) if in_run else self.context
        self._broadcast.tell(lambda tracker: tracker.log_params(flat, context))

    def on_add_artifact(
        self, level: Level, artifact_path: str | Path, artifact_type: str = "artifact"
    ) -> None:
        """Record that a file belongs to the entity which is open at ``level``.

        Outside of an epoch, ``Level.EPOCH`` means the last one.
        """
        self._ensure(Level.TRIAL_RUN if level.is_below(Level.TRIAL_RUN) else level)
        context = self._hierarchy.context_at(level)
        path = Path(artifact_path)
        self._broadcast.tell(lambda tracker: tracker.on_add_artifact(path, artifact_type, context))

    def on_checkpoint(
        self,
        network: Any,
        checkpoint_path: str | Path,
        metrics: Mapping[Any, Any] | None = None,
    ) -> None:
        """Record that a model was saved, at the open epoch or else at the run."""
        points = to_points(metrics or {})
        self._ensure(Level.TRIAL_RUN)
        context = self.context
        path = Path(checkpoint_path)
        self._broadcast.tell(lambda tracker: tracker.on_checkpoint(network, path, points, context))

    def flush(self) -> None:
        """Have everything that was recorded where others can read it."""
        self._broadcast.tell(lambda tracker: tracker.flush())

    def close(self, status: RunStatus = RunStatus.COMPLETED) -> None:
        """End what is still open; close the trackers, save borrowed and a parent's ones."""
        with ExitStack() as endings:
            endings.callback(self._owned.finish, lambda tracker: tracker.close())
            for entity in self._hierarchy.open_here:
                endings.callback(self._leave, entity, status, None)

    # How entities are opened and closed.

    def _create(self, level: Level, args: tuple[Any, ...], details: Mapping[str, Any]) -> Entity:
        with ExitStack() as endings:
            for entity in self._hierarchy.in_the_way(level):
                endings.callback(self._leave, entity, RunStatus.COMPLETED, None)
        self._ensure_parents(level)
        return self._enter(level, args, details, implicit=False)

    def _enter(
        self, level: Level, args: tuple[Any, ...], details: Mapping[str, Any], *, implicit: bool
    ) -> Entity:
        entity = self._hierarchy.enter(level, args, details, implicit=implicit)
        self._begin(
            level, lambda tracker: tracker.on_create(level, entity.inside, **entity.details)
        )
        return entity

    def _start(self, entity: Entity) -> None:
        entity.started = True
        self._begin(entity.level, lambda tracker: tracker.on_start(entity.level, entity.inside))

    def _begin(self, level: Level, call: Callable[[Tracker], object]) -> None:
        if level.is_below(Level.PIPELINE):
            self._broadcast.tell(call)
        else:
            self._broadcast.start(call)

    def _leave(self, entity: Entity, status: RunStatus, error: str | None) -> None:
        self._hierarchy.leave(entity)
        self._broadcast.finish(
            lambda tracker: tracker.on_end(entity.level, entity.inside, status=status, error=error)
        )

    def _ensure(self, level: Level) -> None:
        """Open what is missing down to ``level``."""
        self._ensure_parents(level)
        if not self.context.contains(level):
            self._start(self._enter(level, (), {}, implicit=True))

    def _ensure_parents(self, level: Level) -> None:
        for parent in self._hierarchy.missing_parents(level):
            self._start(self._enter(parent, (), {}, implicit=True))


class TrackScope:
    """Starts an entity on entering a ``with`` block and ends it on leaving.

    It ends as ``FAILED`` where an exception leaves the block, ``STOPPED`` for an early stop
    and ``ABORTED`` for an interrupt.

    Args:
        tracker: The manager (or anything with its ``on_start`` and ``on_end``).
        level: Level of the entity.
        args: As for :meth:`TrackerManager.on_create`.
        details: As for :meth:`TrackerManager.on_create`.
    """

    def __init__(self, tracker: TrackerManager, level: Level, *args: Any, **details: Any) -> None:
        self._tracker = tracker
        self._level = level
        self._args = args
        self._details = details

    def __enter__(self) -> TrackerManager:
        self._tracker.on_start(self._level, *self._args, **self._details)
        return self._tracker

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tracker.on_end(self._level, RunStatus.of_exception(error))
