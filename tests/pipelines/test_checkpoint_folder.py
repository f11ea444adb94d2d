"""Which files are checkpoints, and what becomes of the others."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.pipelines.checkpoint_folder import FOLDER, MANIFEST, CheckpointFolder

LOGGER = logging.getLogger("test_checkpoint_folder")


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path, LOGGER)


def save(folder: CheckpointFolder, epoch: int, *, has_state: bool = True) -> Path:
    path = folder.write(f"epoch_{epoch}.pt", lambda path: path.write_text(f"epoch {epoch}"))
    folder.add(path.name, epoch, has_state=has_state)
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
