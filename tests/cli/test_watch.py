"""``watch`` shows how far an experiment is, again and again until nobody executes it any more."""

from __future__ import annotations

import io
import itertools
import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from experiment_manager.cli import exit_codes
from experiment_manager.cli.commands_watch import watch
from experiment_manager.cli.planned_repeats import PlannedRepeats
from experiment_manager.cli.watching import follow
from experiment_manager.common.errors import ConnectionError  # noqa: A004 - the contract's name
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.progress import ExperimentProgress
from experiment_manager.results.progress_reading import read_progress
from experiment_manager.testing.servers import MariaDBServer

Read = Callable[..., Result]
Spawn = Callable[..., subprocess.Popen[bytes]]
Step = Callable[[], object]
T = TypeVar("T")


def rows_of(text: str) -> dict[str, list[str]]:
    """The cells of each row of the table by the trial's name."""
    lines = [line.split() for line in text.splitlines()]
    first = next(at for at, cells in enumerate(lines) if cells and set(cells[0]) == {"─"}) + 1
    return {cells[0]: cells[1:] for cells in itertools.takewhile(bool, lines[first:])}


# Once.


def test_in_a_pipe_it_prints_the_table_once(read: Read) -> None:
    done = read("watch", "digits")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[:2] == ["digits: 2 of 3 runs done", "2 completed, 1 failed"]
    rows = rows_of(done.stdout)
    assert (rows["small"], rows["large"]) == (["1/2", "1", "0.5"], ["1/1", "0.5"])
    assert "ValueError: the loss [nan] exploded" in done.stdout
    assert lines[-1].startswith("Nothing is being executed.")


def test_without_a_name_it_is_the_only_experiment(read: Read) -> None:
    assert read("watch").stdout.startswith("digits: 2 of 3 runs done")


def test_names_may_be_abbreviated(read: Read) -> None:
    assert read("watch", "dig").stdout.startswith("digits: 2 of 3 runs done")


def test_a_folder_means_the_experiment_that_it_describes(read: Read) -> None:
    assert read("watch", "configs", "--in", "/").stdout.startswith("digits: 2 of 3 runs done")


def test_the_metric_can_be_chosen(read: Read) -> None:
    rows = rows_of(read("watch", "--metric", "train_loss").stdout)
    assert rows["small"] == ["1/2", "1", "0.03333"]
    unknown = read("watch", "--metric", "train_los")
    assert "No run has recorded 'train_los'. Did you mean 'train_loss'?" in unknown.stdout


def test_an_unknown_experiment_is_bad_usage(read: Read) -> None:
    done = read("watch", "digts")
    assert (done.exit_code, done.stdout) == (exit_codes.BAD_USAGE, "")
    assert "No experiment is named 'digts'. Did you mean 'digits'?" in done.stderr


def test_as_json_it_is_one_document(read: Read) -> None:
    document = json.loads(read("watch", "--json").stdout)
    small, large = document.pop("trials")
    (failure,) = document.pop("failures")
    assert document.pop("time")
    assert document == {
        "experiment": "digits",
        "active": False,
        "processes": [],
        "planned": 3,
        "states": {"completed": 2, "failed": 1},
        "eta_s": None,
        "metric": "test_acc",
        "database": "work/experiments.db",
    }
    assert (small["trial"], small["planned"], small["eta_s"]) == ("small", 2, None)
    assert (small["states"], small["running"]) == ({"completed": 1, "failed": 1}, [])
    assert (large["result"]["n"], large["result"]["mean"], large["eta_s"]) == (1, 0.5, 0.0)
    assert (failure["trial"], failure["run"], failure["status"]) == ("small", 2, "failed")


# Which experiment.


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabaseManager]:
    """A database in the current folder."""
    monkeypatch.chdir(tmp_path)
    with DatabaseManager("experiments.db", use_sqlite=True) as db:
        yield db


def write_plan(workspace: Path, text: str) -> Path:
    """What ``run`` writes of a trial."""
    file = workspace / "digits" / "trials" / "small" / "configs" / "trial.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def call(*arguments: str) -> Result:
    return CliRunner().invoke(watch, arguments)


def test_without_a_name_it_is_the_experiment_that_is_executed(db: DatabaseManager) -> None:
    db.create_experiment("done")
    db.take_experiment(db.create_experiment("digits").id, ProcessIdentity.current())
    assert call("--once").stdout.startswith("digits: ")


@pytest.mark.parametrize(
    ("executed", "said"),
    [
        ([], "No experiment is being executed; name one: digits, cifar"),
        (["digits", "cifar"], "Several experiments are being executed; name one: digits, cifar"),
    ],
)
def test_without_a_name_it_has_to_be_clear_which(
    db: DatabaseManager, executed: list[str], said: str
) -> None:
    for title in ("digits", "cifar"):
        experiment = db.create_experiment(title)
        if title in executed:
            db.take_experiment(experiment.id, ProcessIdentity.current())
    done = call()
    assert done.exit_code == exit_codes.BAD_USAGE
    assert said in " ".join(done.stderr.split())


@pytest.mark.usefixtures("db")
def test_an_empty_database_has_nothing_to_watch() -> None:
    assert "There is no experiment yet." in call().stderr


