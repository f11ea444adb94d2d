"""A workspace that was moved works where it is now, and nothing looks for it where it was."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from experiment_manager.testing.configs import write_configs
from experiment_manager.testing.servers import MariaDBServer

Done = subprocess.CompletedProcess[str]
Call = Callable[..., Done]

TRAINING = """
import os
import signal
from pathlib import Path

from experiment_manager import Level, Metric, Pipeline


class Training(Pipeline):
    checkpointed = ("weight",)

    def __init__(self, env, config):
        super().__init__(env)
        self.weight = 0.0
        self.place = f"{env.tracker_manager.context.trial}/{config.seed + 1}"

    @Pipeline.run_wrapper
    def run(self, config):
        for epoch in range(config.epochs):
            self.run_epoch(epoch)
        inside = self.env.artifact_dir / "curve.txt"
        outside = Path(os.environ["OUTSIDE"], self.place.replace("/", "_"))
        for path in (inside, outside):
            path.write_text(self.place)
            self.env.tracker_manager.on_add_artifact(Level.TRIAL_RUN, path, "curve")
        self.run_metrics[Metric.TEST_ACC] = self.weight

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx):
        self.weight += 0.25
        self.epoch_metrics[Metric.VAL_LOSS] = 1 / (epoch_idx + 1)
        if epoch_idx == 2 and self.place == os.environ.get("FAILS"):
            raise ValueError("no")
        if epoch_idx == 2 and self.place == os.environ.get("KILLED"):
            self.env.tracker_manager.track("late", 0.5, step=0)
            os.kill(os.getpid(), signal.SIGKILL)
