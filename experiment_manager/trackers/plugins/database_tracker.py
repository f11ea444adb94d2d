"""The tracker that writes the project's memory: every entity and value as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from experiment_manager.common.common import Level, RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.config.paths import WorkspacePaths
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.tracker import Tracker


def database_url(workspace: Path, url: str | None = None) -> str:
    """The database of a workspace: the one that was named, else a SQLite file in it."""
    return url or f"sqlite:///{WorkspacePaths(workspace).database}"


@YAMLSerializable.register("database")
class DatabaseTracker(Tracker):
    """Writes into the database; a call that has returned is committed.

    Experiments and trials are found again by their names. A planned run that starts again
    keeps its row: what its dead attempt left is replaced.

    Args:
        workspace: Folder to which artifact locations inside it are stored relative, and in
            which the SQLite file lies where no ``url`` is given.
        url: The database as an SQLAlchemy URL.
    """

    required: ClassVar[bool] = True

    def __init__(self, workspace: Path, url: str | None = None) -> None:
        super().__init__()
        self._workspace = workspace
        self._url = database_url(workspace, url)
        self._experiment_ids: dict[str, int] = {}
        self._trial_ids: dict[tuple[str, str], int] = {}
        self._run_ids: dict[str, int] = {}
        self._recorded: Context | None = None

    @cached_property
    def _db(self) -> DatabaseManager:
        return DatabaseManager.from_url(self._url)

    def on_create(self, level: Level, context: Context, **details: Any) -> None:
        """The entity's row; epochs and batches get theirs with their metrics."""
        if level is Level.EXPERIMENT:
            self._create_experiment(context, str(details.get("description", "")))
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
        if level is Level.TRIAL_RUN:
            self._db.update_trial_run_status(self._run_id(context), status.value, error)
            self._run_ids.pop(str(context.run_key))
        elif level.is_below(Level.PIPELINE) and status.is_success and self._recorded != context:
            self._record(context, ())

    def track(self, points: Sequence[MetricPoint], context: Context) -> None:
        """The metrics' rows and their links, in one transaction."""
        self._record(context, points)

    def log_params(self, params: Mapping[str, Any], context: Context) -> None:
        """The parameters of the run, trial or experiment."""
        if context.run_key is not None:
            self._db.record_trial_run_parameters(self._run_id(context), params)
        elif context.trial is not None:
            self._db.record_trial_parameters(self._trial_id(context), params)
        else:
            self._db.record_experiment_parameters(self._experiment_id(context), params)

    def on_add_artifact(self, artifact_path: Path, artifact_type: str, context: Context) -> None:
        """The artifact's row and its link, in one transaction."""
        with self._db.transaction():
            artifact = self._db.record_artifact(artifact_type, self._location(artifact_path))
            self._link_artifact(context, artifact.id)

    def close(self) -> None:
        """Close the connection, if one was opened."""
        opened = self.__dict__.pop("_db", None)
        if opened is not None:
            opened.close()

    def _record(self, context: Context, points: Sequence[MetricPoint]) -> None:
        self._recorded = context
        if context.run_key is None and context.trial is None:
            self._db.record_experiment_metrics(self._experiment_id(context), points)
        elif context.run_key is None:
            self._db.record_trial_metrics(self._trial_id(context), points)
        elif context.epoch is None:
            self._db.record_results(self._run_id(context), points)
        elif context.batch is None:
            self._db.record_epoch(self._run_id(context), context.epoch, points)
        else:
            self._db.record_batch(self._run_id(context), context.epoch, context.batch, points)

    def _link_artifact(self, context: Context, artifact_id: int) -> None:
        if context.run_key is None and context.trial is None:
            self._db.link_experiment_artifact(self._experiment_id(context), artifact_id)
        elif context.run_key is None:
            self._db.link_trial_artifact(self._trial_id(context), artifact_id)
        elif context.epoch is None:
            self._db.link_trial_run_artifact(self._run_id(context), artifact_id)
        elif context.batch is None:
            self._db.create_epoch(context.epoch, self._run_id(context))
            self._db.link_epoch_artifact(context.epoch, self._run_id(context), artifact_id)
        else:
            where = (context.batch, context.epoch, self._run_id(context))
            self._db.create_batch(*where)
            self._db.link_batch_artifact(*where, artifact_id)

    def _location(self, path: Path) -> str:
        """Relative to the workspace where it lies inside, so that a moved one still works."""
        absolute = Path.cwd() / path
        if absolute.is_relative_to(self._workspace):
            return absolute.relative_to(self._workspace).as_posix()
        return str(absolute)

    def _create_experiment(self, context: Context, description: str) -> int:
        name = str(context.experiment)
        self._experiment_ids[name] = self._db.create_experiment(name, description).id
        return self._experiment_ids[name]

    def _create_run(self, context: Context, details: Mapping[str, Any]) -> None:
        trial_id = self._trial_id(context)
        identity = {"seed": details.get("seed"), "config_hash": details.get("config_hash")}
        if context.run is None:
            row = self._db.create_trial_run(trial_id, status="running", **identity)
        else:
            row = self._db.start_trial_run(trial_id, context.run, **identity)
        self._run_ids[str(context.run_key)] = row.id

    def _experiment_id(self, context: Context) -> int:
        known = self._experiment_ids.get(str(context.experiment))
        return known if known is not None else self._create_experiment(context, "")

    def _trial_id(self, context: Context) -> int:
        key = (str(context.experiment), str(context.trial))
        if key not in self._trial_ids:
            trial = self._db.create_trial(self._experiment_id(context), key[1])
            self._trial_ids[key] = trial.id
        return self._trial_ids[key]

    def _run_id(self, context: Context) -> int:
        return self._run_ids[str(context.run_key)]
