"""The files of a run are found wherever the database is, and those of others left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Shell = Any
Folders = Callable[[], list[str]]
ALL = ["digits/small/1", "digits/small/2", "digits/large/1"]
ALL_FOLDERS = ["large/run_1", "small/run_1", "small/run_2"]


@pytest.mark.parametrize("where", ["on_server", "in_a_file_elsewhere"])
def test_a_database_that_is_not_in_the_workspace_knows_where_that_is(
    request: pytest.FixtureRequest, where: str
) -> None:
    place, shell = request.getfixturevalue(where)
    removed = shell.printed("rm", "digits/small/2", "--in", place)
    assert removed.startswith("Set aside: digits/small/2@1 (1.0 kB)")
    assert Path("work/digits/trials/small/archived/run_2.1").is_dir()
    assert "1.0 kB" in shell.printed("gc", "--dry-run", "--in", place)
    assert "a line..." in shell.printed("logs", "digits/small/2@1", "--in", place)
    shell.printed("restore", "digits/small/2", "--in", place)
    assert Path("work/digits/trials/small/run_2").is_dir()


def test_what_is_on_another_machine_is_neither_set_aside_nor_deleted(
    on_server: tuple[str, Shell],
) -> None:
    server_url, shell = on_server
    shell.printed("rm", "digits/small/2", "--in", server_url)
    Path("work").rename("moved")
    answer = "which is not on this machine: name the workspace with --workspace."
    assert answer in shell.complaint("rm", "digits/large/1", "--in", server_url)
    left = " ".join(shell.printed("gc", "--yes", "--in", server_url).split())
    assert answer in left
    assert "nothing to delete" in left
    done = shell.printed("gc", "--yes", "--in", server_url, "--workspace", "moved")
    assert done.endswith("Deleted 1 run (1.0 kB).\n")


def test_a_copy_of_a_database_does_not_move_the_files_of_the_original(
    shell: Shell, tmp_path: Path, folders: Folders
) -> None:
    (tmp_path / "copy").mkdir()
    shell.printed("db", "copy", ".", "copy/experiments.db")
    done = shell.printed("rm", "digits/small/2", "--in", "copy/experiments.db")
    assert "Set aside: digits/small/2@1 (no files)" in done
    assert folders() == ALL_FOLDERS
    assert shell.runs("run > 0", "--in", "experiments.db") == ALL