"""
CALLBACKS = [
    {"type": "checkpoint", "interval": 1, "name": "all"},
    {"type": "checkpoint", "interval": 1, "save_top_k": 1, "monitor": "val_loss"},
    {"type": "metrics_tracker"},
]


def em(where: Path, *arguments: str, **variables: str) -> Done:
    """A command as a process of its own, in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "experiment_manager", *arguments],
        cwd=where,
        env={**os.environ, "COLUMNS": "300", "OUTSIDE": str(where / "outside"), **variables},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def write_experiment(where: Path, **environment: Any) -> None:
    """The experiment ``digits`` in the folder ``configs``."""
    (where / "outside").mkdir()
    configs = write_configs(
        where / "configs",
        trials=[{"name": "small", "repeat": 3}, {"name": "large"}],
        experiment={"name": "digits"},
        base={"pipeline": "moved_training:Training", "epochs": 4, "callbacks": CALLBACKS},
        env={"workspace": "old/work", **environment},
    )
    (configs / "moved_training.py").write_text(TRAINING, encoding="utf-8")


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project where one run succeeded, one failed, one was killed, and one removed."""
    where = tmp_path_factory.mktemp("project")
    write_experiment(where)
    first = ("--only", "large", "--only", "small/1", "--only", "small/2")
    assert em(where, "run", "configs", *first, FAILS="small/2").returncode == 1
    assert em(where, "rm", "digits/large/1", "--in", "old/work").returncode == 0
    killed = em(where, "run", "configs", "--only", "small/3", KILLED="small/3")
    assert killed.returncode == -signal.SIGKILL
    assert len(list((where / "old/work").rglob("journal_*.bin"))) == 1
    return where


def renamed(project: Path) -> Path:
    return (project / "old/work").rename(project / "renamed")


def moved_with_its_parent(project: Path) -> Path:
    return (project / "old").rename(project / "a new place") / "work"


def copied(project: Path) -> Path:
    workspace = Path(shutil.copytree(project / "old/work", project / "copy"))
    shutil.rmtree(project / "old")
    return workspace


@pytest.fixture
def project(executed: Path, tmp_path: Path) -> Path:
    """The same project, as if it had been executed here."""
    shutil.copytree(executed, tmp_path, dirs_exist_ok=True)
    with closing(sqlite3.connect(tmp_path / "old/work/experiments.db")) as connection, connection:
        place = (str(tmp_path / "old/work"),)
        connection.execute("UPDATE EXPERIMENT SET workspace = ?", place)
    return tmp_path


@pytest.fixture
def moved(project: Path) -> Path:
    """The workspace in its new place; nothing is in the old one."""
    return moved_with_its_parent(project)


@pytest.fixture
def call(project: Path) -> Iterator[Call]:
    """Calls a command in the project; what is not there must not come back."""
    yield functools.partial(em, project)
    assert not (project / "old/work").exists()


def loaded(done: Done) -> Any:
    """The JSON document that was printed."""
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def states(call: Call, workspace: Path) -> dict[str, str]:
    """How each run stands."""
    runs = loaded(call("ls", "run > 0", "--json", "--in", str(workspace)))["runs"]
    return {f"{run['trial']}/{run['run']}": run["status"] for run in runs}


def recorded(workspace: Path, query: str) -> list[Any]:
    """The first column of what a query finds."""
    with closing(sqlite3.connect(workspace / "experiments.db")) as connection:
        return [value for value, *_ in connection.execute(query)]


# Reading.

READING = [
    ["ls"],
    ["ls", "trial = small"],
    ["ls", "--archived"],
    ["show", "digits"],
    ["show", "digits/small/1"],
    ["show", "digits/large/1@1"],
    ["logs", "digits/small/1"],
    ["logs", "digits/large/1@1"],
    ["diff", "digits/small/1", "digits/small/2"],
    ["tail", "digits"],
]


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_what_reads_finds_everything_in_the_new_place(
    call: Call, moved: Path, arguments: list[str]
) -> None:
    done = call(*arguments, "--in", str(moved))
    assert (done.returncode, done.stderr) == (0, "")
    assert "old/work" not in done.stdout


def test_runs_are_exported_from_the_new_place(call: Call, moved: Path, project: Path) -> None:
    assert call("export", "--to", "runs.jsonl", "--in", str(moved)).returncode == 0
    assert len((project / "runs.jsonl").read_text().splitlines()) == 3


def test_files_inside_are_shown_in_the_new_place_and_those_outside_where_they_are(
    call: Call, moved: Path, executed: Path
) -> None:
    (run,) = loaded(call("show", "digits/small/1", "--json", "--in", str(moved)))["runs"]
    paths = [Path(str(file["path"])) for file in run["artifacts"]]
    assert len(paths) == 8
    outside = [path for path in paths if not path.is_relative_to(moved)]
    assert outside == [executed / "outside" / "small_1"]
    assert all(path.is_file() for path in paths)


@pytest.mark.parametrize("way", [renamed, moved_with_its_parent, copied])
def test_rows_and_files_fit_together_whichever_way_it_was_moved(
    call: Call, project: Path, way: Callable[[Path], Path]
) -> None:
    done = call("db", "check", str(way(project)))
    assert done.returncode == 0, done.stdout
    heading, note = done.stdout.splitlines()
    assert heading.endswith("experiments.db: 0 problems")
    assert note.endswith("'db sync' (or the next 'run'): 1")


READ_ONLY = """
mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root")
@pytest.mark.parametrize("arguments", [*READING, ["db", "check"]], ids=" ".join)
def test_what_reads_does_so_on_a_file_system_that_cannot_be_written(
    moved: Path, arguments: list[str]
) -> None:
    place = [str(moved)] if arguments[0] == "db" else ["--in", str(moved)]
    command = [sys.executable, "-m", "experiment_manager", *arguments, *place]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", READ_ONLY, str(moved), *command],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# Executing.


@pytest.mark.parametrize("way", [renamed, moved_with_its_parent, copied])
def test_what_is_missing_is_executed_in_the_new_place(
    call: Call, project: Path, way: Callable[[Path], Path]
) -> None:
    workspace = way(project)
    here = f"env.workspace={workspace}"
    done = call("run", "configs", here)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("goes on after 2 epochs") == 2  # that failed, or was killed
    assert states(call, workspace) == dict.fromkeys(
        ["small/1", "small/2", "small/3", "large/1"], "completed"
    )
    assert recorded(workspace, "SELECT workspace FROM EXPERIMENT") == [str(workspace)]
    assert loaded(call("run", "configs", here, "-q", "--json"))["executed"] == 0
    again = call("run", "configs", here, "trials.large.repeat=2", "-q", "--json")
    assert loaded(again)["executed"] == 1
    check = call("db", "check", str(workspace))
    assert check.stdout.splitlines() == [f"{shown(workspace, project)}: 0 problems"]


def shown(workspace: Path, project: Path) -> str:
    """How the database of a workspace is called from the project."""
    return str((workspace / "experiments.db").relative_to(project))


def test_what_a_killed_process_left_is_brought_in(call: Call, moved: Path) -> None:
    late = "SELECT total_val FROM METRIC WHERE type = 'late'"
    assert recorded(moved, late) == []
    done = call("db", "sync", str(moved))
    assert done.returncode == 0, done.stdout
    assert recorded(moved, late) == [0.5]
    assert list(moved.rglob("journal_*.bin")) == []


