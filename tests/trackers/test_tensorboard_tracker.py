"""What TensorBoard finds in the event files, read by their format."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Level, Metric, RunStatus
from experiment_manager.testing.tracker_contract import RUN, TrackerContract
from experiment_manager.trackers.plugins.event_file import import_tensorboardx
from experiment_manager.trackers.plugins.tensorboard_tracker import TensorBoardTracker
from experiment_manager.trackers.tracker import Tracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

tensorboardx = import_tensorboardx()
event_pb2 = tensorboardx.proto.event_pb2
hparams_pb2 = tensorboardx.proto.plugin_hparams_pb2
masked_crc32c = tensorboardx.record_writer.masked_crc32c


def events_in(path: Path) -> Iterator[Any]:
    """The events of a file, each checksum verified."""
    with path.open("rb") as file:
        while head := file.read(8):
            (length,) = struct.unpack("<Q", head)
            assert file.read(4) == struct.pack("<I", masked_crc32c(head))
            data = file.read(length)
            assert file.read(4) == struct.pack("<I", masked_crc32c(data))
            yield event_pb2.Event.FromString(data)


def events_below(folder: Path) -> list[Any]:
    """The events of all files in a folder and those inside, in TensorBoard's order."""
    paths = sorted(folder.rglob("events.out.tfevents.*"))
    return [event for path in paths for event in events_in(path)]


def points_below(folder: Path) -> list[tuple[str, int, float]]:
    """Tag, step and value of each scalar."""
    return [
        (value.tag, event.step, value.simple_value)
        for event in events_below(folder)
        for value in event.summary.value
        if value.HasField("simple_value")
    ]


def hparams_below(folder: Path) -> dict[str, Any]:
    """The records for the table of hyperparameters, by their tags."""
    return {
        value.tag.removeprefix("_hparams_/"): hparams_pb2.HParamsPluginData.FromString(
            value.metadata.plugin_data.content
        )
        for event in events_below(folder)
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == "hparams"
    }


