"""Killed at any instant, again and again, an experiment ends as if it had never been killed.

``EXPERIMENT_MANAGER_KILLS`` is the number of kills. A failure names the seed that chose the
instants; ``EXPERIMENT_MANAGER_KILL_SEED`` chooses the same ones again.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.main import commands
from experiment_manager.common.common import RunStatus
from experiment_manager.config.plan import RunSpec
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.experiment import Experiment
from experiment_manager.testing.contents import Rows, files_in, recorded_rows
from experiment_manager.testing.servers import MariaDBServer

SOURCE = Path(__file__).parent / "killed_experiment"
KILLS = int(os.environ.get("EXPERIMENT_MANAGER_KILLS", "8"))
SEED = int(os.environ.get("EXPERIMENT_MANAGER_KILL_SEED") or random.randrange(2**32))
COMMAND = (sys.executable, "-W", "error", "-m", "experiment_manager")
URL, DATABASE = "KILLED_EXPERIMENT_DATABASE", "experiments.db"
RUN = "killed/trials/*/run_*"
SHORTLY_S = 0.03

IsDue = Callable[[], bool]
Attempt = tuple[str, int, int]
"""Trial, run and number of an attempt."""


@dataclass(frozen=True)
class Instant:
    """Shortly after something is due, which is awaited from some time on."""

    name: str
    after_s: float
    delay_s: float

    def __str__(self) -> str:
        return f"{self.name} ({self.after_s:.3f} s + {self.delay_s:.4f} s)"


@dataclass
class KilledExperiment:
    """The experiment in a folder, its command, and what was seen of it after each kill."""

    folder: Path
    url: str
    instants: list[str] = field(default_factory=list)
    lost: set[Attempt] = field(default_factory=set)

    def __post_init__(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(SOURCE, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        text = {"workspace": str(self.workspace), "database": {"url": f"${{oc.env:{URL}}}"}}
        (self.folder / "env.yaml").write_text(json.dumps(text), encoding="utf-8")

    def __str__(self) -> str:
        return f"EXPERIMENT_MANAGER_KILL_SEED={SEED}, killed when {', '.join(self.instants)}"

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def execute(self, is_over: Callable[[subprocess.Popen[bytes]], object]) -> int:
        """The same command, each time; its exit code. It says nothing but its results."""
        variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [*COMMAND, "run", "--quiet", str(self.folder)]
        with tempfile.TemporaryFile() as said:
            output = {"stdout": subprocess.DEVNULL, "stderr": said}
            with subprocess.Popen(command, env=variables, **output) as process:  # type: ignore[call-overload]
                is_over(process)
                process.kill()
            said.seek(0)
            assert said.read().decode() == "", self
        return int(process.returncode)

    def run(self) -> None:
        """To its end."""
        assert self.execute(lambda process: process.wait()) == 0, self

    def is_killed(self, instant: Instant) -> bool:
        """Kill it then; False where it ended before."""
        self.instants.append(str(instant))

        def wait(process: subprocess.Popen[bytes]) -> None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(instant.after_s)
            is_due = DUE[instant.name](self)
            while process.poll() is None and not is_due():
                pass
            with suppress(subprocess.TimeoutExpired):
                process.wait(instant.delay_s)

        code = self.execute(wait)
        assert code in {0, -signal.SIGKILL}, self
        return code != 0

    def content(self) -> tuple[dict[str, str], Rows]:
        """Files and rows: all that shall be as if nothing had been killed."""
        files = files_in(self.workspace, is_read=_is_comparable)
        files.pop(DATABASE, None)  # a server has another place
        return files, recorded_rows(self.url)

    def look(self, finished: Rows) -> None:
        """What readers see between two kills: lost runs, and finished ones as they will stay."""
        planned = [run for run in Experiment.create(self.folder).status() if run.row is not None]
        statuses = Counter(run.status.value for run in planned)
        assert RunStatus.RUNNING.value not in statuses, self
        for run in planned:
            if run.row is not None and run.status is RunStatus.LOST:
                self.lost.add((run.spec.trial, run.spec.run, run.row.attempt))
        if planned:
            (listed,) = json.loads(self.reads("ls", "--json", "--in").output)["experiments"]
            assert listed["states"] == statuses, self
            rows = recorded_rows(self.url)
            for run in planned:
                if run.status.is_success:
                    assert _of_run(rows, run.spec) == _of_run(finished, run.spec), self

    def reads(self, *arguments: str) -> Result:
        """What a command says of the database."""
        return CliRunner().invoke(commands, [*arguments, self.url], catch_exceptions=False)

    def attempts(self) -> tuple[set[Attempt], set[Attempt]]:
        """Those that were lost, and those that ended."""
        with DatabaseManager.from_url(self.url, read_only=True) as db:
            experiment = db.find_experiment("killed")
            assert experiment is not None
            runs = [(trial.name, run) for trial, run in db.list_runs(experiment.id)]
            before = [
                (name, run.number, a) for name, run in runs for a in db.list_attempts(run.id)
            ]
        assert {(a.status, a.reason) for _, _, a in before} <= {("lost", "lost")}, self
        lost = {(name, number, a.attempt) for name, number, a in before}
        return lost, {(name, run.number, run.attempt) for name, run in runs}


def _is_comparable(file: str) -> bool:
    return "/logs/" not in file and file != DATABASE


def _of_run(rows: Rows, spec: RunSpec) -> Rows:
    name = ((("killed",), spec.trial), spec.run)
    lasting = rows.keys() - {"JOURNAL"}  # one that holds nothing more may wait to be forgotten
    return {table: [row for row in rows[table] if name in row] for table in lasting}


# What may be due, in an experiment that is being executed.


def at_once(_experiment: KilledExperiment) -> IsDue:
    return lambda: True


def a_database(experiment: KilledExperiment) -> IsDue:
    return (experiment.workspace / DATABASE).exists


def a_transaction(experiment: KilledExperiment) -> IsDue:
    """A writer holds the lock of SQLite's write-ahead log: seen without taking it."""
    memory = experiment.workspace / f"{DATABASE}-shm"
    question = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 120, 1, 0)

    def is_locked() -> bool:
        with suppress(FileNotFoundError), memory.open("rb") as file:
            answer = fcntl.fcntl(file, fcntl.F_GETLK, question)
            return bool(struct.unpack_from("h", answer)[0] != fcntl.F_UNLCK)
        return False

    return is_locked