def test_a_run_that_was_removed_comes_back_with_its_files(call: Call, moved: Path) -> None:
    assert call("restore", "digits/large/1", "--in", str(moved)).returncode == 0
    folder = moved / "digits/trials/large/run_1"
    assert (folder / "artifacts/curve.txt").read_text() == "large/1"
    assert call("db", "check", str(moved)).returncode == 0


def test_a_run_is_removed_and_deleted_in_the_new_place(call: Call, moved: Path) -> None:
    for command in (["rm", "digits/small/1"], ["gc", "--yes"]):
        assert call(*command, "--in", str(moved)).returncode == 0
    assert not (moved / "digits/trials/small/run_1").exists()
    assert not (moved / "digits/trials/large/archived").exists()
    assert call("db", "check", str(moved)).returncode == 0


# Of the old place.


def test_of_a_copy_nothing_happens_to_the_original(project: Path) -> None:
    original = project / "old/work"
    workspace = Path(shutil.copytree(original, project / "copy"))
    before = {path: path.lstat().st_mtime_ns for path in original.rglob("*")}
    here = ("--in", str(workspace))
    for command in (["rm", "digits/small/1", *here], ["gc", "--yes", *here]):
        assert em(project, *command).returncode == 0
    assert em(project, "run", "configs", f"env.workspace={workspace}", "-q").returncode == 0
    assert em(project, "db", "check", str(workspace)).returncode == 0
    assert {path: path.lstat().st_mtime_ns for path in original.rglob("*")} == before


def test_one_place_of_the_database_holds_the_path_of_the_workspace(project: Path) -> None:
    workspace = project / "old/work"
    with closing(sqlite3.connect(workspace / "experiments.db")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        columns = [
            (table, column)
            for (table,) in tables.fetchall()
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall()
        ]
        holding = [
            (table, column)
            for table, column in columns
            if connection.execute(
                f"SELECT 1 FROM {table} WHERE instr({column}, ?)", (f"{workspace}/",)
            ).fetchone()
            or (str(workspace),) in connection.execute(f"SELECT {column} FROM {table}")
        ]
    assert holding == [("EXPERIMENT", "workspace")]


def test_only_logs_hold_the_path_of_the_workspace(executed: Path) -> None:
    workspace = executed / "old/work"
    files = [path for path in workspace.rglob("*") if path.is_file() and path.parent != workspace]
    holding = {path for path in files if str(workspace).encode() in path.read_bytes()}
    assert {path.parent.name for path in holding} == {"logs"}


# With what else records.


def test_mlflow_goes_on_in_the_new_place(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    write_experiment(tmp_path, trackers=[{"type": "mlflow"}])
    assert em(tmp_path, "run", "configs", FAILS="small/2").returncode == 1
    workspace = moved_with_its_parent(tmp_path)
    assert em(tmp_path, "run", "configs", f"env.workspace={workspace}").returncode == 0
    with closing(sqlite3.connect(workspace / "mlflow.db")) as store:
        found = store.execute("SELECT artifact_uri, status FROM runs WHERE name LIKE '%run%'")
        places = [(Path(unquote(urlsplit(uri).path)), status) for uri, status in found]
    assert len(places) == 4
    for place, status in places:
        assert status == "FINISHED"
        assert place.is_relative_to(workspace)
        assert (place / "curve.txt").exists()
    assert not (tmp_path / "old").exists()


def test_a_server_learns_of_the_new_place_with_the_next_run(
    tmp_path: Path, mariadb: MariaDBServer
) -> None:
    url = mariadb.create_database()
    write_experiment(tmp_path, database={"url": url})
    assert em(tmp_path, "run", "configs").returncode == 0
    workspace = moved_with_its_parent(tmp_path)
    lost = em(tmp_path, "db", "check", url)
    assert (lost.returncode, len(lost.stdout.splitlines())) == (0, 2)
    assert lost.stdout.splitlines()[1].endswith("(name it with --workspace): digits")
    named = em(tmp_path, "db", "check", url, "--workspace", str(workspace))
    assert (named.returncode, len(named.stdout.splitlines())) == (0, 1)
    here = (f"env.workspace={workspace}", "trials.large.repeat=2")
    assert em(tmp_path, "run", "configs", *here).returncode == 0
    found = em(tmp_path, "db", "check", url)
    assert (found.returncode, len(found.stdout.splitlines())) == (0, 1)
    mariadb.drop_database(url)