def test_on_a_server_too_and_its_workspace_may_be_elsewhere(
    mariadb: MariaDBServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = mariadb.create_database()
    with DatabaseManager.from_url(url) as db:
        experiment = db.create_experiment("digits").id
        db.set_workspace(experiment, "/on/another/machine")
        run_id = db.start_trial_run(db.create_trial(experiment, "small").id, 1).id
        db.record_epoch(run_id, 0, [MetricPoint("val_loss", 0.5)])
        unknown = call("--in", url)
        write_plan(tmp_path, "repeat: 4\n")
        known = call("--in", url, "--workspace", ".")
    assert rows_of(unknown.stdout)["small"] == ["0/?", "1", "1", "0.5", "-"]
    assert rows_of(known.stdout)["small"] == ["0/4", "1", "1", "0.5", "-"]


# Again and again.


def in_turn(calls: list[Callable[[], T]]) -> Callable[[], T]:
    """Makes the next call, and forgets it, whenever it is called itself."""

    def call_next() -> T:
        return calls.pop(0)()

    return call_next


class Screen:
    """A terminal, and what is shown on it while a step is taken between any two looks."""

    def __init__(self, db: DatabaseManager) -> None:
        self._db = db
        self._experiment = db.create_experiment("digits")
        self.trial = db.create_trial(self._experiment.id, "small").id

    def shown_while(
        self, *steps: Step, look: Callable[[], ExperimentProgress] | None = None
    ) -> str:
        """Whatever was shown; each step must come to its turn."""
        console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
        remaining = list(steps)
        follow(console, look or self.look, in_turn(remaining))
        assert remaining == []
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    def look(self) -> ExperimentProgress:
        return read_progress(self._db, self._experiment)


@pytest.fixture
def screen(db: DatabaseManager) -> Screen:
    """A terminal that shows an experiment."""
    return Screen(db)


def test_it_ends_at_once_where_nobody_executes_anything(screen: Screen) -> None:
    assert "Nothing is being executed." in screen.shown_while()


def test_it_ends_with_the_last_run_and_shows_how_that_ended(
    db: DatabaseManager, screen: Screen
) -> None:
    run_id = db.start_trial_run(screen.trial, 1).id

    def fail() -> None:
        db.update_trial_run_status(run_id, "failed", "ValueError: too low")

    shown = screen.shown_while(
        lambda: db.record_epoch(run_id, 0, [MetricPoint("val_loss", 0.125)]), fail
    )
    before, _, after = shown.partition("0.125")
    assert "ValueError" not in before
    assert "ValueError: too low" in after


def test_it_waits_for_the_next_run_of_who_executes_the_experiment(
    db: DatabaseManager, screen: Screen
) -> None:
    experiment = db.create_experiment("digits").id
    lease = db.take_experiment(experiment, ProcessIdentity.current())
    shown = screen.shown_while(lambda: None, lambda: db.give_back(lease))
    assert f"Executed by process {os.getpid()} of " in shown


def test_a_database_that_does_not_answer_is_told_and_asked_again(
    db: DatabaseManager, screen: Screen
) -> None:
    run_id = db.start_trial_run(screen.trial, 1).id
    answers = [screen.look, _away, screen.look]

    def end() -> None:
        db.update_trial_run_status(run_id, "completed")

    shown = screen.shown_while(lambda: None, end, look=in_turn(answers))
    _, _, after = shown.partition("the server is away")
    assert "Nothing is being executed." in after


def _away() -> ExperimentProgress:
    raise ConnectionError("the server is away")


def test_ctrl_c_ends_it_without_a_word_and_the_table_stays(
    db: DatabaseManager, spawn: Spawn
) -> None:
    db.start_trial_run(db.create_trial(db.create_experiment("digits").id, "small").id, 1)
    terminal, inside = pty.openpty()
    given = {"TERM": "xterm-256color", "COLUMNS": "80"}
    with spawn(
        "watch",
        variables=given,
        stdin=inside,
        stdout=inside,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        os.close(inside)
        shown = b""
        while b"runs of it are running" not in shown:
            shown += os.read(terminal, 65536)
        process.send_signal(signal.SIGINT)
        assert process.wait() == exit_codes.INTERRUPTED
        assert process.stderr is not None
        assert process.stderr.read() == b""
        os.close(terminal)


# How many runs a trial shall have.


@pytest.mark.parametrize(
    ("text", "planned"),
    [
        ("name: small\nrepeat: 4\n", 4),
        ("name: small\n", 1),
        ("name: small\nrepeat: many\n", None),
        ("- small\n", None),
        ("name: [\n", None),
    ],
)
def test_the_folder_of_a_trial_tells_how_many_runs_it_shall_have(
    tmp_path: Path, text: str, planned: int | None
) -> None:
    write_plan(tmp_path, text)
    assert PlannedRepeats(tmp_path, "digits")("small") == planned


def test_a_plan_that_has_changed_is_read_again(tmp_path: Path) -> None:
    write_plan(tmp_path, "repeat: 4\n")
    repeats = PlannedRepeats(tmp_path, "digits")
    assert repeats("small") == 4
    os.utime(write_plan(tmp_path, "repeat: 5\n"), ns=(0, 0))
    assert repeats("small") == 5


def test_without_the_folder_nobody_knows(tmp_path: Path) -> None:
    assert PlannedRepeats(tmp_path, "digits")("small") is None
    assert PlannedRepeats(None, "digits")("small") is None
