"""What W&B finds in a run's offline file, read by its format; no test touches the network."""

from __future__ import annotations

import importlib
import json
import logging
import math
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import wandb

from experiment_manager.common.common import Level, Metric, RunStatus
from experiment_manager.config.paths import WorkspacePaths
from experiment_manager.testing.tracker_contract import TrackerContract
from experiment_manager.trackers.context import Context
from experiment_manager.trackers.plugins.wandb_tracker import WandbTracker
from experiment_manager.trackers.tracker import Tracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

Record = importlib.import_module("wandb.proto.wandb_internal_pb2").Record
FILE_HEAD, RECORD_HEAD, BLOCK = 7, 7, 32768
FULL, LAST = 1, 4


def records_in(path: Path) -> Iterator[Any]:
    """The records of a ``.wandb`` file, which has LevelDB's log format."""
    content, position, record = path.read_bytes(), FILE_HEAD, b""
    while position < len(content):
        left = BLOCK - position % BLOCK
        if left < RECORD_HEAD:
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        position += RECORD_HEAD + length
        record += content[position - length : position]
        if kind in {FULL, LAST}:
            yield Record.FromString(record)
            record = b""


def records_below(folder: Path, kind: str) -> list[Any]:
    """The records of one kind of all offline runs, the oldest run first."""
    paths = sorted(folder.glob("wandb/offline-run-*/*.wandb"), key=lambda p: p.stat().st_mtime_ns)
    records = [record for path in paths for record in records_in(path)]
    return [getattr(r, kind) for r in records if r.WhichOneof("record_type") == kind]


def rows_below(folder: Path) -> list[dict[str, Any]]:
    """The rows of the histories, without W&B's own columns."""
    rows = [
        {"/".join(item.nested_key): json.loads(item.value_json) for item in record.item}
        for record in records_below(folder, "history")
    ]
    return [{key: row[key] for key in sorted(row) if not key.startswith("_")} for row in rows]


def services() -> list[psutil.Process]:
    """W&B's service processes that this process has started."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "wandb-core" in child.name()]


class NotOfWandb(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not record.name.startswith("wandb")


class TestContract(TrackerContract):
    @pytest.fixture(autouse=True)
    def _without_the_librarys_log(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        """W&B's logger propagates nothing, but pytest listens to such loggers too."""
        with caplog.filtering(NotOfWandb()):
            yield

    def setup_method(self) -> None:
        self.made: list[Tracker] = []

    def make_tracker(self, folder: Path) -> Tracker:
        self.made.append(WandbTracker(folder))
        return self.made[-1]

    def values_of(self, folder: Path, metric: str) -> list[float]:
        for tracker in self.made:
            tracker.close()  # W&B writes the last block of its file when a run is finished
        return [float(row[metric]) for row in rows_below(folder) if metric in row]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[TrackerManager]:
    manager = TrackerManager([WandbTracker(tmp_path)])
    manager.on_start(Level.EXPERIMENT, "digits: 100%")
    manager.on_start(Level.TRIAL, "small")
    yield manager
    manager.close()


# The life of a run.


def test_nothing_is_made_before_a_run(manager: TrackerManager, tmp_path: Path) -> None:
    manager.track("best", 1)
    manager.log_params({"lr": 0.1})
    assert list(tmp_path.iterdir()) == []
    assert services() == []


def test_a_run_is_named_by_trial_and_number(manager: TrackerManager, tmp_path: Path) -> None:
    with TrackScope(manager, Level.TRIAL_RUN, 2):
        pass
    run = records_below(tmp_path, "run")[0]
    assert (run.display_name, run.run_group, run.project) == (
        "small run 2",
        "small",
        "digits- 100-",
    )


def test_project_and_entity_can_be_named(tmp_path: Path) -> None:
    manager = TrackerManager([WandbTracker(tmp_path, project="comparison", entity="team")])
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.close()
    run = records_below(tmp_path, "run")[0]
    assert (run.project, run.entity) == ("comparison", "team")


