"""The tracker that writes the project's memory: every entity and value as rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.common.yaml_utils import resolve
from experiment_manager.config.paths import WorkspacePaths
from experiment_manager.config.plan import RECIPE
from experiment_manager.db.keys import (
    Owner,
    batch_owner,
    epoch_owner,
    experiment_owner,
    results_owner,
    run_owner,
    trial_owner,
)
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.recorder import Recorder
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker import Tracker


def database_url(workspace: Path, url: str | None = None) -> str:
    """The database of a workspace: the one that was named, else a SQLite file in it."""
    return url or f"sqlite:///{WorkspacePaths(workspace).database}"


def recording_url(environment: Mapping[str, Any], workspace: str | Path) -> str:
    """The database that env.yaml names, or the workspace's; it may hold a password."""
    given = resolve(dict(environment.get("database") or {}))
    return database_url(Path(workspace), given.get("url"))


@YAMLSerializable.register("database")
class DatabaseTracker(Tracker):
    """Writes into the database; what a call was given is safe when it returns.

    It is in a journal then, and in the database when the entity that it belongs to ends, or
    a moment later (see :class:`~experiment_manager.db.recorder.Recorder`). A database that is
    away does not stop a training.

    Experiments and trials are found again by their names. A planned run that starts again
    keeps its row: what its dead attempt left is replaced.

    Args:
        workspace: Folder to which artifact locations inside it are stored relative, and in
            which the SQLite file lies where no ``url`` is given.
        url: The database as an SQLAlchemy URL.
        directory: Folder of the journal; by default the workspace.
    """

    required: ClassVar[bool] = True

    def __init__(
        self, workspace: Path, url: str | None = None, directory: Path | None = None
    ) -> None:
        super().__init__()
        self._workspace = workspace
        self._directory = directory or workspace
        self._url = database_url(workspace, url)
        self._experiment_ids: dict[str, int] = {}
        self._trial_ids: dict[tuple[str, str], int] = {}
        self._run_ids: dict[str, int] = {}
        self._recorded: Context | None = None
        self._recorded_owner = Owner("", ())

    @cached_property
    def _db(self) -> DatabaseManager:
        return DatabaseManager.from_url(self._url)

    @cached_property
    def _recorder(self) -> Recorder:
        return Recorder(self._db, self._directory, self.logger)

    def claim(
        self,
        number: int,
        context: Context,
        config_hash: str | None = None,
        attempts: int | None = None,
    ) -> None:
        """The run is this process's, as everybody sees in the database."""
        trial_id, process = self._trial_id(context), ProcessIdentity.current()
        self._db.claim_trial_run(trial_id, number, process, config_hash, attempts)

    def on_create(self, level: Level, context: Context, **details: Any) -> None:
        """The entity's row; epochs and batches get theirs with their metrics."""
        if level is Level.EXPERIMENT:
            self._create_experiment(context, str(details.get("description", "")))
            self._create_trials(context, details.get("trials") or ())
        elif level is Level.TRIAL:
            self._trial_id(context)
        elif level is Level.TRIAL_RUN:
            self._create_run(context, details)

    def on_start(self, level: Level, context: Context) -> None:
        """Nothing more: a run's row says ``running`` from its creation on."""

    def on_end(
        self,
        level: Level,
        context: Context,
        status: RunStatus = RunStatus.COMPLETED,
        error: str | None = None,
    ) -> None:
        """The run's final status, or the row of a finished epoch or batch without metrics."""
        if level is Level.TRIAL_RUN and str(context.run_key) in self._run_ids:
            try:
                self._recorder.record_status(self._run(context), status, error)
            finally:
                self._run_ids.pop(str(context.run_key))
                self._recorder.close()  # a journal is of one run
        elif level.is_below(Level.PIPELINE) and status.is_success and self._recorded != context:
            self.track((), context)
        if not level.is_below(Level.PIPELINE):
            self.flush()

    def track(self, points: Sequence[MetricPoint], context: Context) -> None:
        """The metrics' rows and their links."""
        if self._recorded is not context:
            self._recorded = context
            self._recorded_owner = self._owner(context)
        if len(points) == 1:
            self._recorder.record_metric(self._recorded_owner, points[0])
        else:
            self._recorder.record_metrics(self._recorded_owner, points)

    def log_params(self, params: Mapping[str, Any], context: Context) -> None:
        """The parameters of the run, trial or experiment."""
        owner = self._parent(context) if context.run_key is None else self._run(context)
        self._recorder.record_parameters(owner, params)

    def on_add_artifact(self, artifact_path: Path, artifact_type: str, context: Context) -> None:
        """The artifact's row and its link."""
        in_run = context.run_key is not None and context.epoch is None
        owner = self._run(context) if in_run else self._owner(context)
        self._recorder.record_artifact(owner, artifact_type, self._location(artifact_path))

    def flush(self) -> None:
        """Bring what waits in the journal into the database, or nearly so on a server."""
        if "_recorder" in self.__dict__:
            self._recorder.flush()

    def close(self) -> None:
        """Bring the rest into the database and close the connection, if one was opened."""
        recorder: Recorder | None = self.__dict__.pop("_recorder", None)
        opened: DatabaseManager | None = self.__dict__.pop("_db", None)
        try:
            if recorder is not None:
                recorder.close()
        finally:
            if opened is not None:
                opened.close()

    def _owner(self, context: Context) -> Owner:
        """What metrics of this context belong to."""
        if context.run_key is None:
            return self._parent(context)
        if context.epoch is None:
            return results_owner(self._run_id(context))
        if context.batch is None:
            return epoch_owner(self._run_id(context), context.epoch)
        return batch_owner(self._run_id(context), context.epoch, context.batch)

    def _parent(self, context: Context) -> Owner:
        if context.trial is None:
            return experiment_owner(self._experiment_id(context))
        return trial_owner(self._trial_id(context))

    def _run(self, context: Context) -> Owner:
        return run_owner(self._run_id(context))

    def _location(self, path: Path) -> str:
        """Relative to the workspace where it lies inside, so that a moved one still works."""
        absolute, workspace = Path.cwd() / path, self._workspace
        real = absolute.parent.resolve() / absolute.name  # one of the two may go over a link
        for place, root in ((absolute, workspace), (real, workspace.resolve())):
            if place.is_relative_to(root) and os.pardir not in place.parts:
                return place.relative_to(root).as_posix()
        return str(absolute)

    def _create_experiment(self, context: Context, description: str) -> int:
        name = str(context.experiment)
        self._experiment_ids[name] = self._db.create_experiment(name, description).id
        return self._experiment_ids[name]

    def _create_trials(self, context: Context, names: Sequence[str]) -> None:
        """All that are planned at once, which takes no longer than one."""
        experiment = str(context.experiment)
        ids = self._db.create_trials(self._experiment_ids[experiment], names)
        self._trial_ids |= {(experiment, name): id_ for name, id_ in ids.items()}

    def _create_run(self, context: Context, details: Mapping[str, Any]) -> None:
        trial_id = self._trial_id(context)
        identity = {"seed": details.get("seed"), "config_hash": details.get("config_hash")}
        if context.run is None:
            row = self._db.create_trial_run(trial_id, status="running", **identity)
        else:
            kept_epoch = details.get("resumed_epoch")
            snapshots = details.get("snapshots")
            row = self._db.start_trial_run(
                trial_id, context.run, kept_epoch=kept_epoch, snapshots=snapshots, **identity
            )
        self._run_ids[str(context.run_key)] = row.id
        self._record_origin(row.id, details)

    def _record_origin(self, run_id: int, details: Mapping[str, Any]) -> None:
        """What the run is made of, as far as nobody has stored it before."""
        if details.get("overrides"):
            self._db.record_provenance(run_id, {"overrides": list(details["overrides"])})
        if details.get("recipe") and RECIPE not in (details.get("snapshots") or {}):
            self._db.link_snapshots(run_id, {}, {RECIPE: details["recipe"]})

    def _experiment_id(self, context: Context) -> int:
        known = self._experiment_ids.get(str(context.experiment))
        return known if known is not None else self._create_experiment(context, "")

    def _trial_id(self, context: Context) -> int:
        key = (str(context.experiment), str(context.trial))
        if key not in self._trial_ids:
            trial = self._db.find_trial(*key)
            if trial is None:
                trial = self._db.create_trial(self._experiment_id(context), key[1])
            self._trial_ids[key] = trial.id
        return self._trial_ids[key]

    def _run_id(self, context: Context) -> int:
        return self._run_ids[str(context.run_key)]
