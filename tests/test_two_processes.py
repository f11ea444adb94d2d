"""Several processes at one experiment, and what is told of those that end in whatever way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import AttemptRow, TrialRunRow
from experiment_manager.testing.configs import write_configs
from experiment_manager.testing.servers import DatabaseServer
from experiment_manager.testing.waiting import wait_until

# Obeys Ctrl-C although it may be started by what runs in the background, which is deaf to it.
PROGRAM = """
import signal
from experiment_manager.cli.main import main

signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
COMMAND = (sys.executable, "-W", "error", "-c", PROGRAM, "run", "-q")
INTERRUPTED, TERMINATED, BAD_USAGE = 130, 143, 2
TRIALS = ({"name": "small", "repeat": 3}, {"name": "large", "repeat": 3})
ALL_RUNS = [f"{trial}/{run}" for trial in ("small", "large") for run in (1, 2, 3)]
OTHER_MACHINE = "UPDATE LEASE SET machine = 'another boot', host = 'node7'"

# Notes every run that it executes to its end; stops where the test wants it to.
TRAINING = """
import os
import random
import sys
from pathlib import Path

from experiment_manager import Pipeline
from experiment_manager.common import signals

signals.SAME_SIGNAL_S = 0.0  # the tests are faster than anybody's fingers


def stop(where):
    if where in os.environ.get("STOP_IN", "").split(","):
        os.write(int(os.environ["READY"]), b"x")
        sys.stdin.read()  # until the test lets it go on, or ends it


class Training(Pipeline):
    def __init__(self, env, config):
        super().__init__(env)
        context = env.tracker_manager.context
        self.place = f"{context.trial}/{context.run}"

    @Pipeline.run_wrapper
    def run(self, config):
        try:
            for epoch in range(2):
                self.run_epoch(epoch)
            stop(self.place)
        finally:
            stop(f"closing {self.place}")
        raises = config.get("raises", {}).get(self.place)
        with open(Path(__file__).parent / "executions", "a") as file:
            file.write(f"{self.place} {os.getpid()}\\n")
        if raises:
            raise {"MemoryError": MemoryError, "TimeoutError": TimeoutError}.get(
                raises, ValueError
            )("x")
        self.run_metrics["score"] = random.random()

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx):
        self.epoch_metrics["loss"] = random.random()
"""


@dataclass
class Laboratory:
    """An experiment in a folder, and the processes that execute it.

    Attributes:
        folder: Its configuration, and its workspace.
        url: Its database.
        processes: Those that were started; the test's end ends them.
        ready: Where the one that was started last says that it has stopped.
    """

    folder: Path
    url: str
    processes: ExitStack = field(default_factory=ExitStack)
    ready: int = -1

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """The command from its beginning to its end."""
        command = [*COMMAND, str(self.folder), *options]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    def start(self, stop_in: str, *options: str) -> subprocess.Popen[bytes]:
        """The command, which has reached the first of some stops (``a/1,closing a/1``)."""
        ready, ready_in_child = os.pipe()
        process = self.processes.enter_context(
            subprocess.Popen(
                [*COMMAND, str(self.folder), *options],
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[ready_in_child],
                env={**os.environ, "STOP_IN": stop_in, "READY": str(ready_in_child)},
            )
        )
        self.processes.callback(process.kill)
        os.close(ready_in_child)
        self.processes.callback(os.close, ready)
        self.ready = ready
        self.wait_until_stopped()
        return process

    def wait_until_stopped(self) -> None:
        """Return when the process that was started last has reached the next stop."""
        assert os.read(self.ready, 1) == b"x"

    def runs(self) -> dict[str, TrialRunRow]:
        """Every run in the database, as a reader sees it."""
        with DatabaseManager.from_url(self.url, read_only=True) as db:
            return {f"{trial.name}/{run.number}": run for trial, run in db.list_runs(1)}

    def statuses(self) -> list[str]:
        return [run.status for run in self.runs().values()]

    def attempts(self, place: str) -> list[AttemptRow]:
        """The attempts of a run before its last one."""
        run = self.runs()[place]
        with DatabaseManager.from_url(self.url, read_only=True) as db:
            return db.list_attempts(run.id)

    def executions(self) -> Counter[str]:
        """How often each run was executed to its end."""
        lines = (self.folder / "executions").read_text("utf-8").splitlines()
        return Counter(line.split()[0] for line in lines)

    def sql(self, statement: str) -> list[Any]:
        """What a statement of another program finds or changes."""
        engine = create_engine(self.url)
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            rows = [tuple(row) for row in result] if result.returns_rows else []
        engine.dispose()
        return rows