@pytest.mark.parametrize(
    ("status", "exit_code"),
    [(RunStatus.COMPLETED, 0), (RunStatus.STOPPED, 0), (RunStatus.FAILED, 1)],
)
def test_the_outcome_is_an_exit_code(
    manager: TrackerManager, tmp_path: Path, status: RunStatus, exit_code: int
) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    manager.on_end(Level.TRIAL_RUN, status)
    assert [record.exit_code for record in records_below(tmp_path, "exit")] == [exit_code]


def test_a_run_that_nobody_ended_has_failed(tmp_path: Path) -> None:
    tracker = WandbTracker(tmp_path)
    TrackerManager([], borrowed=[tracker]).on_start(Level.TRIAL_RUN, 1)
    tracker.close()
    assert [record.exit_code for record in records_below(tmp_path, "exit")] == [1]


# Metrics and parameters.


def test_a_row_stands_at_its_epoch(manager: TrackerManager, tmp_path: Path) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    with TrackScope(manager, Level.EPOCH, 4):
        manager.track_dict({Metric.VAL_LOSS: 0.5, "acc": {"cat": 1}}, step=4)
    manager.on_end(Level.TRIAL_RUN)
    assert rows_below(tmp_path) == [{"acc/cat": 1, "epoch": 4, "val_loss": 0.5}]


def test_the_epoch_is_the_axis_of_all_metrics(manager: TrackerManager, tmp_path: Path) -> None:
    with TrackScope(manager, Level.TRIAL_RUN, 1):
        manager.track("loss", 0.5, step=3)
    rules = [(r.glob_name, r.step_metric) for r in records_below(tmp_path, "metric")]
    assert rules == [("*", "epoch")]


def test_batches_have_names_and_an_axis_of_their_own(
    manager: TrackerManager, tmp_path: Path
) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    with TrackScope(manager, Level.EPOCH, 1):
        for batch in range(2):
            with TrackScope(manager, Level.BATCH, batch):
                manager.track("loss", batch, step=batch)
    manager.on_end(Level.TRIAL_RUN)
    assert rows_below(tmp_path) == [{"batch/loss": n, "epoch": 1} for n in range(2)]
    rules = [r for r in records_below(tmp_path, "metric") if r.name == "batch/loss"]
    assert [rule.step_metric for rule in rules] == [""]


def test_results_of_the_run_stand_at_its_last_epoch(
    manager: TrackerManager, tmp_path: Path
) -> None:
    with TrackScope(manager, Level.TRIAL_RUN, 1):
        manager.track("loss", 0.5, step=3)
        manager.track("score", 0.75)
    assert rows_below(tmp_path)[-1] == {"epoch": 3, "score": 0.75}


def test_of_a_confusion_matrix_the_accuracy_is_written(
    manager: TrackerManager, tmp_path: Path
) -> None:
    with TrackScope(manager, Level.TRIAL_RUN, 1):
        manager.track(Metric.CONFUSION, [[3, 1], [0, 4]])
    assert rows_below(tmp_path)[0]["confusion"] == 0.875


def test_nan_is_written(manager: TrackerManager, tmp_path: Path) -> None:
    with TrackScope(manager, Level.TRIAL_RUN, 1):
        manager.track("loss", math.nan)
    assert math.isnan(rows_below(tmp_path)[0]["loss"])


def test_parameters_are_the_config(manager: TrackerManager, tmp_path: Path) -> None:
    with TrackScope(manager, Level.TRIAL_RUN, 1):
        manager.log_params({"optimizer": {"lr": 0.1}, "depth": 3})
        manager.log_params({"depth": 4})
    updates = [u for record in records_below(tmp_path, "config") for u in record.update]
    config = {update.key: json.loads(update.value_json) for update in updates}
    assert {key: config[key] for key in ("optimizer.lr", "depth")} == {
        "optimizer.lr": 0.1,
        "depth": 4,
    }


# A second attempt.


def test_a_resumed_run_goes_on_under_its_id(manager: TrackerManager, tmp_path: Path) -> None:
    for resumed_epoch in (None, 0):
        with TrackScope(manager, Level.TRIAL_RUN, 1, resumed_epoch=resumed_epoch):
            manager.track("loss", 0.5, step=0)
    assert len({run.run_id for run in records_below(tmp_path, "run")}) == 1
    assert len(rows_below(tmp_path)) == 2


