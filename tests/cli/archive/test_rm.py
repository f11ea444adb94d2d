"""``rm`` sets runs aside with their files; nothing lists them any more."""

from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.manager import DatabaseManager

Shell = Any
Folders = Callable[[], list[str]]
Spawn = Callable[..., subprocess.Popen[bytes]]
ME = ProcessIdentity.current()
ALL = ["digits/small/1", "digits/small/2", "digits/large/1"]
ALL_FOLDERS = ["large/run_1", "small/run_1", "small/run_2"]


def test_a_run_is_set_aside_with_its_files(shell: Shell, folders: Folders) -> None:
    assert shell.printed("rm", "digits/small/2").splitlines() == [
        "Set aside: digits/small/2@1 (1.0 kB)",
        "Undo: experiment-manager restore digits/small/2",
    ]
    assert shell.current() == ["digits/small/1", "digits/large/1"]
    assert shell.archived() == ["digits/small/2@1"]
    assert folders() == ["large/run_1", "small/archived/run_2.1", "small/run_1"]


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["digits"], []),
        (["dig/sm"], ["digits/large/1"]),
        (["digits/small/1", "digits/large", "digits/small/1"], ["digits/small/2"]),
        (["--query", "trial = small or run = 2"], ["digits/large/1"]),
    ],
)
def test_what_is_named_or_found_is_set_aside(
    shell: Shell, arguments: list[str], left: list[str], folders: Folders
) -> None:
    done = shell.printed("rm", *arguments, "--yes")
    count = len(ALL) - len(left)
    lines = done.splitlines()
    assert lines[-2] == f"In all: {count} runs ({count}.0 kB)"
    assert shell.current() == left
    undo = lines[-1].removeprefix("Undo: experiment-manager ")
    assert shell.printed(*shlex.split(undo)).count("Restored: ") == count
    assert shell.current() == ALL
    assert folders() == ALL_FOLDERS


def test_more_than_one_run_is_not_set_aside_unasked(shell: Shell) -> None:
    answer = "Set aside 3 runs (3.0 kB)? There is nobody to ask: answer by --yes."
    assert answer in shell.complaint("rm", "digits")
    assert shell.current() == ALL


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ([], "Name EXPERIMENT[/TRIAL[/RUN]], or find runs by --query."),
        (["digits", "--query", "run = 1"], "Name runs, or find them by --query, not both."),
        (["digits/small/3"], "'small' has no run '3'; it has: 1, 2"),
        (["digits/smll"], "'digits' has no trial 'smll'. Did you mean 'small'?"),
    ],
)
def test_a_slip_is_told_and_nothing_is_set_aside(
    shell: Shell, arguments: list[str], answer: str
) -> None:
    assert answer in shell.complaint("rm", *arguments)
    assert shell.current() == ALL


def test_a_query_may_find_nothing(shell: Shell) -> None:
    assert shell.printed("rm", "--query", "run = 7") == "No such run.\n"


def test_a_run_that_a_process_executes_is_not_set_aside_nor_any_other_then(
    shell: Shell, db: DatabaseManager
) -> None:
    db.claim_trial_run(1, 2, ME, config_hash="changed")
    answer = f"digits/small/2 is being executed by process {ME.pid} of {ME.user_name} on {ME.host}"
    assert answer in shell.complaint("rm", "digits", "--yes")
    assert shell.current() == ALL


def test_a_run_whose_process_has_vanished_is_set_aside(shell: Shell, db: DatabaseManager) -> None:
    db.claim_trial_run(1, 2, replace(ME, pid=2**40), config_hash="changed")
    db.start_trial_run(1, 2)
    assert shell.runs("status = lost") == ["digits/small/2"]
    shell.printed("rm", "--query", "status = lost")
    assert shell.runs("status = lost", "--archived") == ["digits/small/2@1"]


def test_a_run_without_files_is_set_aside_too(shell: Shell) -> None:
    shutil.rmtree("digits")
    assert "Set aside: digits/small/2@1 (no files)" in shell.printed("rm", "digits/small/2")


@pytest.mark.parametrize(("answer", "code", "left"), [(b"n\n", 1, 3), (b"y\n", 0, 0)])
def test_the_user_is_asked_on_a_terminal(
    db: DatabaseManager, spawn: Spawn, answer: bytes, code: int, left: int
) -> None:
    leader, follower = pty.openpty()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with spawn("rm", "digits", variables={}, stdin=follower, **pipes) as process:
        os.close(follower)
        os.write(leader, answer)
        _, errors = process.communicate()
    os.close(leader)
    assert b"Set aside 3 runs (3.0 kB)? [y/N]" in errors
    assert (process.returncode, len(db.list_runs(1))) == (code, left)


# What is set aside is out of sight.


def test_an_experiment_whose_runs_were_all_set_aside_is_not_listed(shell: Shell) -> None:
    shell("rm", "digits", "--yes")
    assert json.loads(shell.printed("ls", "--json"))["experiments"] == []
    for name in ("digits", "digits/small"):
        assert "'ls --archived' lists" in shell.printed("show", name)


def test_a_trial_whose_runs_were_all_set_aside_is_not_shown(shell: Shell) -> None:
    shell("rm", "digits/small", "--yes")
    assert "small" not in shell.printed("show", "digits")
    (experiment,) = json.loads(shell.printed("ls", "--json"))["experiments"]
    assert (experiment["trials"], experiment["runs"]) == (1, 1)


def test_an_export_leaves_them_out(shell: Shell) -> None:
    shell("rm", "digits/small", "--yes")
    assert shell.printed("export", "--to", "-").count("\n") == 2


def test_they_are_listed_on_request_with_why_and_when(shell: Shell) -> None:
    shell("rm", "digits/small/2")
    table = shell.printed("ls", "--archived")
    assert max(map(len, table.splitlines())) <= 80
    lines = [line.split() for line in table.splitlines() if line.strip()]
    assert lines[0] == ["Run", "Status", "Why", "Set", "aside"]
    assert lines[2][:3] == ["digits/small/2@1", "completed", "removed"]
    assert lines[2][3] == f"{datetime.now().astimezone():%Y-%m-%d}"


def test_one_is_named_with_its_version(shell: Shell) -> None:
    shell("rm", "digits/small/2")
    page = shell.printed("show", "dig/sm/2@1")
    assert page.startswith("small run 2 completed in ")
    assert "Set aside: removed, " in page
    assert "small/archived/run_2.1/artifacts/" in page
    assert "a line..." in shell.printed("logs", "digits/small/2@1")
    compared = json.loads(shell.printed("diff", "d/s/2@1", "d/s/1", "--json"))
    assert (compared["a"]["name"], compared["b"]["name"]) == ("digits/small/2@1", "digits/small/1")
    (run,) = json.loads(shell.printed("show", "d/s/2@1", "--json"))["runs"]
    assert (run["run"], run["version"], run["archived"]["reason"]) == (2, 1, "removed")


@pytest.mark.parametrize("command", ["show", "logs", "rm"])
def test_one_that_is_named_without_a_version_is_told_of(shell: Shell, command: str) -> None:
    shell("rm", "digits/small/2")
    answer = "'small' has no run '2'; it has: 1; set aside: 2@1"
    assert answer in shell.complaint(command, "digits/small/2")
    assert "no run '2@7'; set aside: 2@1" in shell.complaint(command, "digits/small/2@7")


def test_one_is_not_set_aside_again(shell: Shell) -> None:
    shell("rm", "digits/small/2")
    assert "'digits/small/2@1' was set aside already" in shell.complaint("rm", "digits/small/2@1")
