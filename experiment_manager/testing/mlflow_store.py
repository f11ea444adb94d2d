"""What an MLflow holds, to be looked at in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiment_manager.common.imports import require


class MLflowStore:
    """What lies at an address, as MLflow's own client reads it.

    Args:
        uri: Tracking URI of a server or a database.
        experiment: Name of the MLflow experiment that is looked at.

    Attributes:
        client: An ``MlflowClient``.
    """

    def __init__(self, uri: str, experiment: str = "digits") -> None:
        self.uri = uri
        self.client: Any = require("mlflow", "mlflow", "MLflowStore").MlflowClient(
            tracking_uri=uri
        )
        self._experiment = experiment

    def runs(self, kind: str | None = None) -> list[Any]:
        """The runs that are not in the trash, oldest first.

        Args:
            kind: ``experiment``, ``trial`` or ``trial_run``; None for all.
        """
        found = self.client.get_experiment_by_name(self._experiment)
        query = f"tags.`experiment_manager.kind` = '{kind}'" if kind else ""
        runs = self.client.search_runs([found.experiment_id], query) if found else []
        return sorted(runs, key=lambda run: run.info.start_time)

    def run(self, kind: str = "trial_run") -> Any:
        """The only run of a kind."""
        (found,) = self.runs(kind)
        return found

    def history(self, metric: str, kind: str = "trial_run") -> list[tuple[int, float]]:
        """Steps and values of a metric of the only run of a kind, in order of steps."""
        points = self.client.get_metric_history(self.run(kind).info.run_id, metric)
        return [(p.step, p.value) for p in sorted(points, key=lambda p: (p.step, p.timestamp))]

    def values(self, metric: str) -> list[float]:
        """The values of a metric in all runs, oldest first."""
        points = [
            point
            for run in self.runs()
            for point in self.client.get_metric_history(run.info.run_id, metric)
        ]
        return [point.value for point in sorted(points, key=lambda p: (p.timestamp, p.step))]

    def files(self, folder: str = "") -> list[str]:
        """The files and folders of the only trial run."""
        return [f.path for f in self.client.list_artifacts(self.run().info.run_id, folder)]

    def text_of(self, file: str) -> str:
        """What is in a file of the only trial run, whose files are not on a server."""
        folder = Path(self.run().info.artifact_uri.removeprefix("file://"))
        return (folder / file).read_text("utf-8")
