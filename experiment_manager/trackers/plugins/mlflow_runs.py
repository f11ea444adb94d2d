"""MLflow's experiments and runs, found again or made for ours."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from experiment_manager.common.common import Level
from experiment_manager.common.errors import TrackingError
from experiment_manager.config.paths import WorkspacePaths, name_problem
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.events import Event
from experiment_manager.trackers.plugins.mlflow_run import MLflowRun

RUN_ID_FILE = "mlflow_run_id"
TAG_PREFIX = "experiment_manager."


class MLflowRuns:
    """The MLflow runs of trials, of their runs, and of experiments that have metrics.

    The id of each lies in the folder of what it belongs to, so that it is found again by other
    processes and later attempts. Runs of trials contain those of their runs.

    Args:
        client: An ``MlflowClient``.
        workspace: Where the folders are.
        experiment_name: Name of the MLflow experiment; None for the experiment's own.
        artifact_folder: Where MLflow keeps files of new experiments; None for its own choice.
        logger: Told what a person may want to know.
    """

    def __init__(
        self,
        client: Any,
        workspace: Path,
        experiment_name: str | None,
        artifact_folder: Path | None,
        logger: logging.Logger,
    ) -> None:
        self._client = client
        self._paths = WorkspacePaths(workspace)
        self._experiment_name = experiment_name
        self._artifact_folder = artifact_folder
        self._logger = logger
        self._experiment_ids: dict[str, str] = {}
        self._runs: dict[Context, MLflowRun] = {}

    def experiment_id(self, context: Context) -> str:
        """The id of the MLflow experiment.

        Raises:
            TrackingError: It was deleted.
        """
        name = self._experiment_name or str(context.experiment)
        if name not in self._experiment_ids:
            found = self._client.get_experiment_by_name(name) or self._create_experiment(name)
            if found.lifecycle_stage != "active":
                raise TrackingError(
                    f"The MLflow experiment {name!r} was deleted. Restore it with: "
                    f"mlflow experiments restore --experiment-id {found.experiment_id}"
                )
            self._experiment_ids[name] = found.experiment_id
        return self._experiment_ids[name]

    def start(self, context: Context, details: Mapping[str, Any]) -> None:
        """Continue the run of an earlier attempt, or create one."""
        self._runs = {c: run for c, run in self._runs.items() if not run.has_ended}
        file = self._file_of(context)
        found = self._find(file)
        run = self._open(found or self._create(context, details), file)
        if found is not None and context.run_key is not None:
            run.resume(details.get("resumed_epoch"))
        elif found is not None:
            run.reopen()
        self._runs[context] = run

    def get(self, context: Context) -> MLflowRun:
        """The run of an entity; where nobody started it here, it is found or created."""
        if context not in self._runs:
            file = self._file_of(context)
            self._runs[context] = self._open(self._find(file) or self._create(context, {}), file)
        return self._runs[context]

    def settle(self, events: Sequence[Event]) -> None:
        """These will not come again."""
        for run in self._runs.values():
            run.settle(events)

    def is_started(self, context: Context) -> bool:
        """True where the entity has a run here."""
        return context in self._runs

    def _open(self, run: Any, file: Path | None) -> MLflowRun:
        return MLflowRun(self._client, run, file, self._logger)

    def _create_experiment(self, name: str) -> Any:
        folder = self._artifact_folder
        location = None if folder is None else folder.absolute().as_uri()
        try:
            self._client.create_experiment(name, artifact_location=location)
        except Exception as error:
            if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
                raise  # else another process was quicker
        return self._client.get_experiment_by_name(name)

    def _create(self, context: Context, details: Mapping[str, Any]) -> Any:
        facts = {
            "kind": str(context.level and context.level.name.lower()),
            "experiment": context.experiment,
            "trial": context.trial,
            "run": context.run,
            "seed": details.get("seed"),
            "config_hash": details.get("config_hash"),
        }
        tags = {TAG_PREFIX + key: str(value) for key, value in facts.items() if value is not None}
        if context.level is Level.TRIAL_RUN:
            tags["mlflow.parentRunId"] = self.get(context.up_to(Level.TRIAL)).id
        if commit := _git_commit():
            tags["mlflow.source.git.commit"] = commit
        experiment_id = self.experiment_id(context)
        return self._client.create_run(experiment_id, tags=tags, run_name=_name_of(context))

    def _find(self, file: Path | None) -> Any:
        """The run that an earlier attempt left, if it is still there."""
        if file is None or not file.exists():
            return None
        try:
            run = self._client.get_run(file.read_text(encoding="utf-8"))
        except Exception as error:
            if getattr(error, "error_code", None) != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run if run.info.lifecycle_stage == "active" else None

    def _file_of(self, context: Context) -> Path | None:
        """Where the entity's run id is kept; nowhere for what has no folder of its own."""
        experiment, trial = str(context.experiment), str(context.trial)
        has_no_number = context.run_key is not None and context.run is None
        if has_no_number or name_problem(experiment) or name_problem(trial):
            return None
        if context.run is not None:
            return self._paths.run(experiment, trial, context.run).root / RUN_ID_FILE
        if context.trial is not None:
            return self._paths.trial(experiment, trial).root / RUN_ID_FILE
        return self._paths.experiment(experiment).root / RUN_ID_FILE


def _name_of(context: Context) -> str:
    if context.trial is None:
        return str(context.experiment)
    return context.trial if context.run is None else f"{context.trial} run {context.run}"


@cache
def _git_commit() -> str | None:
    """The commit of the current folder, if it is in a repository."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
