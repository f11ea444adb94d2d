"""An MLflow server, MLflow databases that cost no migration each, and trainings on them."""

from __future__ import annotations

import gc
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Level
from experiment_manager.testing.mlflow_server import MLflowServer
from experiment_manager.testing.mlflow_store import MLflowStore
from experiment_manager.testing.servers import server_for_tests
from experiment_manager.testing.waiting import wait_until
from experiment_manager.trackers import delivery_queue
from experiment_manager.trackers.plugins.mlflow_tracker import MLflowTracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope


@pytest.fixture(scope="session")
def mlflow_server() -> Iterator[MLflowServer]:
    """A running server; without the full MLflow the test is skipped, or fails where required."""
    with server_for_tests(MLflowServer) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database."""
    mlflow = pytest.importorskip("mlflow")
    file = tmp_path_factory.mktemp("mlflow") / "template.db"
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def new_store(mlflow_template: Path) -> Callable[[Path], str]:
    """Puts an empty MLflow database into a folder, if there is none, and gives its address."""

    def create(folder: Path) -> str:
        file = folder / "mlflow.db"
        if not file.exists():
            shutil.copy(mlflow_template, file)
        return f"sqlite:///{file}"

    return create


@pytest.fixture
def in_mlflow(mlflow_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What tests that use MLflow need around them: short waits, and no thread left behind."""
    assert mlflow_template.exists()
    monkeypatch.setattr(delivery_queue, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(delivery_queue, "LONGEST_RETRY_S", 0.2)
    monkeypatch.setattr(delivery_queue, "GATHER_S", 0.05)
    yield
    gc.collect()  # its threads for files end a moment after the client that had them is gone
    wait_until(lambda: all(thread.daemon for thread in threading.enumerate()[1:]))


@pytest.fixture
def store(new_store: Callable[[Path], str], tmp_path: Path) -> MLflowStore:
    """A database file."""
    return MLflowStore(new_store(tmp_path))


@pytest.fixture
def start(store: MLflowStore, tmp_path: Path) -> Iterator[Callable[..., TrackerManager]]:
    """Starts an attempt at the first run of the trial ``small``."""
    managers: list[TrackerManager] = []

    def begin(**details: Any) -> TrackerManager:
        tracker = MLflowTracker(tmp_path, tmp_path, tracking_uri=store.uri)
        managers.append(TrackerManager([tracker]))
        managers[-1].report_to(logging.getLogger("training"))
        managers[-1].on_start(Level.EXPERIMENT, "digits")
        managers[-1].on_start(Level.TRIAL, "small")
        managers[-1].on_start(Level.TRIAL_RUN, 1, **details)
        return managers[-1]

    yield begin
    for manager in managers:
        manager.close()


@pytest.fixture
def train() -> Callable[..., None]:
    """Does epochs, each with the same metrics; without any, with a falling loss."""

    def epochs(manager: TrackerManager, *indices: int, **metrics: Any) -> None:
        for epoch in indices:
            with TrackScope(manager, Level.EPOCH, epoch):
                manager.track_dict(metrics or {"loss": 1 / (epoch + 1)}, step=epoch)

    return epochs


@pytest.fixture
def train_batches() -> Callable[..., None]:
    """Does epochs of two batches."""

    def epochs(manager: TrackerManager, *indices: int) -> None:
        for epoch in indices:
            with TrackScope(manager, Level.EPOCH, epoch):
                for batch in range(2):
                    with TrackScope(manager, Level.BATCH, batch):
                        manager.track_dict({"loss": 10.0 * epoch + batch}, step=batch)

    return epochs