def test_a_run_that_begins_anew_replaces_its_offline_files(
    manager: TrackerManager, tmp_path: Path
) -> None:
    for value in (0.25, 0.75):
        with TrackScope(manager, Level.TRIAL_RUN, 1):
            manager.track("loss", value, step=0)
    assert [row["loss"] for row in rows_below(tmp_path)] == [0.75]


def test_other_runs_trials_and_workspaces_have_other_ids(tmp_path: Path) -> None:
    runs = [("ws", "b", 1), ("ws", "b", 2), ("ws", "c", 1), ("other", "b", 1)]
    ids = {id_of(tmp_path / workspace, trial, run) for workspace, trial, run in runs}
    assert len(ids) == 4


def id_of(workspace: Path, trial: str, run: int) -> str:
    """The id of a planned run of the experiment ``a``."""
    context = Context(Level.TRIAL_RUN, "a", trial, run, f"a/{trial}/{run}")
    return WandbTracker(workspace)._id_of(context)


def test_a_run_keeps_its_id_where_its_workspace_is_moved(tmp_path: Path) -> None:
    before = id_of(tmp_path / "old", "b", 1)
    (tmp_path / "old").rename(tmp_path / "new")
    assert id_of(tmp_path / "new", "b", 1) == before


def test_a_run_in_the_place_of_one_that_was_set_aside_has_another_id(tmp_path: Path) -> None:
    before, paths = id_of(tmp_path, "b", 1), WorkspacePaths(tmp_path)
    archived = paths.archived_run("a", "b", 1, 1).root
    archived.parent.mkdir()
    paths.run("a", "b", 1).root.rename(archived)
    assert id_of(tmp_path, "b", 1) != before


# What it leaves behind in the process.


def test_the_service_process_ends_with_the_run(manager: TrackerManager) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    assert len(services()) == 1
    manager.on_end(Level.TRIAL_RUN)
    assert services() == []


def test_a_run_of_somebody_else_goes_on(manager: TrackerManager, tmp_path: Path) -> None:
    manager.on_start(Level.TRIAL_RUN, 1)
    theirs = wandb.init(dir=str(tmp_path), reinit="create_new")
    manager.on_end(Level.TRIAL_RUN)
    theirs.log({"loss": 0.5})
    theirs.finish()
    wandb.teardown()
    assert {"loss": 0.5} in rows_below(tmp_path)


def test_nothing_is_printed(manager: TrackerManager, capfd: pytest.CaptureFixture[str]) -> None:
    with TrackScope(manager, Level.TRIAL_RUN, 1):
        manager.track("loss", 0.5)
    manager.close()
    assert capfd.readouterr() == ("", "")


def test_the_interpreters_ways_to_end_are_left_alone(manager: TrackerManager) -> None:
    before = sys.exit, sys.excepthook
    manager.on_start(Level.TRIAL_RUN, 1)
    assert (sys.exit, sys.excepthook) == before
    manager.close()
    assert (sys.exit, sys.excepthook) == before


ALONE = """
import os, sys, socket
from pathlib import Path
def refuse(*args): raise AssertionError(f"network: {args}")
connect = socket.socket.connect
socket.socket.connect = lambda s, a: connect(s, a) if s.family == socket.AF_UNIX else refuse(a)
socket.getaddrinfo = refuse
from experiment_manager.common.common import Level
from experiment_manager.trackers.plugins.wandb_tracker import WandbTracker
from experiment_manager.trackers.tracker_manager import TrackerManager
before = dict(os.environ)
manager = TrackerManager([WandbTracker(Path(sys.argv[1]))])
manager.track("loss", 0.5, step=0)
manager.close()
assert dict(os.environ) == before
assert {t.name for t in __import__("threading").enumerate()} == {"MainThread"}
"""


def test_a_process_leaves_no_network_traffic_threads_or_variables(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", ALONE, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