def prepare(folder: Path, url: str | None = None, **settings: Any) -> Laboratory:
    """An experiment of two trials with three runs each."""
    trials = settings.pop("trials", TRIALS)
    env = {} if url is None else {"database": {"url": url}}
    base = {"pipeline": "shared_training:Training", **settings}
    write_configs(folder, trials=trials, base=base, env=env)
    (folder / "shared_training.py").write_text(TRAINING, encoding="utf-8")
    return Laboratory(folder, url or f"sqlite:///{folder / 'workspace' / 'experiments.db'}")


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str | None:
    """An empty database; None for a file in the workspace, which is the default."""
    name = getattr(request, "param", "sqlite")
    if name == "sqlite":
        return None
    server: DatabaseServer = request.getfixturevalue(name)
    return server.create_database()


@pytest.fixture
def lab(tmp_path: Path, url: str | None) -> Iterator[Laboratory]:
    lab = prepare(tmp_path / "shared", url)
    with lab.processes:
        yield lab


ON_EACH = pytest.mark.parametrize("url", ["sqlite", "mariadb"], indirect=True)


# The second one is told.


def everything(lab: Laboratory) -> tuple[Any, ...]:
    """What the folder and the database hold, but for the time of the last heartbeat."""
    files = {
        path: path.read_bytes()
        for path in lab.folder.rglob("*")
        if path.is_file() and not path.name.startswith("experiments.db")
    }
    tables = ("EXPERIMENT", "TRIAL", "TRIAL_RUN", "EPOCH", "METRIC", "JOURNAL", "SNAPSHOT")
    rows = [lab.sql(f"SELECT * FROM {table}") for table in tables]
    return files, rows, lab.sql("SELECT id, host, pid, process_start FROM LEASE")


@ON_EACH
def test_the_second_is_told_who_holds_it_and_touches_nothing(lab: Laboratory) -> None:
    holder = lab.start("small/2")
    wait_until(lambda: lab.sql("SELECT count(*) FROM EPOCH") == [(4,)])  # of two runs
    before = everything(lab)
    second = lab.run()
    assert (second.returncode, second.stdout) == (BAD_USAGE, "")
    assert second.stderr.startswith("Error: The experiment 'contract' is being run by process ")
    assert f" process {holder.pid} of " in second.stderr
    assert f" on {socket.gethostname()} since 20" in second.stderr
    assert "--join" in second.stderr
    assert everything(lab) == before
    holder.communicate()
    assert holder.returncode == 0
    assert lab.executions() == Counter(ALL_RUNS)


def test_the_second_is_told_also_where_all_that_is_left_is_in_the_firsts_hands(
    tmp_path: Path,
) -> None:
    lab = prepare(tmp_path / "shared", trials=[{"name": "small"}])
    with lab.processes:
        holder = lab.start("small/1")
        second = lab.run()
        assert second.returncode == BAD_USAGE
        assert f" process {holder.pid} of " in second.stderr
        assert lab.run("--join").returncode == 0


def test_one_that_was_stopped_holds_it_all_the_same(lab: Laboratory) -> None:
    holder = lab.start("small/2")
    holder.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, holder.pid, os.WSTOPPED | os.WNOWAIT)
    lab.sql("UPDATE LEASE SET heartbeat = '2020-02-29 00:00:00.000000'")
    assert lab.statuses() == ["completed", "running"]
    assert lab.run().returncode == BAD_USAGE
    holder.send_signal(signal.SIGCONT)
    holder.communicate()
    assert holder.returncode == 0


# Who joins.


@ON_EACH
def test_who_joins_executes_what_the_first_has_not_begun(lab: Laboratory) -> None:
    holder = lab.start("small/2", "--join")
    joined = lab.run("--join")
    assert joined.returncode == 0, joined.stderr
    assert lab.statuses() == ["completed", "running", *["completed"] * 4]
    holder.communicate()
    assert holder.returncode == 0
    assert lab.executions() == Counter(ALL_RUNS)
    assert [run.attempt for run in lab.runs().values()] == [1] * 6
    assert lab.sql("SELECT * FROM LEASE") == []


def test_a_run_that_failed_is_not_executed_once_more_by_each_of_them(tmp_path: Path) -> None:
    lab = prepare(tmp_path / "shared", raises={"small/2": "ValueError"})
    with lab.processes:
        holder = lab.start("small/1", "--join")
        assert lab.run("--join").returncode == 1
        assert lab.runs()["small/2"].status == "failed"
        holder.communicate()
        assert holder.returncode == 1
    assert lab.executions() == Counter(ALL_RUNS)
    assert lab.runs()["small/2"].attempt == 1


