"""``gc`` deletes for good what was removed, rows and files together."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.archive import archive_run
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.schema import ARCHIVED_RUN

Shell = Any
Folders = Callable[[], list[str]]
SIZE = 1000
ALL = ["digits/small/1", "digits/small/2", "digits/large/1"]
ALL_FOLDERS = ["large/run_1", "small/run_1", "small/run_2"]


def test_what_was_removed_is_shown_with_its_size_and_deleted(
    shell: Shell, folders: Folders
) -> None:
    shell("rm", "digits/small", "--yes")
    dry = shell.printed("gc", "--dry-run")
    assert dry.count(" removed ") == 2
    assert dry.count("1.0 kB") == 2
    assert dry.endswith("Nothing was deleted: this was a dry run.\n")
    assert len(shell.archived()) == 2
    assert shell.printed("gc", "--yes").endswith("Deleted 2 runs (2.0 kB).\n")
    assert (shell.current(), shell.archived()) == (["digits/large/1"], [])
    assert folders() == ["large/run_1"]
    assert shell.printed("gc") == "There is nothing to delete.\n"


def test_nothing_is_deleted_unasked(shell: Shell) -> None:
    shell("rm", "digits/small/2")
    done = shell("gc")
    assert done.exit_code == 2
    assert "Delete 1 run (1.0 kB) for good? There is nobody to ask" in done.stderr
    assert shell.archived() == ["digits/small/2@1"]


def test_an_experiment_goes_with_its_last_run(shell: Shell, db: DatabaseManager) -> None:
    shell("rm", "digits", "--yes")
    shell.printed("gc", "--yes")
    assert db.list_experiments() == []
    assert not Path("digits").exists()
    assert "0 problems" in shell.printed("db", "check")


def test_what_a_program_has_set_aside_stays_unless_all_is_asked_for(
    shell: Shell, db: DatabaseManager
) -> None:
    shell("rm", "digits/small/1")
    (large,) = db.list_trial_runs(2)
    archive_run(db, Path(), "digits", "large", large, "changed")
    kept = shell.printed("gc", "--yes")
    assert "Kept: 1 run that 'run' has set aside; --all deletes them too." in kept
    assert shell.archived() == ["digits/large/1@1"]
    assert shell.printed("gc", "--all", "--yes").endswith("Deleted 1 run (1.0 kB).\n")
    assert shell.archived() == []


def test_only_what_was_removed_long_enough_ago_is_deleted(
    shell: Shell, db: DatabaseManager
) -> None:
    shell("rm", "digits/small", "--yes")
    long_ago = datetime.now(timezone.utc) - timedelta(days=31)
    with db._writing("a time") as connection:
        first = ARCHIVED_RUN.c.trial_run_id == 1
        connection.execute(ARCHIVED_RUN.update().where(first).values(time=long_ago))
    done = shell.printed("gc", "--older-than", "30d", "--yes")
    assert "Kept: 1 run set aside after the time of --older-than." in done
    assert shell.archived() == ["digits/small/2@1"]
    refused = shell.complaint("gc", "--older-than", "soon")
    assert "Expected a duration such as 90s, 1h30m or 2d, not 'soon'." in refused


def test_folders_that_no_run_has_are_shown_apart_and_deleted(
    shell: Shell, folders: Folders
) -> None:
    left = Path("digits/trials/small/archived/run_7.1")
    (left / "logs").mkdir(parents=True)
    (left / "logs" / "a.log").write_text("12345")
    dry = shell.printed("gc", "--dry-run")
    assert "Folders that no run of the database has:" in dry
    assert [str(left), "5", "B"] in [line.split() for line in dry.splitlines()]
    assert shell.printed("gc", "--yes").endswith("Deleted 1 folder (5 B).\n")
    assert folders() == ALL_FOLDERS


@pytest.mark.parametrize(
    "arguments", [["gc", "--yes"], ["rm", "digits/small/1"], ["restore", "digits/small/2"]]
)
def test_the_folder_of_a_current_run_that_somebody_left_there_comes_back(
    shell: Shell, arguments: list[str], folders: Folders
) -> None:
    left = Path("digits/trials/small/archived/run_2.1")
    left.parent.mkdir()
    Path("digits/trials/small/run_2").rename(left)
    assert "nothing to delete" in shell.printed("gc", "--dry-run")
    shell(*arguments)
    assert "small/run_2" in folders()


def test_what_is_deleted_comes_as_json(shell: Shell) -> None:
    shell("rm", "digits/small/2")
    for arguments, dry_run in ((["--dry-run"], True), (["--yes"], False)):
        found = json.loads(shell.printed("gc", *arguments, "--json"))
        (run,) = found.pop("runs")
        assert (run["trial"], run["run"], run["size_bytes"]) == ("small", 2, SIZE)
        assert found == {
            "dry_run": dry_run,
            "folders": [],
            "size_bytes": SIZE,
            "kept": 0,
            "elsewhere": [],
        }
