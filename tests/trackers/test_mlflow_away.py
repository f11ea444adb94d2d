"""An MLflow server that hangs, dies and returns, and one that was never there."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Level
from experiment_manager.common.errors import TrackingError
from experiment_manager.testing.mlflow_server import MLflowServer
from experiment_manager.testing.mlflow_store import MLflowStore
from experiment_manager.testing.waiting import wait_until
from experiment_manager.trackers.plugins.mlflow_tracker import MLflowTracker
from experiment_manager.trackers.tracker_manager import TrackerManager

Start = Callable[..., TrackerManager]
Train = Callable[..., None]

# The first of MLflow's stores in a process sets up SQLAlchemy in a way that is going out of use.
pytestmark = [
    pytest.mark.usefixtures("in_mlflow"),
    pytest.mark.filterwarnings("ignore:.*noload.*:DeprecationWarning"),
]


# What may succeed later.


def raised_for(cause: Exception) -> Exception:
    """An error as MLflow raises it, which tells of its cause in its text alone."""
    error = mlflow_error("INTERNAL_ERROR")
    error.__context__ = cause
    return error


def mlflow_error(code: str) -> Exception:
    exceptions: Any = pytest.importorskip("mlflow.exceptions")
    error: Exception = exceptions.RestException({"error_code": code, "message": "as it is"})
    return error


def http_error(status: int) -> OSError:
    requests: Any = pytest.importorskip("requests")
    response = requests.Response()
    response.status_code = status
    error: OSError = requests.HTTPError("as it is", response=response)
    return error


@pytest.mark.parametrize(
    ("make_error", "may_succeed_later"),
    [
        (lambda: ConnectionResetError("gone"), True),
        (lambda: raised_for(TimeoutError("no answer")), True),
        (lambda: raised_for(http_error(503)), True),
        (lambda: mlflow_error("TEMPORARILY_UNAVAILABLE"), True),
        (lambda: http_error(413), False),
        (lambda: mlflow_error("INVALID_PARAMETER_VALUE"), False),
        (lambda: FileNotFoundError(2, "none", "model.bin"), False),
        (lambda: ValueError("never"), False),
    ],
    ids=["reset", "timeout", "gateway", "locked", "too large", "invalid", "no file", "other"],
)
def test_only_what_may_succeed_later_is_tried_again(
    tmp_path: Path, make_error: Callable[[], Exception], may_succeed_later: bool
) -> None:
    tracker = MLflowTracker(tmp_path, tmp_path, tracking_uri="http://127.0.0.1:9")
    assert tracker.is_unavailable(make_error()) is may_succeed_later


# A server.


@pytest.fixture
def server(mlflow_server: MLflowServer) -> Iterator[MLflowServer]:
    """A server that runs again after the test, whatever became of it."""
    yield mlflow_server
    mlflow_server.resume()
    if not mlflow_server.is_running:
        mlflow_server.start()


@pytest.fixture
def connect(
    server: MLflowServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., TrackerManager]]:
    """A training that records on the server, in an experiment named like the test."""
    managers: list[TrackerManager] = []

    def begin(**options: Any) -> TrackerManager:
        tracker = MLflowTracker(tmp_path, tmp_path, tracking_uri=server.url, **options)
        managers.append(TrackerManager([tracker], name=request.node.name))
        managers[-1].report_to(logging.getLogger("training"))
        return managers[-1]

    yield begin
    server.resume()
    for manager in managers:
        manager.close()


def losses_on(server: MLflowServer, request: pytest.FixtureRequest) -> list[int]:
    store = MLflowStore(server.url, request.node.name)
    return [step for step, _ in store.history("loss")]


def test_a_server_gets_metrics_parameters_and_files(
    connect: Start,
    server: MLflowServer,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    train: Train,
) -> None:
    file = tmp_path / "a plot, 'größe'.png"
    file.write_bytes(b"png")
    manager = connect()
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.log_params({"lr": 0.1})
    train(manager, *range(1500))
    manager.on_add_artifact(Level.TRIAL_RUN, file)
    manager.close()
    store = MLflowStore(server.url, request.node.name)
    assert losses_on(server, request) == list(range(1500))
    assert store.run().data.params == {"lr": "0.1"}
    assert store.files() == [file.name]


def test_a_server_that_hangs_stalls_neither_the_training_nor_its_end(
    connect: Start,
    server: MLflowServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    train: Train,
) -> None:
    manager = connect(end_timeout_s=0.5)
    manager.on_start(Level.TRIAL_RUN, 1)
    server.pause()
    train(manager, *range(100))  # would never return if it waited for the server
    manager.close()
    file = tmp_path / "undelivered_mlflow.jsonl"
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [line["epoch"] for line in lines if line["method"] == "track"] == list(range(100))
    assert f"events were not delivered to mlflow at {server.url}" in caplog.text
    assert str(file) in caplog.text


def test_a_server_that_is_killed_and_started_again_gets_every_epoch_once(
    connect: Start,
    server: MLflowServer,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    train: Train,
) -> None:
    manager = connect()
    manager.on_start(Level.TRIAL_RUN, 1)
    train(manager, *range(20))
    manager.flush()
    server.kill()
    train(manager, *range(20, 200))
    wait_until(lambda: "is away" in caplog.text)
    manager.flush()  # does not wait now
    server.start()
    wait_until(lambda: "is back" in caplog.text)
    train(manager, *range(200, 220))
    manager.close()
    assert losses_on(server, request) == list(range(220))
    assert "not delivered" not in caplog.text
    assert len([r for r in caplog.records if "is away" in r.getMessage()]) == 1


def test_a_start_on_a_server_that_hangs_raises_in_time(
    connect: Start, server: MLflowServer
) -> None:
    server.pause()
    with pytest.raises(TrackingError, match=r"no answer within 0\.2 s; start the server"):
        connect(start_timeout_s=0.2).on_start(Level.TRIAL_RUN, 1)


def test_a_start_without_a_server_raises_at_once(tmp_path: Path) -> None:
    tracker = MLflowTracker(tmp_path, tmp_path, tracking_uri="http://user:secret@127.0.0.1:9")
    with pytest.raises(TrackingError, match="does not take the start of digits") as caught:
        TrackerManager([tracker], name="digits").on_start(Level.TRIAL_RUN, 1)
    assert "secret" not in str(caught.value)