# Those that vanish.


@ON_EACH
def test_the_run_of_a_killed_process_is_lost_at_once_and_taken_over(lab: Laboratory) -> None:
    holder = lab.start("small/2")
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    assert lab.statuses() == ["completed", "lost"]
    again = lab.run()
    assert again.returncode == 0, again.stderr
    assert set(lab.statuses()) == {"completed"}
    assert [(a.attempt, a.status, a.reason) for a in lab.attempts("small/2")] == [
        (1, "lost", "lost")
    ]
    assert lab.sql("SELECT * FROM LEASE") == []


@ON_EACH
def test_that_of_another_machine_is_lost_after_a_long_silence(lab: Laboratory) -> None:
    holder = lab.start("small/2")
    holder.kill()
    holder.wait()
    lab.sql(OTHER_MACHINE)
    assert lab.statuses() == ["completed", "running"]
    refused = lab.run()
    assert refused.returncode == BAD_USAGE
    assert " on node7 since " in refused.stderr
    lab.sql("UPDATE LEASE SET heartbeat = '2020-02-29 00:00:00.000000'")
    assert lab.statuses() == ["completed", "lost"]
    assert lab.run().returncode == 0
    assert set(lab.statuses()) == {"completed"}


@ON_EACH
def test_one_that_wakes_up_after_its_run_was_begun_again_goes_on_with_the_others(
    lab: Laboratory,
) -> None:
    holder = lab.start("small/2")
    run = lab.runs()["small/2"].id  # no transaction of it must be open when it is stopped
    wait_until(lambda: len(lab.sql(f"SELECT * FROM EPOCH WHERE trial_run_id = {run}")) == 2)
    holder.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, holder.pid, os.WSTOPPED | os.WNOWAIT)
    lab.sql(f"{OTHER_MACHINE}, heartbeat = '2020-02-29 00:00:00.000000'")
    assert lab.run("--only", "small").returncode == 0
    before = lab.runs()["small/2"]
    holder.send_signal(signal.SIGCONT)
    _, told = holder.communicate()
    assert (holder.returncode, lab.runs()["small/2"]) == (0, before)
    assert set(lab.statuses()) == {"completed"}
    assert lab.executions() == Counter([*ALL_RUNS, "small/2"])
    assert b"small run 2 is left alone: the run was removed, or begun again by another" in told
    assert b"db sync" not in told
    assert list(lab.folder.rglob("journal_*")) == []


# Those that are asked to end.


@pytest.mark.parametrize(
    ("sent", "code", "reason"),
    [
        (signal.SIGINT, INTERRUPTED, "interrupted"),
        (signal.SIGTERM, TERMINATED, "terminated"),
    ],
)
def test_a_signal_aborts_the_run_and_gives_everything_back(
    lab: Laboratory, sent: signal.Signals, code: int, reason: str
) -> None:
    holder = lab.start("small/2")
    holder.send_signal(sent)
    assert holder.wait() == code
    run = lab.runs()["small/2"]
    assert (run.status, run.reason, run.end_time is None) == ("aborted", reason, False)
    assert lab.sql("SELECT * FROM LEASE") == []
    assert lab.sql("SELECT * FROM JOURNAL") == []
    assert lab.run().returncode == 0
    assert [(a.status, a.reason) for a in lab.attempts("small/2")] == [("aborted", reason)]
    assert lab.executions() == Counter(ALL_RUNS)


def test_a_second_ctrl_c_ends_it_at_once_and_the_run_is_lost(lab: Laboratory) -> None:
    holder = lab.start("small/1,closing small/1")
    holder.send_signal(signal.SIGINT)
    lab.wait_until_stopped()  # it is closing, and would for ever
    holder.send_signal(signal.SIGINT)
    assert holder.wait() == -signal.SIGINT
    assert lab.statuses() == ["lost"]
    assert lab.run().returncode == 0
    assert lab.executions() == Counter(ALL_RUNS)


# Those that fail.


def test_the_reason_of_a_failure_is_recorded(tmp_path: Path) -> None:
    names = ["MemoryError", "TimeoutError", "ValueError"]
    raises = {f"small/{n + 1}": name for n, name in enumerate(names)}
    lab = prepare(tmp_path / "shared", raises=raises, trials=[{"name": "small", "repeat": 4}])
    assert lab.run().returncode == 1
    assert [(run.status, run.reason) for run in lab.runs().values()] == [
        ("failed", "oom"),
        ("failed", "timeout"),
        ("failed", "ValueError"),
        ("completed", None),
    ]
