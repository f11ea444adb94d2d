"""Runs in Weights & Biases, in files that ``wandb sync`` uploads later, or at once."""

from __future__ import annotations

import re
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.files import write_text_atomic
from experiment_manager.common.imports import require
from experiment_manager.common.metrics import MetricPoint, numbers_of
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.config.paths import WorkspacePaths, name_problem
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker import Tracker

FOLDER = "wandb"
RUN_ID_FILE = "wandb_run_id"
_EPOCH = "epoch"
_REFUSED_IN_PROJECTS = re.compile(r"[/\\#?%:]")
_MAX_PROJECT_LENGTH = 128


@dataclass
class _OpenRun:
    """A run of W&B that is being recorded.

    Attributes:
        run: W&B's object.
        service: W&B's state in this process, which knows the runs of others too.
        own_axis: Names of metrics that were told to stand by W&B's step.
    """

    run: Any
    service: Any
    own_axis: set[str] = field(default_factory=set)


@YAMLSerializable.register("wandb")
class WandbTracker(Tracker):
    """Makes a run of W&B for every trial run, in the group of its trial.

    Scalars stand by their epoch, those of a label as ``name/label``; those of batches as
    ``batch/name``, by W&B's own count of steps. Of a confusion matrix the accuracy is written.
    Only runs are written: no metrics or parameters of trials and experiments, and no files.

    A planned run has the same id in every attempt; it lies in the run's folder. If the run is
    resumed, it goes on under this id, and W&B keeps the points of the earlier attempt; if it
    begins anew, its offline files are deleted. W&B's service process writes offline files in
    blocks of 32 KiB; a process that is killed loses the last one. While a run is recorded,
    ``mode`` holds for whatever else the process does with W&B.

    Args:
        workspace: The workspace's folder; the files lie in ``wandb`` inside.
        project: Name of W&B's project; by default the experiment's, with ``-`` for what
            W&B refuses.
        entity: User or team; by default that of the login.
        mode: ``offline`` never touches the network, ``online`` needs a login.

    Raises:
        MissingDependencyError: wandb is not installed.

    Example:
        In env.yaml::

            trackers:
              - type: wandb
                project: digits
    """

    def __init__(
        self,
        workspace: Path,
        project: str | None = None,
        entity: str | None = None,
        mode: Literal["offline", "online"] = "offline",
    ) -> None:
        super().__init__()
        self._wandb = require("wandb", "wandb", "The wandb tracker")
        self._workspace = workspace
        self._project = project
        self._entity = entity
        self._mode = mode
        self._open: dict[str, _OpenRun] = {}

    def on_create(self, level: Level, context: Context, **details: Any) -> None:
        """W&B's run begins, or goes on."""
        if level is not Level.TRIAL_RUN or context.run_key is None:
            return
        run_id = self._id_of(context)
        is_resumed = details.get("resumed_epoch") is not None
        if not is_resumed:
            self._delete_offline_files(run_id)
        with _exit_as_before():
            opened = self._start_run(context, run_id, is_resumed=is_resumed)
        opened.run.define_metric("*", step_metric=_EPOCH)
        self._open[context.run_key] = opened

    def on_start(self, level: Level, context: Context) -> None:
        """Nothing more: a run of W&B begins when it is created."""

    def on_end(
        self,
        level: Level,
        context: Context,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
    ) -> None:
        """W&B's run is finished, with exit code 0 for a success and else 1."""
        opened = self._open_run(context)
        if level is Level.TRIAL_RUN and opened is not None:
            del self._open[str(context.run_key)]
            self._finish(opened, 0 if status.is_success else 1)

    def track(self, points: Sequence[MetricPoint], context: Context) -> None:
        """The metrics as one row of the run's history."""
        opened = self._open_run(context)
        if opened is None or not points:
            return
        numbers = {name: value for p in points for name, value in numbers_of(p).items()}
        if context.batch is not None:
            numbers = {f"batch/{name}": value for name, value in numbers.items()}
            _give_own_axis(opened, numbers)
        epoch = _epoch_of(points, context)
        opened.run.log(numbers if epoch is None else {_EPOCH: epoch, **numbers})

    def log_params(self, params: Mapping[str, Any], context: Context) -> None:
        """The parameters of a run, as W&B's config."""
        opened = self._open_run(context)
        if opened is not None:
            opened.run.config.update(params, allow_val_change=True)

    def close(self) -> None:
        """Finish the runs that nobody ended, as failed."""
        while self._open:
            self._finish(self._open.popitem()[1], 1)

    def _open_run(self, context: Context) -> _OpenRun | None:
        return self._open.get(str(context.run_key))

    def _start_run(self, context: Context, run_id: str, *, is_resumed: bool) -> _OpenRun:
        settings = self._wandb.Settings(mode=self._mode, silent=True, console="off")
        # Without its global settings W&B would send statistics of use, even offline.
        service = self._wandb.setup(settings)
        run = self._wandb.init(
            project=self._project or _project_name(str(context.experiment)),
            entity=self._entity,
            id=run_id,
            name=f"{context.trial} run {context.run or context.run_key}",
            group=context.trial,
            dir=str(self._workspace),
            resume="allow" if is_resumed else None,
            reinit="create_new",
            settings=settings,
        )
        return _OpenRun(run, service)

    def _finish(self, opened: _OpenRun, exit_code: int) -> None:
        """Finish a run; the last one in this process takes W&B's service process with it."""
        opened.run.finish(exit_code=exit_code)
        if opened.service.most_recent_active_run is None:
            self._wandb.teardown()

    def _id_of(self, context: Context) -> str:
        """That of an earlier attempt, which lies in the run's folder; else a new one."""
        names = (str(context.experiment), str(context.trial))
        if context.run is None or any(map(name_problem, names)):
            return _new_id()
        file = WorkspacePaths(self._workspace).run(*names, context.run).root / RUN_ID_FILE
        if not file.exists():
            write_text_atomic(file, _new_id())
        return file.read_text(encoding="utf-8")

    def _delete_offline_files(self, run_id: str) -> None:
        for folder in (self._workspace / FOLDER).glob(f"offline-run-*-{run_id}"):
            shutil.rmtree(folder)


def _new_id() -> str:
    return uuid.uuid4().hex[:16]


@contextmanager
def _exit_as_before() -> Iterator[None]:
    """Undo that W&B replaces the functions by which the interpreter ends."""
    leave, hook = sys.exit, sys.excepthook
    try:
        yield
    finally:
        sys.exit, sys.excepthook = leave, hook


def _project_name(experiment: str) -> str:
    return _REFUSED_IN_PROJECTS.sub("-", experiment)[:_MAX_PROJECT_LENGTH]


def _epoch_of(points: Sequence[MetricPoint], context: Context) -> int | None:
    """What all points have as their step, or else the open epoch; a batch has no other."""
    step = points[0].step if context.batch is None else None
    return context.epoch if step is None else step


def _give_own_axis(opened: _OpenRun, names: Mapping[str, float]) -> None:
    """Take metrics out of the rule that all stand by their epoch."""
    for name in set(names) - opened.own_axis:
        if "*" not in name:  # W&B takes it for a pattern
            opened.run.define_metric(name)
        opened.own_axis.add(name)