class TestContract(TrackerContract):
    def make_tracker(self, folder: Path) -> Tracker:
        return TensorBoardTracker(folder)

    def values_of(self, folder: Path, metric: str) -> list[float]:
        return [value for tag, _, value in points_below(folder) if tag == metric]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[TrackerManager]:
    manager = TrackerManager([TensorBoardTracker(tmp_path)])
    manager.on_start(Level.EXPERIMENT, "digits")
    manager.on_start(Level.TRIAL, "small")
    yield manager
    manager.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the first run of the trial is written."""
    return tmp_path / "tensorboard" / "digits" / "small" / "run_1"


def train(manager: TrackerManager, *epochs: int, value: float = 0.5) -> None:
    """Epochs of two batches each."""
    for epoch in epochs:
        with TrackScope(manager, Level.EPOCH, epoch):
            for batch in range(2):
                with TrackScope(manager, Level.BATCH, batch):
                    manager.track("loss", value, step=batch)
            manager.track("acc", value, step=epoch)


# Where it writes.


def test_nothing_is_made_before_something_happens(tmp_path: Path) -> None:
    TensorBoardTracker(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_each_run_has_a_folder_with_one_file(manager: TrackerManager, tmp_path: Path) -> None:
    for number in (1, 2):
        with TrackScope(manager, Level.TRIAL_RUN, number):
            manager.track("score", 1)
    paths = [p.relative_to(tmp_path).parent for p in tmp_path.rglob("*") if p.is_file()]
    trial = Path("tensorboard/digits/small")
    assert sorted(paths) == [trial / "run_1", trial / "run_2"]


def test_another_folder_can_be_named(tmp_path: Path) -> None:
    tracker = TensorBoardTracker(tmp_path / "workspace", folder=str(tmp_path / "elsewhere"))
    tracker.on_create(Level.TRIAL_RUN, RUN)
    tracker.track((), RUN)
    tracker.close()
    assert [p.name for p in (tmp_path / "elsewhere" / "contract" / "first").iterdir()] == ["run_1"]


def test_metrics_of_a_trial_lie_in_its_own_folder(manager: TrackerManager, tmp_path: Path) -> None:
    manager.track("best", 0.75)
    (path,) = (tmp_path / "tensorboard" / "digits" / "small").iterdir()
    assert [v.tag for event in events_in(path) for v in event.summary.value] == ["best"]


def test_importing_the_library_leaves_no_environment_variable_behind() -> None:
    code = (
        "import os; before = dict(os.environ)\n"
        "from experiment_manager.trackers.plugins.event_file import import_tensorboardx\n"
        "import_tensorboardx(); assert dict(os.environ) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Metrics.


def test_a_scalar_stands_at_its_step(manager: TrackerManager, folder: Path) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    with TrackScope(manager, Level.EPOCH, 2):
        manager.track("a", 0.5, step=150)
    assert points_below(folder) == [("a", 150, 0.5)]


def test_without_a_step_it_stands_at_its_epoch(manager: TrackerManager, folder: Path) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    with TrackScope(manager, Level.EPOCH, 2):
        manager.track(Metric.VAL_LOSS, 0.5)
    assert points_below(folder) == [("val_loss", 2, 0.5)]


def test_a_result_of_the_run_stands_at_zero(manager: TrackerManager, folder: Path) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.track("score", 0.5)
    assert points_below(folder) == [("score", 0, 0.5)]


def test_batches_are_counted_through_all_epochs(manager: TrackerManager, folder: Path) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    train(manager, 0, 1)
    batches = [(tag, step) for tag, step, _ in points_below(folder) if tag != "acc"]
    assert batches == [("batch/loss", step) for step in range(4)]


def test_labels_are_scalars_of_their_own(manager: TrackerManager, folder: Path) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.track("acc", {"cat": 0.5, "dog": 1.0}, step=3)
    assert points_below(folder) == [("acc/cat", 3, 0.5), ("acc/dog", 3, 1.0)]


def test_a_confusion_matrix_is_an_accuracy_and_a_table(
    manager: TrackerManager, folder: Path
) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    matrix = {"labels": ["cat", "dog"], "rows": [[3, 1], [0, 4]]}
    manager.track(Metric.CONFUSION, matrix, step=1)
    assert ("confusion", 1, 0.875) in points_below(folder)
    values = [v for event in events_below(folder) for v in event.summary.value]
    (text,) = [v for v in values if v.metadata.plugin_data.plugin_name == "text"]
    assert text.tensor.string_val[0].decode().splitlines() == [
        "| true / predicted | cat | dog |",
        "|---|---|---|",
        "| cat | 3 | 1 |",
        "| dog | 0 | 4 |",
    ]


def test_nan_and_infinities_are_written(manager: TrackerManager, folder: Path) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.track_dict({"nan": math.nan, "inf": -math.inf})
    assert str([value for _, _, value in points_below(folder)]) == "[nan, -inf]"


def test_names_are_written_as_they_are(manager: TrackerManager, folder: Path) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.track("größe, 100%", 1)
    assert points_below(folder) == [("größe, 100%", 0, 1.0)]


def test_a_point_can_be_read_as_soon_as_it_is_tracked(
    manager: TrackerManager, folder: Path
) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    for count in range(1, 4):
        manager.track("score", 1)
        assert len(points_below(folder)) == count


# Parameters.


def test_parameters_are_written_when_the_run_ends(manager: TrackerManager, folder: Path) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.log_params({"lr": 0.1, "depth": 3})
    manager.log_params({"optimizer": {"name": "sgd"}, "depth": 4, "flag": True, "layers": [1, 2]})
    assert hparams_below(folder) == {}
    manager.on_end(Level.TRIAL_RUN)
    found = hparams_below(folder)["session_start_info"].session_start_info.hparams
    assert {name: value.WhichOneof("kind") for name, value in found.items()} == {
        "lr": "number_value",
        "depth": "number_value",
        "optimizer.name": "string_value",
        "flag": "bool_value",
        "layers": "string_value",
    }
    assert found["depth"].number_value == 4
    assert found["layers"].string_value == "[1, 2]"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (RunStatus.COMPLETED, "STATUS_SUCCESS"),
        (RunStatus.STOPPED, "STATUS_SUCCESS"),
        (RunStatus.FAILED, "STATUS_FAILURE"),
        (RunStatus.ABORTED, "STATUS_FAILURE"),
    ],
)
def test_the_outcome_stands_beside_the_parameters(
    manager: TrackerManager, folder: Path, status: RunStatus, expected: str
) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.on_end(Level.TRIAL_RUN, status)
    end = hparams_below(folder)["session_end_info"].session_end_info
    status_field = type(end).DESCRIPTOR.fields_by_name["status"]
    assert status_field.enum_type.values[end.status].name == expected


# A second attempt.


def test_a_run_that_begins_anew_replaces_its_points(manager: TrackerManager, folder: Path) -> None:
    with TrackScope(manager, Level.TRIAL_RUN, 1):
        train(manager, 0, 1, value=0.25)
    with TrackScope(manager, Level.TRIAL_RUN, 1):
        train(manager, 0, value=0.75)
    assert {value for _, _, value in points_below(folder)} == {0.75}


def test_a_resumed_run_keeps_its_points_up_to_the_resumed_epoch(
    manager: TrackerManager, folder: Path
) -> None:
    with TrackScope(manager, Level.TRIAL_RUN, 1):
        train(manager, 0, 1, 2, value=0.25)
    with TrackScope(manager, Level.TRIAL_RUN, 1, resumed_epoch=1):
        train(manager, 2, 3, value=0.75)
    points = points_below(folder)
    epochs = [(step, value) for tag, step, value in points if tag == "acc"]
    batches = [(step, value) for tag, step, value in points if tag == "batch/loss"]
    assert epochs == [(0, 0.25), (1, 0.25), (2, 0.75), (3, 0.75)]
    assert batches == [(step, 0.25 if step < 4 else 0.75) for step in range(8)]


def test_a_run_can_be_resumed_again_and_again(manager: TrackerManager, folder: Path) -> None:
    for epoch in range(4):
        resumed_epoch = epoch - 1 if epoch else None
        with TrackScope(manager, Level.TRIAL_RUN, 1, resumed_epoch=resumed_epoch):
            train(manager, epoch)
            manager.track("score", epoch)
    steps = [step for tag, step, _ in points_below(folder) if tag == "acc"]
    assert steps == [0, 1, 2, 3]
    assert [value for tag, _, value in points_below(folder) if tag == "score"] == [3.0]


def test_a_resumed_run_is_shown_with_its_last_outcome(
    manager: TrackerManager, folder: Path
) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    train(manager, 0)
    manager.on_end(Level.TRIAL_RUN, RunStatus.FAILED)
    with TrackScope(manager, Level.TRIAL_RUN, 1, resumed_epoch=0):
        train(manager, 1)
    tags = [value.tag for event in events_below(folder) for value in event.summary.value]
    assert tags.count("_hparams_/session_end_info") == 1


def test_points_of_an_epoch_whose_end_was_cut_off_are_kept(
    manager: TrackerManager, folder: Path
) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.on_start(Level.EPOCH, 0)
    manager.track("acc", 0.25, step=0)
    (path,) = folder.iterdir()
    killed = path.read_bytes()
    manager.on_end(Level.TRIAL_RUN)
    path.write_bytes(killed + b"\x40\x00\x00\x00\x00\x00\x00\x00half a frame")
    with TrackScope(manager, Level.TRIAL_RUN, 1, resumed_epoch=0):
        train(manager, 1, value=0.75)
    epochs = [(step, value) for tag, step, value in points_below(folder) if tag == "acc"]
    assert epochs == [(0, 0.25), (1, 0.75)]


def test_a_tensorboard_that_is_open_forgets_the_earlier_attempt(
    manager: TrackerManager, folder: Path
) -> None:
    with TrackScope(manager, Level.TRIAL_RUN, 1, resumed_epoch=0):
        train(manager, 1)
    starts = [e.step for e in events_below(folder) if e.session_log.status == 1]
    assert starts == [0]