def change_of(pattern: str) -> Callable[[KilledExperiment], IsDue]:
    """Some file appears or vanishes."""

    def watch(experiment: KilledExperiment) -> IsDue:
        before = set(experiment.workspace.glob(pattern))
        return lambda: set(experiment.workspace.glob(pattern)) != before

    return watch


DUE: dict[str, Callable[[KilledExperiment], IsDue]] = {
    "at any time": at_once,
    "while it starts": at_once,
    "while it makes the database": a_database,
    "in a transaction": a_transaction,
    "while it writes a checkpoint": change_of(f"{RUN}/artifacts/checkpoints/.*"),
    "where a checkpoint came or went": change_of(f"{RUN}/artifacts/checkpoints/[!.]*"),
    "while it writes the list of checkpoints or a CSV": change_of(f"{RUN}/artifacts/.*"),
    "while it saves a configuration": change_of("killed/**/configs/.*"),
    "where a journal came or went": change_of(f"{RUN}/journal_*"),
}
EARLY = ("while it starts", "while it makes the database")


@dataclass(frozen=True)
class Uninterrupted:
    """Where the experiment lay that nothing interrupted, how long it took, what it left."""

    folder: Path
    whole_s: float
    files: dict[str, str]
    rows: Rows

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'workspace' / DATABASE}"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Uninterrupted:
    folder = tmp_path_factory.mktemp("killed") / "experiment"
    experiment = KilledExperiment(folder, Uninterrupted(folder, 0, {}, {}).url)
    started_s = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(URL, experiment.url)
        experiment.run()
    return Uninterrupted(folder, time.monotonic() - started_s, *experiment.content())


def choose_instants(chance: random.Random, whole_s: float) -> Iterator[Instant]:
    """Each kind in turn, at any time."""
    for name in itertools.cycle(chance.sample(list(DUE), len(DUE))):
        after_s = chance.uniform(0, whole_s / 4 if name in EARLY else whole_s)
        yield Instant(name, after_s, chance.choice([0, chance.uniform(0, SHORTLY_S)]))


def kill_until_it_ends(
    experiment: KilledExperiment, instants: Iterator[Instant], kills: int, finished: Rows
) -> int:
    """How often it was killed: as often as is said, unless it ends before."""
    for done in range(kills):
        if not experiment.is_killed(next(instants)):
            return done
        experiment.look(finished)
    experiment.run()
    return kills


def kill_and_compare(
    uninterrupted: Uninterrupted, new_url: Callable[[], str], kills: int, patch: pytest.MonkeyPatch
) -> None:
    instants = choose_instants(random.Random(SEED), uninterrupted.whole_s)
    while kills > 0:
        experiment = KilledExperiment(uninterrupted.folder, new_url())
        patch.setenv(URL, experiment.url)
        kills -= kill_until_it_ends(experiment, instants, kills, uninterrupted.rows)
        files, rows = experiment.content()
        assert files == uninterrupted.files, experiment
        assert rows == uninterrupted.rows, experiment
        assert experiment.reads("db", "check").exit_code == 0, experiment
        lost, last = experiment.attempts()
        assert lost == experiment.lost - last, experiment


def test_killed_at_any_instant_it_ends_as_if_it_had_never_been(
    uninterrupted: Uninterrupted, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_and_compare(uninterrupted, lambda: uninterrupted.url, KILLS, monkeypatch)


def test_so_it_does_where_a_server_keeps_the_rows(
    uninterrupted: Uninterrupted, mariadb: MariaDBServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_and_compare(uninterrupted, mariadb.create_database, KILLS // 4, monkeypatch)
