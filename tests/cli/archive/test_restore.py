"""``restore`` brings runs back that were set aside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.archive import archive_run
from experiment_manager.db.manager import DatabaseManager

Shell = Any
MakeRun = Callable[[str, int], None]
SIZE = 1000
ALL = ["digits/small/1", "digits/small/2", "digits/large/1"]


def remove_twice(shell: Shell, make_run: MakeRun) -> None:
    """Run 2 of small, and what was executed in its place."""
    shell("rm", "digits/small/2")
    make_run("small", 2)
    shell("rm", "digits/small/2")


@pytest.mark.parametrize(
    ("name", "left"), [("d/s/2", "digits/small/2@1"), ("d/s/run_2@1", "digits/small/2@2")]
)
def test_the_last_version_comes_back_or_the_one_that_is_named(
    shell: Shell, name: str, left: str, make_run: MakeRun
) -> None:
    remove_twice(shell, make_run)
    assert shell.printed("restore", name) == "Restored: digits/small/2 (1.0 kB)\n"
    assert (shell.current(), shell.archived()) == (ALL, [left])
    page = shell.printed("show", "d/s/2")
    assert "small/run_2/artifacts/" in page


def test_of_an_experiment_what_was_removed_comes_back_in_its_last_versions(
    shell: Shell, db: DatabaseManager, make_run: MakeRun
) -> None:
    remove_twice(shell, make_run)
    (large,) = db.list_trial_runs(2)
    archive_run(db, Path(), "digits", "large", large, "changed")
    done = shell.printed("restore", "digits")
    assert done == "Restored: digits/small/2 (1.0 kB)\n"
    assert shell.archived() == ["digits/small/2@1", "digits/large/1@1"]
    assert shell.printed("restore", "digits/large/1") == "Restored: digits/large/1 (1.0 kB)\n"


def test_a_run_does_not_come_back_in_place_of_another_one(shell: Shell, make_run: MakeRun) -> None:
    shell("rm", "digits/small", "--yes")
    make_run("small", 2)
    done = shell("restore", "digits/small")
    assert done.exit_code == 1
    assert done.stdout == "Restored: digits/small/1 (1.0 kB)\n"
    assert done.stderr == ("Not restored: digits/small/2@1, because there is a digits/small/2.\n")
    assert (shell.current(), shell.archived()) == (ALL, ["digits/small/2@1"])


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["digits/small/1"], "No run 'digits/small/1' was removed; set aside: digits/small/2@1"),
        (["digits/large"], "No run of 'digits/large' was removed; set aside: none"),
        (["digits/small/2@3"], "No run 'digits/small/2@3' was removed; set aside: digits/sm"),
        ([], "Name EXPERIMENT[/TRIAL[/RUN[@VERSION]]], or find runs by --query."),
    ],
)
def test_what_was_not_set_aside_does_not_come_back(
    shell: Shell, arguments: list[str], answer: str
) -> None:
    shell("rm", "digits/small/2")
    assert answer in shell.complaint("restore", *arguments)


def test_a_query_finds_what_was_removed(shell: Shell) -> None:
    shell("rm", "digits", "--yes")
    assert shell.printed("restore", "--query", "seed = 7") == "No such run was removed.\n"
    assert shell.printed("restore", "--query", "run = 1").count("Restored: ") == 2


def test_they_come_as_json(shell: Shell) -> None:
    (removed,) = json.loads(shell.printed("rm", "digits/small/2", "--json"))["runs"]
    assert (removed["run"], removed["version"], removed["size_bytes"]) == (2, 1, SIZE)
    found = json.loads(shell.printed("restore", "digits/small/2", "--json"))
    (restored,) = found["runs"]
    assert (restored["run"], restored["version"], found["left"]) == (2, None, [])
