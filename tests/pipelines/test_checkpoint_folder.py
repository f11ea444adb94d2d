"""Which files are checkpoints, and what becomes of the others."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.pipelines.checkpoint_folder import (
    FOLDER,
    MANIFEST,
    CheckpointFolder,
    SavedCheckpoint,
)

LOGGER = logging.getLogger("test_checkpoint_folder")


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path, LOGGER)


def save(folder: CheckpointFolder, epoch: int, *, has_state: bool = True) -> Path:
    path = folder.write(f"epoch_{epoch}.pt", lambda path: path.write_text(f"epoch {epoch}"))
    new = folder.describe(path, epoch, has_state=has_state)
    folder.have([*folder.saved(), new])
    return path


def files(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / FOLDER).iterdir()}


def test_the_newest_with_a_state_is_the_one_to_go_on_from(
    folder: CheckpointFolder, tmp_path: Path
) -> None:
    save(folder, 1)
    save(folder, 2)
    save(folder, 3, has_state=False)
    good = folder.last_good()
    assert good is not None
    assert good.epoch == 2
    assert files(tmp_path) == {"epoch_1.pt", "epoch_2.pt"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("other"),
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
    ],
    ids=["changed", "deleted", "cut off"],
)
def test_a_damaged_one_is_passed_over_and_reported(
    folder: CheckpointFolder, caplog: pytest.LogCaptureFixture, damage: Any
) -> None:
    save(folder, 1)
    damage(save(folder, 2))
    good = folder.last_good()
    assert good is not None
    assert good.epoch == 1
    assert "epoch_2.pt is damaged" in caplog.text


def test_what_was_written_but_never_counted_is_none_and_goes(
    folder: CheckpointFolder, tmp_path: Path
) -> None:
    save(folder, 1)
    folder.write("epoch_2.pt", lambda path: path.write_text("the process died now"))
    (tmp_path / FOLDER / ".epoch_3.abc.pt").write_text("or in the middle of writing")
    (tmp_path / FOLDER / "notes.txt").write_text("somebody else's")
    folder.last_good()
    assert files(tmp_path) == {"epoch_1.pt", "notes.txt"}


def test_a_run_that_begins_anew_has_none(folder: CheckpointFolder, tmp_path: Path) -> None:
    save(folder, 1)
    (tmp_path / FOLDER / "epoch_9.pt").write_text("not counted")
    folder.clear()
    assert (folder.saved(), files(tmp_path)) == ([], set())


def test_those_that_do_not_count_any_more_go(folder: CheckpointFolder, tmp_path: Path) -> None:
    save(folder, 1)
    save(folder, 2)
    folder.have(folder.saved()[1:])
    assert files(tmp_path) == {"epoch_2.pt"}


def stage_last(folder: CheckpointFolder, epoch: int) -> SavedCheckpoint:
    path = folder.stage("last.pt", lambda path: path.write_text(f"epoch {epoch}"))
    return folder.describe(path, epoch, has_state=True)


def test_a_file_is_replaced_when_the_new_one_counts(
    folder: CheckpointFolder, tmp_path: Path
) -> None:
    folder.have([stage_last(folder, 1)])
    new = stage_last(folder, 2)
    assert (tmp_path / FOLDER / "last.pt").read_text() == "epoch 1"
    folder.have([new])
    assert (tmp_path / FOLDER / "last.pt").read_text() == "epoch 2"
    assert files(tmp_path) == {"last.pt"}


def test_a_process_that_died_before_the_new_one_counted_leaves_the_old_one(
    folder: CheckpointFolder, tmp_path: Path
) -> None:
    folder.have([stage_last(folder, 1)])
    stage_last(folder, 2)
    good = CheckpointFolder(tmp_path, LOGGER).last_good()
    assert good is not None
    assert good.epoch == 1
    assert files(tmp_path) == {"last.pt"}


def test_a_process_that_died_before_it_replaced_the_file_leaves_the_new_one(
    folder: CheckpointFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.have([stage_last(folder, 1)])
    counts = stage_last(folder, 2)
    CheckpointFolder(tmp_path, LOGGER).have([counts])  # one that knows of no staged file
    good = CheckpointFolder(tmp_path, LOGGER).last_good()
    assert good == counts
    assert (tmp_path / FOLDER / "last.pt").read_text() == "epoch 2"
    assert files(tmp_path) == {"last.pt"}
    assert caplog.text == ""


@pytest.mark.parametrize("place", ["/etc/passwd", "../outside.pt", "sub/epoch_1.pt"])
def test_a_list_that_names_other_places_is_not_believed(
    folder: CheckpointFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    save(folder, 1)
    (entry,) = json.loads((tmp_path / MANIFEST).read_text("utf-8"))
    (tmp_path / MANIFEST).write_text(json.dumps([{**entry, "file": place}]), "utf-8")
    assert folder.last_good() is None
    assert place in caplog.text


def test_a_link_to_another_place_is_no_checkpoint(
    folder: CheckpointFolder, tmp_path: Path
) -> None:
    path = save(folder, 1)
    path.rename(tmp_path / "outside.pt")
    path.symlink_to(tmp_path / "outside.pt")
    assert folder.last_good() is None
    assert (tmp_path / "outside.pt").exists()
