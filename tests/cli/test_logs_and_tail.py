"""``logs`` prints log files; ``tail`` follows what runs record while they are running."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli import exit_codes
from experiment_manager.cli.commands_inspect import logs
from experiment_manager.cli.tailing import POLLS_BETWEEN_RUNS, follow
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.testing.servers import MariaDBServer

Read = Callable[..., Result]
Step = Callable[[], object]
TailWhile = Callable[..., list[str]]
EventsWhile = Callable[..., list[dict[str, Any]]]

TAIL = "from experiment_manager.cli.commands_inspect import tail; tail()"


# logs.


@pytest.fixture
def read_logs(executed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Calls ``logs`` in a folder where an experiment was run."""
    shutil.copytree(executed, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(logs, arguments)


def test_logs_of_a_run_is_its_log_file(read_logs: Read) -> None:
    file = Path("work/digits/trials/small/run_1/logs/run_1.log")
    done = read_logs("digits/small/1")
    assert (done.exit_code, done.stdout) == (0, file.read_text(encoding="utf-8"))


def test_logs_of_a_trial_are_those_of_its_runs_each_below_its_path(read_logs: Read) -> None:
    lines = read_logs("digits/small").stdout.splitlines()
    headings = [line for line in lines if line.startswith("==>")]
    folder = "work/digits/trials/small"
    assert headings == [f"==> {folder}/run_{k}/logs/run_{k}.log <==" for k in (1, 2)]
    assert lines[1].endswith("small run 1 starts with seed 0")


def test_logs_of_an_experiment_tell_of_all_its_runs(read_logs: Read) -> None:
    lines = read_logs("digits").stdout.splitlines()
    assert lines[0].endswith("| digits small run 1 | started")
    assert lines[-1].endswith("| digits large run 1 | completed")


def test_logs_takes_abbreviated_names(read_logs: Read) -> None:
    assert "small run 2 starts with seed 1" in read_logs("d/s/2").stdout


def test_logs_gives_the_last_lines_alone(read_logs: Read) -> None:
    done = read_logs("digits/small/2", "-n", "2")
    first, second = done.stdout.splitlines()
    assert first == "and a second line"
    assert second.endswith("small run 2: failed")


def test_logs_gives_bytes_as_they_are(read_logs: Read) -> None:
    file = Path("work/digits/trials/large/run_1/logs/run_1.log")
    file.write_bytes(b"caf\xe9 \xe2\x82\xac\n")
    assert read_logs("digits/large/1").stdout_bytes == b"caf\xe9 \xe2\x82\xac\n"


def test_logs_looks_into_another_workspace_on_request(read_logs: Read) -> None:
    Path("work/digits").rename("digits")
    assert read_logs("digits/large").exit_code == 2
    assert "large run 1 starts" in read_logs("digits/large", "--workspace", ".").stdout


def test_logs_names_the_folder_that_has_none(read_logs: Read) -> None:
    shutil.rmtree("work/digits/trials/large")
    done = read_logs("digits/large/1")
    assert (done.exit_code, done.stdout) == (2, "")
    words = " ".join(done.stderr.split())
    assert "no log file in work/digits/trials/large/run_1/logs" in words
    assert "--workspace" in words


def test_logs_asks_for_the_workspace_of_a_database_on_a_server(
    read_logs: Read, mariadb: MariaDBServer
) -> None:
    url = mariadb.create_database()
    with DatabaseManager.from_url(url) as db:
        db.start_trial_run(db.create_trial(db.create_experiment("digits").id, "large").id, 1)
    done = read_logs("digits/large/1", "--in", url)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "name the workspace with --workspace" in " ".join(done.stderr.split())
    found = read_logs("digits/large/1", "--in", url, "--workspace", "work")
    assert "large run 1 starts with seed 0" in found.stdout


# tail.


class Training:
    """Records like a training, step by step."""

    def __init__(self, db: DatabaseManager) -> None:
        self._db = db
        self._trial = db.create_trial(db.create_experiment("digits").id, "small").id

    def start(self, number: int, kept_epoch: int | None = None) -> None:
        run = self._db.start_trial_run(self._trial, number, seed=7, kept_epoch=kept_epoch)
        self._db.record_trial_run_parameters(run.id, {"epochs": 4})

    def epoch(self, number: int, epoch: int, **metrics: float) -> None:
        points = [MetricPoint(name, value) for name, value in metrics.items()]
        self._db.record_epoch(self._id(number), epoch, points)

    def end(self, number: int, status: str = "completed", **results: float) -> None:
        points = [MetricPoint(name, value) for name, value in results.items()]
        self._db.record_results(self._id(number), points)
        self._db.update_trial_run_status(self._id(number), status)

    def record(self, number: int, point: MetricPoint) -> None:
        self._db.record_epoch(self._id(number), 0, [point])

    def _id(self, number: int) -> int:
        runs = self._db.list_trial_runs(self._trial)
        return next(run.id for run in runs if run.number == number)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An SQLite database."""
    return f"sqlite:///{tmp_path}/experiments.db"


@pytest.fixture
def training(url: str) -> Iterator[Training]:
    """A training that records into it."""
    with DatabaseManager.from_url(url) as db:
        yield Training(db)


@pytest.fixture
def tail_while(url: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """The lines that ``tail`` prints while a step is taken between any two of its looks."""

    def lines(*steps: Step, name: str = "digits", place: str = url) -> list[str]:
        follow(name, place, _taking(steps))
        return [_timeless(line) for line in capsys.readouterr().out.splitlines()]

    return lines


@pytest.fixture
def events_while(url: str, capsys: pytest.CaptureFixture[str]) -> EventsWhile:
    """What ``tail --json`` prints while a step is taken between any two of its looks."""

    def events(*steps: Step) -> list[dict[str, Any]]:
        follow("digits", url, _taking(steps), as_json=True)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return events


def _taking(steps: Iterable[Step]) -> Step:
    """Takes the next step each time, and nothing as often as ``tail`` waits for the next run."""
    remaining: Iterator[Step] = iter([*steps, *[lambda: None] * POLLS_BETWEEN_RUNS])

    def take_step() -> None:
        next(remaining)()

    return take_step


def _timeless(line: str) -> str:
    return re.sub(r"\d+\.\d+ s", "T", line)


def test_tail_ends_at_once_where_nothing_is_running(
    training: Training, tail_while: TailWhile
) -> None:
    training.start(1)
    training.end(1)
    assert tail_while() == ["No run of digits is running."]


def test_tail_begins_with_the_last_epoch_and_ends_with_the_run(
    training: Training, tail_while: TailWhile
) -> None:
    training.start(1)
    training.epoch(1, 0, loss=1.0)
    training.epoch(1, 1, loss=0.5)
    assert tail_while(
        lambda: training.epoch(1, 2, loss=0.25),
        lambda: training.end(1, test_acc=0.9),
    ) == [
        "small run 1 epoch 2/4, ETA T  loss 0.5",
        "small run 1 epoch 3/4, ETA T  loss 0.25",
        "small run 1 completed, 3 epochs in T  test_acc 0.9",
    ]


def test_tail_gives_each_of_several_epochs_a_line(
    training: Training, tail_while: TailWhile
) -> None:
    def two_epochs() -> None:
        training.epoch(1, 0, val_loss=1, train_loss=2)
        training.epoch(1, 1, val_loss=3, train_loss=4)

    training.start(1)
    assert tail_while(two_epochs, lambda: training.end(1, "failed")) == [
        "small run 1 epoch 1/4, ETA T  val_loss 1  train_loss 2",
        "small run 1 epoch 2/4, ETA T  val_loss 3  train_loss 4",
        "small run 1 failed, 2 epochs in T",
    ]


def test_tail_tells_what_an_epoch_gets_later_and_nothing_twice(
    training: Training, tail_while: TailWhile
) -> None:
    training.start(1)
    lines = tail_while(
        lambda: training.epoch(1, 0, loss=1),
        lambda: training.epoch(1, 0, acc=0.5),
        lambda: None,
        lambda: training.end(1),
    )
    assert lines[:-1] == [
        "small run 1 epoch 1/4, ETA T  loss 1",
        "small run 1 epoch 1/4, ETA T  acc 0.5",
    ]


def test_tail_leaves_out_labels_and_matrices(training: Training, tail_while: TailWhile) -> None:
    labelled = MetricPoint("acc", 0.5, {"cat": 0.25, "dog": 0.75})
    matrix = MetricPoint("confusion", 1.0, {"labels": ["cat"], "rows": [[3]]})
    training.start(1)
    lines = tail_while(
        lambda: training.record(1, labelled),
        lambda: training.record(1, matrix),
        lambda: training.end(1),
    )
    assert lines[0] == "small run 1 epoch 1/4, ETA T  acc 0.5"


def test_tail_waits_for_the_next_run(training: Training, tail_while: TailWhile) -> None:
    training.start(1)
    lines = tail_while(
        lambda: training.end(1),
        lambda: None,
        lambda: training.start(2),
        lambda: training.epoch(2, 0, loss=1),
        lambda: training.end(2, "stopped"),
    )
    assert lines == [
        "small run 1 completed, 0 epochs in T",
        "small run 2 started, seed 7",
        "small run 2 epoch 1/4, ETA T  loss 1",
        "small run 2 stopped, 1 epoch in T",
    ]


def test_tail_misses_no_run_that_is_over_between_two_looks(
    training: Training, tail_while: TailWhile
) -> None:
    def whole_run() -> None:
        training.start(2)
        training.epoch(2, 0, loss=1)
        training.end(2)

    training.start(1)
    lines = tail_while(whole_run, lambda: training.end(1))
    assert [line.split(",")[0] for line in lines] == [
        "small run 2 started",
        "small run 2 epoch 1/4",
        "small run 2 completed",
        "small run 1 completed",
    ]


def test_tail_of_one_run_ends_with_it(training: Training, tail_while: TailWhile) -> None:
    training.start(1)
    training.start(2)
    lines = tail_while(lambda: training.end(1), name="digits/small/1")
    assert lines == ["small run 1 completed, 0 epochs in T"]


def test_tail_does_not_repeat_what_a_resumed_run_took_over(
    training: Training, tail_while: TailWhile
) -> None:
    def next_attempt() -> None:
        training.start(1, kept_epoch=0)
        training.epoch(1, 1, loss=0.25)

    training.start(1)
    training.epoch(1, 0, loss=1)
    training.epoch(1, 1, loss=0.5)
    lines = tail_while(lambda: training.end(1, "aborted"), next_attempt, lambda: training.end(1))
    assert lines[1:-1] == [
        "small run 1 aborted, 2 epochs in T",
        "small run 1 started, seed 7",
        "small run 1 epoch 2/4, ETA T  loss 0.25",
    ]


def test_tail_as_json_gives_an_object_for_each_event(
    training: Training, events_while: EventsWhile
) -> None:
    training.start(1)
    epoch, end = events_while(
        lambda: training.epoch(1, 0, loss=1), lambda: training.end(1, acc=0.5)
    )
    run = {"experiment": "digits", "trial": "small", "run": 1, "attempt": 1}
    eta_s = epoch.pop("eta_s")
    assert eta_s > 0
    assert epoch == {
        "event": "epoch",
        **run,
        "epoch": 0,
        "done": 1,
        "planned": 4,
        "metrics": {"loss": 1.0},
    }
    duration_s = end.pop("duration_s")
    assert duration_s > 0
    assert end == {
        "event": "ended",
        **run,
        "status": "completed",
        "epochs": 1,
        "error": None,
        "metrics": {"acc": 0.5},
    }


def test_tail_as_json_tells_of_the_start_of_a_run(
    training: Training, events_while: EventsWhile
) -> None:
    training.start(1)
    _, started, _ = events_while(
        lambda: training.end(1), lambda: training.start(2), lambda: training.end(2)
    )
    assert started == {
        "event": "started",
        "experiment": "digits",
        "trial": "small",
        "run": 2,
        "attempt": 1,
        "seed": 7,
    }


def test_tail_as_json_prints_nothing_where_nothing_is_running(
    training: Training, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    training.start(1)
    training.end(1)
    follow("digits", url, as_json=True)
    assert capsys.readouterr().out == ""


def test_tail_follows_a_training_that_records_on_a_server(
    mariadb: MariaDBServer, tail_while: TailWhile
) -> None:
    server = mariadb.create_database()
    with DatabaseManager.from_url(server) as db:
        training = Training(db)
        training.start(1)
        lines = tail_while(
            lambda: training.epoch(1, 0, loss=1), lambda: training.end(1), place=server
        )
    assert lines == [
        "small run 1 epoch 1/4, ETA T  loss 1",
        "small run 1 completed, 1 epoch in T",
    ]


def test_ctrl_c_ends_the_following_and_says_that_the_runs_go_on(
    training: Training, tmp_path: Path
) -> None:
    training.start(1)
    training.epoch(1, 0, loss=1)
    command = [sys.executable, "-W", "error", "-c", TAIL, "digits"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"small run 1 epoch 1/4")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == exit_codes.INTERRUPTED
    assert errors.decode() == "Interrupted. What runs goes on.\n"
