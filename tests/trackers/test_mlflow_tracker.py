"""How a training looks in MLflow, and where it is recorded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_manager.common.common import Level, Metric, RunStatus
from experiment_manager.common.errors import ConfigError, TrackingError
from experiment_manager.testing.mlflow_store import MLflowStore
from experiment_manager.testing.tracker_contract import TrackerContract
from experiment_manager.trackers import delivery_queue
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.events import Event
from experiment_manager.trackers.plugins.mlflow_tracker import MLflowTracker
from experiment_manager.trackers.tracker import Tracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

Start = Callable[..., TrackerManager]
Train = Callable[..., None]

# The first of MLflow's stores in a process sets up SQLAlchemy in a way that is going out of use.
pytestmark = [
    pytest.mark.usefixtures("in_mlflow"),
    pytest.mark.filterwarnings("ignore:.*noload.*:DeprecationWarning"),
]


class TestContract(TrackerContract):
    @pytest.fixture(autouse=True)
    def _give_store(self, new_store: Callable[[Path], str]) -> None:
        self.new_store = new_store
        self.made: list[Tracker] = []

    def make_tracker(self, folder: Path) -> Tracker:
        self.made.append(MLflowTracker(folder, folder, tracking_uri=self.new_store(folder)))
        return self.made[-1]

    def values_of(self, folder: Path, metric: str) -> list[float]:
        for tracker in self.made:
            tracker.flush()
        return MLflowStore(self.new_store(folder), "contract").values(metric)


# How a training looks in MLflow.


def test_a_run_lies_in_the_run_of_its_trial(start: Start, store: MLflowStore) -> None:
    start(seed=7, config_hash="abc").close()
    trial, run = store.run(kind="trial"), store.run()
    assert (trial.info.run_name, run.info.run_name) == ("small", "small run 1")
    assert run.data.tags["mlflow.parentRunId"] == trial.info.run_id
    assert run.data.tags["experiment_manager.seed"] == "7"
    assert run.data.tags["experiment_manager.config_hash"] == "abc"


def test_a_run_shows_the_commit_of_its_code(start: Start, store: MLflowStore) -> None:
    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("this is no git repository")
    start().close()
    assert store.run().data.tags["mlflow.source.git.commit"] == done.stdout.strip()


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (RunStatus.COMPLETED, "FINISHED"),
        (RunStatus.STOPPED, "FINISHED"),
        (RunStatus.SKIPPED, "FINISHED"),
        (RunStatus.FAILED, "FAILED"),
        (RunStatus.ABORTED, "KILLED"),
    ],
)
def test_the_status_is_shown_in_the_words_of_mlflow(
    start: Start, store: MLflowStore, status: RunStatus, shown: str
) -> None:
    start().close(status)
    assert [run.info.status for run in store.runs()] == [shown, shown]


def test_a_failure_shows_its_traceback(start: Start, store: MLflowStore) -> None:
    start().on_end(Level.TRIAL_RUN, RunStatus.FAILED, "Traceback\nValueError: bad")
    assert store.run().data.tags["error"] == "Traceback\nValueError: bad"


def test_parameters_are_cut_to_what_mlflow_takes(start: Start, store: MLflowStore) -> None:
    manager = start()
    manager.log_params({"optimizer": {"lr": 0.1}, "text": "x" * 7000, "a,b": 1})
    manager.close()
    params = store.run().data.params
    assert params == {"optimizer.lr": "0.1", "text": "x" * 5997 + "...", "a_b": "1"}


def test_a_changed_parameter_keeps_its_first_value_and_is_reported(
    start: Start, store: MLflowStore, caplog: pytest.LogCaptureFixture
) -> None:
    manager = start()
    manager.log_params({"epochs": 10})
    manager.log_params({"epochs": 20, "depth": 3})
    manager.close()
    assert store.run().data.params == {"epochs": "10", "depth": "3"}
    assert "keeps the earlier values of parameters: ['epochs']" in caplog.text


def test_the_step_of_an_epochs_metric_is_the_epoch(
    start: Start, store: MLflowStore, train: Train
) -> None:
    manager = start()
    train(manager, 0, 1, 2)
    manager.close()
    assert store.history("loss") == [(0, 1.0), (1, 0.5), (2, 1 / 3)]


def test_results_have_the_last_epoch_so_that_they_are_the_latest(
    start: Start, store: MLflowStore, train: Train
) -> None:
    manager = start()
    train(manager, 0, 1, val_acc=0.5)
    manager.track_dict({"val_acc": 0.75, "test_acc": 0.25})
    manager.close()
    run = store.run()
    assert (run.data.metrics["val_acc"], run.data.metrics["test_acc"]) == (0.75, 0.25)
    assert store.history("test_acc") == [(1, 0.25)]


def test_batches_are_counted_through_the_whole_run(
    start: Start, store: MLflowStore, train_batches: Train
) -> None:
    manager = start()
    train_batches(manager, 0, 1)
    manager.close()
    assert store.history("batch/loss") == [(0, 0.0), (1, 1.0), (2, 10.0), (3, 11.0)]


def test_labels_are_metrics_of_their_own(start: Start, store: MLflowStore, train: Train) -> None:
    manager = start()
    train(manager, 0, acc={"cat": 0.5, "dog, big": 1.0})
    manager.close()
    metrics = store.run().data.metrics
    assert metrics == {"acc/cat": 0.5, "acc/dog_ big": 1.0, "epoch": 0.0}


def test_a_matrix_is_a_file_and_its_accuracy_a_metric(start: Start, store: MLflowStore) -> None:
    manager = start()
    matrix = {"labels": ["cat", "dog"], "rows": [[3.0, 1.0], [0.0, 4.0]]}
    with TrackScope(manager, Level.EPOCH, 2):
        manager.track(Metric.CONFUSION, matrix, step=2)
    manager.close()
    assert store.history("confusion") == [(2, 0.875)]
    text = store.text_of("confusion/confusion_epoch_2.json")
    assert json.loads(text) == matrix


def test_files_lie_in_a_folder_for_each_epoch_and_one_for_checkpoints(
    start: Start, store: MLflowStore, tmp_path: Path
) -> None:
    file = tmp_path / "plot.png"
    file.write_bytes(b"png")
    manager = start()
    manager.on_add_artifact(Level.TRIAL_RUN, file)
    with TrackScope(manager, Level.EPOCH, 3):
        manager.on_add_artifact(Level.EPOCH, file)
        manager.on_checkpoint(object(), file)
    manager.close()
    assert store.files() == ["checkpoints", "epoch_3", "plot.png"]
    assert store.files("epoch_3") == ["epoch_3/plot.png"]
    assert (tmp_path / "mlflow_artifacts").is_dir()


def test_a_file_that_has_gone_is_reported_and_the_rest_recorded(
    start: Start,
    store: MLflowStore,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    train: Train,
) -> None:
    manager = start()
    train(manager, 0, 1)
    manager.on_add_artifact(Level.TRIAL_RUN, tmp_path / "gone.bin")
    train(manager, 2)
    manager.close()
    assert len(store.history("loss")) == 3
    assert "refuses on_add_artifact of digits small run 1" in caplog.text
    assert "gone.bin" in (tmp_path / "undelivered_mlflow.jsonl").read_text("utf-8")


def test_a_refused_event_neither_doubles_others_nor_shifts_their_steps(
    start: Start,
    store: MLflowStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    train_batches: Train,
) -> None:
    monkeypatch.setattr(delivery_queue, "GATHER_S", 60)
    manager = start()
    train_batches(manager, *range(7))
    manager.on_add_artifact(Level.TRIAL_RUN, tmp_path / "gone.bin")
    train_batches(manager, 7)
    manager.close()
    assert [step for step, _ in store.history("batch/loss")] == list(range(16))
    assert [step for step, _ in store.history("epoch")] == list(range(8))


def test_a_checkpoint_that_gave_way_to_another_is_passed_over(
    start: Start, store: MLflowStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "epoch_1.pt"
    file.write_bytes(b"weights")
    manager = start()
    manager.on_checkpoint(object(), tmp_path / "epoch_0.pt")
    manager.on_checkpoint(object(), file)
    manager.close()
    assert store.files("checkpoints") == ["checkpoints/epoch_1.pt"]
    assert not (tmp_path / "undelivered_mlflow.jsonl").exists()
    assert caplog.records == []


def test_a_checkpoint_that_is_there_and_not_taken_is_reported(
    start: Start,
    store: MLflowStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("too large")

    monkeypatch.setattr(type(store.client), "log_artifact", refuse)
    file = tmp_path / "epoch_0.pt"
    file.write_bytes(b"weights")
    manager = start()
    manager.on_checkpoint(object(), file)
    manager.close()
    assert "refuses on_checkpoint of digits small run 1: ValueError: too large" in caplog.text


def test_a_checkpoint_that_was_saved_several_times_is_sent_once(
    store: MLflowStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    log = type(store.client).log_artifact

    def note(client: object, run_id: str, file: str, folder: str) -> None:
        sent.append(Path(file).name)
        log(client, run_id, file, folder)

    monkeypatch.setattr(type(store.client), "log_artifact", note)
    files = [tmp_path / name for name in ("0.pt", "last.pt", "1.pt", "last.pt")]
    for file in files:
        file.write_bytes(b"weights")
    run = Context(Level.TRIAL_RUN, "digits", "small", 1, "digits/small/1")
    tracker = MLflowTracker(tmp_path, tmp_path, tracking_uri=store.uri)
    tracker.deliver(
        [Event("on_checkpoint", run, 7.5, path=f, artifact_type="checkpoint") for f in files]
    )
    assert sent == ["0.pt", "1.pt", "last.pt"]


def test_an_experiment_has_a_run_of_its_own_only_for_metrics_of_its_own(
    start: Start, store: MLflowStore
) -> None:
    manager = start()
    assert store.runs("experiment") == []
    manager.on_end(Level.TRIAL)
    manager.track("best_acc", 0.75)
    manager.close()
    run = store.run(kind="experiment")
    assert (run.info.run_name, run.info.status) == ("digits", "FINISHED")
    assert run.data.metrics == {"best_acc": 0.75}


def test_several_processes_share_the_run_of_a_trial(
    start: Start, store: MLflowStore, tmp_path: Path
) -> None:
    start()
    other = MLflowTracker(tmp_path, tmp_path, tracking_uri=store.uri)
    manager = TrackerManager([other], start().context.up_to(Level.TRIAL))
    manager.on_start(Level.TRIAL_RUN, 2)
    manager.close()
    (trial,) = store.runs(kind="trial")
    parents = {r.data.tags["mlflow.parentRunId"] for r in store.runs(kind="trial_run")}
    assert parents == {trial.info.run_id}


# Where it records.


def test_by_default_it_records_into_a_file_in_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_store: Callable[[Path], str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    manager = TrackerManager([MLflowTracker(tmp_path, tmp_path)], name="digits")
    uri = new_store(tmp_path)
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.close()
    assert len(MLflowStore(uri).runs()) == 2


def test_the_environment_names_the_address_where_env_yaml_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@mlflow.example:5000")
    assert MLflowTracker(tmp_path, tmp_path).place == "http://***@mlflow.example:5000"
    given = MLflowTracker(tmp_path, tmp_path, tracking_uri="sqlite:///mlruns.db")
    assert given.place == "sqlite:///mlruns.db"


@pytest.mark.parametrize("uri", ["file:///tmp/mlruns", "file:mlruns", "./mlruns", "/data/mlruns"])
def test_a_folder_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(ConfigError, match=r"use 'sqlite:///mlflow\.db', or the http address"):
        MLflowTracker(tmp_path, tmp_path, tracking_uri=uri)


def test_the_experiment_may_have_another_name_in_mlflow(
    store: MLflowStore, tmp_path: Path
) -> None:
    tracker = MLflowTracker(
        tmp_path, tmp_path, tracking_uri=store.uri, experiment_name="of the team"
    )
    manager = TrackerManager([tracker], name="digits")
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.close()
    assert len(MLflowStore(store.uri, "of the team").runs()) == 2


def test_an_experiment_in_the_trash_stops_the_start(start: Start, store: MLflowStore) -> None:
    store.client.delete_experiment(store.client.create_experiment("digits"))
    with pytest.raises(TrackingError, match="mlflow experiments restore --experiment-id"):
        start()


def test_it_imports_mlflow_when_something_is_recorded(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from experiment_manager.trackers.plugins.mlflow_tracker import MLflowTracker\n"
        f"MLflowTracker(Path({str(tmp_path)!r}), Path({str(tmp_path)!r})).close()\n"
        "assert 'mlflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
