"""Every entity has a folder of its own, inside its parent's, whatever it is called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.common.errors import ConfigError
from experiment_manager.config.paths import (
    MAX_NAME_BYTES,
    Directory,
    WorkspacePaths,
    archived_name,
    name_problem,
)

ROOT = Path("/data/ws")
NAMES = st.text() | st.text("./\\ ~a", max_size=6)


@pytest.mark.parametrize(
    "name", ["small_network", "lr=0.1, wide", "größe 🦊", "a.b", "...", ".hidden", "~", "x" * 200]
)
def test_a_name_that_names_a_folder_is_taken(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "names no folder of its own"),
        ("  ", "names no folder of its own"),
        (".", "names no folder of its own"),
        ("..", "names no folder of its own"),
        ("../other", "would leave its folder"),
        ("/etc", "would leave its folder"),
        ("a/b", "would leave its folder"),
        ("a\\b", "would leave its folder"),
        ("a\nb", "would leave its folder"),
        ("a\0b", "would leave its folder"),
        ("x" * 201, "longer than 200 bytes"),
        ("🦊" * 51, "longer than 200 bytes"),
        (1, "must be text, not 1"),
        (None, "must be text, not None"),
        (True, "must be text, not True"),
    ],
)
def test_a_name_that_names_no_folder_or_another_is_refused(name: Any, reason: str) -> None:
    assert reason in (name_problem(name) or "")


@given(NAMES)
def test_no_name_leads_out_of_its_folder(name: str) -> None:
    directory = Directory(ROOT)
    if name_problem(name) is not None:
        with pytest.raises(ConfigError):
            directory.child(name)
    else:
        root = directory.child(name).root
        assert Path(os.path.normpath(root)).parent == ROOT
        assert root.name == name
        assert len(name.encode()) <= MAX_NAME_BYTES


def test_a_folder_has_three_inside() -> None:
    directory = Directory(ROOT)
    assert [directory.configs, directory.logs, directory.artifacts] == [
        ROOT / "configs",
        ROOT / "logs",
        ROOT / "artifacts",
    ]


def test_a_folder_is_made_with_those_inside_and_again_without_harm(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "a" / "b")
    directory.create()
    (directory.logs / "run.log").touch()
    directory.create()
    made = {path.relative_to(directory.root).as_posix() for path in directory.root.rglob("*")}
    assert made == {"configs", "logs", "artifacts", "logs/run.log"}


def test_everything_of_a_workspace_lies_where_the_specification_says() -> None:
    paths = WorkspacePaths(ROOT)
    assert paths.database == ROOT / "experiments.db"
    assert paths.experiment("digits").root == ROOT / "digits"
    assert paths.trial("digits", "small").root == ROOT / "digits/trials/small"
    assert paths.run("digits", "small", 3).root == ROOT / "digits/trials/small/run_3"


@pytest.mark.parametrize("names", [("..", "small"), ("digits", "../..")])
def test_no_part_of_a_place_may_leave_the_workspace(names: tuple[str, str]) -> None:
    with pytest.raises(ConfigError):
        WorkspacePaths(ROOT).run(*names, 1)


def test_a_run_that_was_set_aside_has_a_folder_of_its_own_beside_those_of_its_trial() -> None:
    paths = WorkspacePaths(ROOT)
    archived = paths.archived_run("digits", "small", 2, 10)
    assert archived.root == paths.trial("digits", "small").root / "archived" / "run_2.10"
    discarded = paths.discarded_run("digits", "small", 2, 10)
    assert discarded.parent == archived.root.parent == paths.archive("digits", "small")
    assert archived_name(archived.root.name) == archived_name(discarded.name) == (2, 10)


@pytest.mark.parametrize("name", ["run_2", "run_2.", "run_x.1", "run_2.1.old", "my_run_2.1", ""])
def test_other_names_are_of_no_run_that_was_set_aside(name: str) -> None:
    assert archived_name(name) is None


def test_archives_are_found_with_the_names_of_their_experiments_and_trials(tmp_path: Path) -> None:
    paths = WorkspacePaths(tmp_path)
    for experiment, trial in (("digits", "lr=0.1, wide"), ("a.b", "small")):
        paths.archived_run(experiment, trial, 1, 1).create()
        paths.run(experiment, trial, 1).create()
    paths.run("digits", "other", 1).create()
    assert paths.archives() == [("a.b", "small"), ("digits", "lr=0.1, wide")]
