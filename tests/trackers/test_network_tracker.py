"""No server, however it behaves, stalls a training, and nothing is lost without a word."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Level
from experiment_manager.common.errors import ConfigError, TrackingError
from experiment_manager.testing.waiting import wait_until
from experiment_manager.trackers import delivery_queue
from experiment_manager.trackers.events import Event
from experiment_manager.trackers.network_tracker import NetworkTracker
from experiment_manager.trackers.tracker_manager import TrackerManager, TrackScope

LOGGER = logging.getLogger("test_network_tracker")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_queue, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(delivery_queue, "LONGEST_RETRY_S", 0.04)
    monkeypatch.setattr(delivery_queue, "GATHER_S", 0.01)


class Post(NetworkTracker):
    """Delivers to a list, unless it is told to fail or to hang."""

    name = "post"
    place = "the office"

    def __init__(self, directory: Path, **options: Any) -> None:
        super().__init__(directory, **options)
        self.arrived: list[Event] = []
        self.portions: list[int] = []
        self.trouble: Exception | None = None
        self.refused_value: float | None = None
        self.is_open = threading.Event()
        self.is_open.set()

    def begin(self, event: Event) -> None:
        self._receive([event])

    def deliver(self, events: Sequence[Event]) -> None:
        self.portions.append(len(events))
        if any(p.value == self.refused_value for e in events for p in e.points):
            raise ValueError("this value is refused")
        self._receive(events)

    def _receive(self, events: Sequence[Event]) -> None:
        self.is_open.wait()
        if self.trouble is not None:
            raise self.trouble
        self.arrived += events

    @property
    def values(self) -> list[float]:
        return [p.value for e in self.arrived for p in e.points if p.value is not None]


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """A server that a closed tracker does not wait for long."""
    post = Post(tmp_path, start_timeout_s=0.2, end_timeout_s=0.2, queue_size=100)
    yield post
    post.is_open.set()
    post.close()


@pytest.fixture
def training(post: Post) -> TrackerManager:
    """A run that has begun."""
    manager = TrackerManager([post], name="digits")
    manager.report_to(LOGGER)
    manager.on_start(Level.TRIAL_RUN, 1)
    return manager


def train(manager: TrackerManager, *values: float) -> None:
    for value in values:
        manager.track("loss", value, step=int(value))


def undelivered(folder: Path) -> list[float]:
    """The values in the file of what was not delivered."""
    lines = (folder / "undelivered_post.jsonl").read_text("utf-8").splitlines()
    points = [point for line in lines for point in json.loads(line).get("metrics", ())]
    return [point["value"] for point in points]


# Starts.


@pytest.mark.usefixtures("training")
def test_creations_and_starts_have_arrived_when_they_return(post: Post) -> None:
    expected = [
        (method, level.name)
        for level in (Level.EXPERIMENT, Level.TRIAL, Level.TRIAL_RUN)
        for method in ("on_create", "on_start")
    ]
    assert [(e.method, e.level and e.level.name) for e in post.arrived] == expected


def test_epochs_and_batches_are_not_announced(post: Post, training: TrackerManager) -> None:
    before = len(post.arrived)
    with TrackScope(training, Level.EPOCH, 0), TrackScope(training, Level.BATCH, 0):
        pass
    post.flush()
    assert len(post.arrived) == before


def test_a_start_that_fails_says_what_where_and_what_to_do(post: Post) -> None:
    post.trouble = ConnectionRefusedError("nobody there")
    with pytest.raises(
        TrackingError,
        match=r"post at the office does not take the start of digits: "
        r"ConnectionRefusedError: nobody there; start the server, correct its address, "
        r"or take 'post' out of the trackers in env\.yaml",
    ):
        TrackerManager([post]).on_start(Level.EXPERIMENT, "digits")


def test_a_start_on_a_server_that_hangs_fails_in_time(post: Post) -> None:
    post.is_open.clear()
    with pytest.raises(TrackingError, match=r"no answer within 0\.2 s"):
        TrackerManager([post]).on_start(Level.EXPERIMENT, "digits")


def test_what_the_plugin_raises_on_purpose_is_raised_as_it_is(post: Post) -> None:
    post.trouble = ConfigError(["no such project"])
    with pytest.raises(ConfigError, match="no such project"):
        TrackerManager([post]).on_start(Level.EXPERIMENT, "digits")


def test_what_never_started_is_not_ended_either(post: Post) -> None:
    post.trouble = ConnectionRefusedError()
    manager = TrackerManager([post])
    with pytest.raises(TrackingError):
        manager.on_start(Level.EXPERIMENT, "digits")
    post.trouble = None
    manager.close()
    assert post.arrived == []


# Deliveries.


def test_what_comes_in_quick_succession_is_delivered_together(
    post: Post, training: TrackerManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_queue, "GATHER_S", 60)
    train(training, *range(50))
    post.flush()
    assert post.values == list(range(50))
    assert post.portions == [50]


def test_what_waits_is_delivered_without_being_asked_for(
    post: Post, training: TrackerManager
) -> None:
    train(training, 1)
    wait_until(lambda: post.values == [1])


def test_the_end_of_a_run_waits_until_everything_has_arrived(
    post: Post, training: TrackerManager
) -> None:
    train(training, *range(50))
    training.on_end(Level.TRIAL_RUN)
    assert post.values == list(range(50))
    assert post.arrived[-1].method == "on_end"


def test_a_server_that_comes_back_gets_everything_and_is_reported_twice(
    post: Post, training: TrackerManager, caplog: pytest.LogCaptureFixture
) -> None:
    post.trouble = ConnectionResetError("gone")
    train(training, *range(5))
    wait_until(lambda: len(post.portions) > 3)
    post.trouble = None
    training.close()
    assert post.values == list(range(5))
    away, back = caplog.messages
    assert away.startswith("post at the office is away (ConnectionResetError: gone)")
    assert back == "post at the office is back"


def test_a_flush_does_not_wait_for_a_server_that_is_away(tmp_path: Path) -> None:
    post = Post(tmp_path)
    training = TrackerManager([post])
    training.on_start(Level.TRIAL_RUN, 1)
    post.trouble = ConnectionResetError("gone")
    train(training, 1)
    wait_until(lambda: len(post.portions) > 1)
    post.flush()  # would take half a minute
    post.trouble = None
    training.close()


def test_only_the_first_flush_waits_for_a_server_that_hangs(
    post: Post, training: TrackerManager, caplog: pytest.LogCaptureFixture
) -> None:
    post.is_open.clear()
    train(training, 1)
    post.flush()
    assert "is away (TimeoutError: no answer within 0.2 s)" in caplog.text
    post._end_timeout_s = 1000
    post.flush()
    post.is_open.set()
    training.close()
    assert post.values == [1]


def test_a_refused_event_is_reported_once_and_the_others_arrive(
    post: Post, training: TrackerManager, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    post.refused_value = 7
    train(training, *range(20), 7, 20)
    training.on_end(Level.TRIAL_RUN)
    assert post.values == [*range(7), *range(8, 20), 20]
    assert undelivered(tmp_path) == [7, 7]
    refused, summary = caplog.messages
    assert "refuses track of digits default run 1 epoch 7: ValueError: this value" in refused
    assert summary.startswith("2 events were not delivered to post at the office")


def test_one_refused_event_among_many_costs_few_deliveries(
    post: Post, training: TrackerManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_queue, "GATHER_S", 60)
    post.refused_value = 30
    train(training, *range(64))
    post.flush()
    assert len(post.values) == 63
    assert len(post.portions) < 25


# What cannot be delivered.


def test_a_server_that_hangs_stalls_neither_the_training_nor_its_end(
    post: Post, training: TrackerManager, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    post.is_open.clear()
    train(training, *range(50))
    training.close()
    assert undelivered(tmp_path) == list(range(50))
    file = tmp_path / "undelivered_post.jsonl"
    assert caplog.messages[0] == (
        f"51 events were not delivered to post at the office. They are in {file}, "
        "and in the database"
    )


def test_what_was_waited_for_in_vain_is_not_waited_for_again(tmp_path: Path) -> None:
    post = Post(tmp_path, end_timeout_s=0.2)
    training = TrackerManager([post])
    training.on_start(Level.TRIAL_RUN, 1)
    post.is_open.clear()
    training.on_end(Level.TRIAL_RUN)
    post._end_timeout_s = 1000
    training.close()
    post.is_open.set()


def test_what_finds_the_queue_full_goes_to_the_file(
    post: Post, training: TrackerManager, tmp_path: Path
) -> None:
    post.is_open.clear()
    train(training, 0)
    wait_until(lambda: post.portions == [1])
    train(training, *range(1, 251))
    assert undelivered(tmp_path) == list(range(101, 251))
    post.is_open.set()
    training.close()
    assert post.values == list(range(101))


def test_where_everything_arrives_there_is_no_file_and_no_warning(
    training: TrackerManager, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(training, *range(50))
    training.close()
    assert list(tmp_path.iterdir()) == []
    assert caplog.records == []


# Processes.


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_delivers_what_it_records_itself(
    post: Post, training: TrackerManager, tmp_path: Path
) -> None:
    train(training, 1)
    post.flush()

    def record() -> None:
        train(training, 2)
        post.flush()
        (tmp_path / "child").write_text(str(post.values), encoding="utf-8")

    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            record()
        os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "child").read_text("utf-8") == "[1.0, 2.0]"
    assert post.values == [1]


HANGING = """
import threading
from pathlib import Path
from experiment_manager.common.common import Level
from experiment_manager.trackers.network_tracker import NetworkTracker
from experiment_manager.trackers.tracker_manager import TrackerManager

class Hanging(NetworkTracker):
    name = "hanging"
    place = "nowhere"

    def begin(self, event):
        pass

    def deliver(self, events):
        threading.Event().wait()

manager = TrackerManager([Hanging(Path.cwd(), end_timeout_s=0.2)])
manager.on_start(Level.TRIAL_RUN, 1)
manager.track("loss", 0.5, step=1)
manager.close()
"""


def test_a_server_that_hangs_keeps_no_process_alive(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", HANGING], cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "undelivered_hanging.jsonl").exists()
