"""The tracker that shows experiments in MLflow."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from experiment_manager.common.common import Level
from experiment_manager.common.errors import ConfigError
from experiment_manager.common.imports import require
from experiment_manager.common.serializable import YAMLSerializable
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.events import Event
from experiment_manager.trackers.network_tracker import NetworkTracker
from experiment_manager.trackers.plugins.mlflow_database import bring_along, create_database
from experiment_manager.trackers.plugins.mlflow_runs import MLflowRuns

_URI_VARIABLE = "MLFLOW_TRACKING_URI"
_PROBE_TIMEOUT_S = 5
_FIRST_SERVER_ERROR, _FIRST_GATEWAY_ERROR = 500, 502
_TEMPORARY = frozenset({"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"})
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*@")


@YAMLSerializable.register("mlflow")
class MLflowTracker(NetworkTracker):
    """Records into MLflow: a run for each trial, and inside it one for each of its runs.

    A planned run that starts again continues its MLflow run, whose id lies in its folder; so
    does a trial. What was measured before is not recorded twice, and where a run measures
    something else than before, a new MLflow run takes the old one's place.
    :class:`~experiment_manager.trackers.plugins.mlflow_run.MLflowRun` says how metrics are
    named and counted.

    Args:
        workspace: Its folder.
        directory: Folder for what could not be delivered.
        tracking_uri: Address of a server, or of a database as ``sqlite:///mlflow.db``. By default
            that of the environment variable ``MLFLOW_TRACKING_URI``, else a file in the workspace.
        experiment_name: Name of the MLflow experiment; by default the experiment's own.
        start_timeout_s: How long a start may take.
        end_timeout_s: How long the end of a run waits for the server.

    Raises:
        ConfigError: The address is a folder, which MLflow 3 writes to no longer.
    """

    name: ClassVar[str] = "mlflow"

    def __init__(
        self,
        workspace: Path,
        directory: Path,
        tracking_uri: str | None = None,
        experiment_name: str | None = None,
        *,
        start_timeout_s: float = 30.0,
        end_timeout_s: float = 30.0,
    ) -> None:
        super().__init__(directory, start_timeout_s=start_timeout_s, end_timeout_s=end_timeout_s)
        self._workspace = workspace
        default = f"sqlite:///{workspace / 'mlflow.db'}"
        self._uri = tracking_uri or os.environ.get(_URI_VARIABLE) or default
        if problem := _problem_of(self._uri):
            raise ConfigError([f"mlflow: {problem}"])
        self._experiment_name = experiment_name

    @classmethod
    def check_config(cls, config: Mapping[str, Any]) -> None:
        """Refuse a folder."""
        uri = config.get("tracking_uri")
        if uri and (problem := _problem_of(str(uri))):
            raise ValueError(problem)

    @property
    def place(self) -> str:
        """The tracking URI without its password."""
        return _PASSWORD.sub("***@", self._uri)

    def describe(self, error: BaseException) -> str:
        """The error without the server's password."""
        return _PASSWORD.sub("***@", super().describe(error))

    def is_unavailable(self, error: Exception) -> bool:
        """True where the server is away or overloaded, or its database is locked."""
        if getattr(error, "error_code", None) in _TEMPORARY:
            return True
        for cause in _causes(error):
            response = getattr(cause, "response", None)
            if response is not None:
                return bool(response.status_code >= _FIRST_SERVER_ERROR)
            if super().is_unavailable(cause):
                return True
        return False

    def begin(self, event: Event) -> None:
        """Find or create what belongs to the entity."""
        if event.method != "on_create":
            return
        self._probe()
        if event.level is Level.EXPERIMENT:
            self._runs.experiment_id(event.context)
        elif event.level in {Level.TRIAL, Level.TRIAL_RUN}:
            self._runs.start(event.context, event.details or {})

    def deliver(self, events: Sequence[Event]) -> None:
        """Record events; metrics of a run that follow each other with one call."""
        self._probe()
        for (is_metrics, owner), group in groupby(_newest(events), key=_kind_and_owner):
            if is_metrics:
                self._runs.get(owner).record_metrics(list(group))
                continue
            for event in group:
                self._deliver_one(event, owner)
        self._runs.settle(events)

    def on_refused(self, event: Event, error: Exception) -> None:
        """Forget the event, too: it will not come again."""
        super().on_refused(event, error)
        self._runs.settle([event])

    def _deliver_one(self, event: Event, owner: Context) -> None:
        if event.params is not None:
            self._runs.get(owner).record_params(event.params)
        elif event.path is not None:
            self._runs.get(owner).record_file(event)
        elif event.level is not Level.PIPELINE and self._runs.is_started(owner):
            self._runs.get(owner).end(event)

    @cached_property
    def _client(self) -> Any:
        mlflow = require("mlflow", extra="mlflow", feature="The MLflow tracker")
        with _without_chatter():
            create_database(
                self._uri, lambda uri: mlflow.MlflowClient(tracking_uri=uri).search_experiments()
            )
            return mlflow.MlflowClient(tracking_uri=self._uri)

    @cached_property
    def _runs(self) -> MLflowRuns:
        has_server = self._uri.startswith(("http", "databricks"))
        artifacts = None if has_server else self._workspace.absolute() / "mlflow_artifacts"
        client = self._client
        if artifacts is not None:
            bring_along(self._uri, artifacts)
        return MLflowRuns(client, self._workspace, self._experiment_name, artifacts, self.logger)

    def _probe(self) -> None:
        """Raise where the server is away; MLflow itself would go on asking for minutes."""
        if not self._uri.startswith("http"):
            return
        credentials = require("mlflow.utils.credentials", "mlflow", "The MLflow tracker")
        rest = require("mlflow.utils.rest_utils", "mlflow", "The MLflow tracker")
        response = rest.http_request(
            credentials.get_default_host_creds(self._uri),
            *("/health", "GET"),
            max_retries=0,
            timeout=_PROBE_TIMEOUT_S,
            raise_on_status=False,
        )
        if response.status_code >= _FIRST_GATEWAY_ERROR:
            raise ConnectionError(f"the server answers with status {response.status_code}")


def _newest(events: Sequence[Event]) -> Iterator[Event]:
    """Without checkpoints whose file a later one took: only that one is there to be sent."""
    newest = {e.path: place for place, e in enumerate(events) if e.method == "on_checkpoint"}
    for place, event in enumerate(events):
        if event.method != "on_checkpoint" or newest[event.path] == place:
            yield event


def _owner(context: Context) -> Context:
    """The run, trial or experiment that records what happens here."""
    if context.run_key is not None:
        return context.up_to(Level.TRIAL_RUN)
    return context.up_to(Level.EXPERIMENT if context.trial is None else Level.TRIAL)


def _kind_and_owner(event: Event) -> tuple[bool, Context]:
    return event.method == "track", _owner(event.context)


def _problem_of(uri: str) -> str | None:
    """What is wrong with an address."""
    is_address = "://" in uri and not uri.startswith("file:")
    if is_address or uri.startswith("databricks"):
        return None
    return (
        f"the tracking_uri {uri!r} is a folder, which MLflow 3 writes to no longer; "
        "use 'sqlite:///mlflow.db', or the http address of a server"
    )


def _causes(error: BaseException | None) -> Iterator[Exception]:
    """The error and what it was raised for or from; MLflow hides what went wrong in there."""
    while isinstance(error, Exception):
        yield error
        error = error.__cause__ or error.__context__


@contextmanager
def _without_chatter() -> Iterator[None]:
    """MLflow tells on the console of every table that it makes."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
