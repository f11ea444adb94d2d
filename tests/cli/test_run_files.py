"""``show`` lists the files of a run: its own, and those of its results, epochs and batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.main import commands
from experiment_manager.cli.run_page import FILES_SHOWN
from experiment_manager.db.manager import DatabaseManager

Show = Callable[..., Result]

FOLDER = "digits/trials/small/run_1/artifacts"


@pytest.fixture
def db(tmp_path: Path) -> Any:
    """A database in the workspace ``work``, with a run."""
    (tmp_path / "work").mkdir()
    with DatabaseManager(str(tmp_path / "work/experiments.db"), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small").id
        db.start_trial_run(trial, 1, seed=0)
        yield db


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Show:
    """Calls ``show`` for the run, in the folder that the workspace is in."""
    monkeypatch.chdir(tmp_path)
    return lambda *options: CliRunner().invoke(commands, ["show", "digits/small/1", *options])


def add(db: DatabaseManager, location: str, *, epoch: int | None = None) -> int:
    """A checkpoint of the run or of one of its epochs; its id."""
    id_ = db.record_artifact("checkpoint", location).id
    if epoch is None:
        db.link_trial_run_artifact(1, id_)
    else:
        db.create_epoch(epoch, 1)
        db.link_epoch_artifact(epoch, 1, id_)
    return id_


def table(done: Result) -> list[list[str]]:
    """The words of each line from the head of the files on."""
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    return lines[next(n for n, line in enumerate(lines) if line[0] == "Files") :]


def test_each_file_says_what_it_belongs_to(db: DatabaseManager, show: Show) -> None:
    add(db, f"{FOLDER}/checkpoints/epoch_4.pt", epoch=4)
    add(db, f"{FOLDER}/curve.png")
    db.link_results_artifact(1, db.record_artifact("table", f"{FOLDER}/final.csv").id)
    db.create_batch(7, 4, 1)
    db.link_batch_artifact(7, 4, 1, db.record_artifact("image", f"{FOLDER}/batch.png").id)
    heading, head, _, *files = table(show())
    assert heading == ["Files", "in", f"{FOLDER}/"]
    assert head == ["File", "Type", "Of"]
    assert files == [
        ["curve.png", "checkpoint", "run"],
        ["final.csv", "table", "results"],
        ["checkpoints/epoch_4.pt", "checkpoint", "epoch", "4"],
        ["batch.png", "image", "batch", "7", "of", "epoch", "4"],
    ]


def test_the_folder_of_files_that_are_here_can_be_opened_from_here(
    db: DatabaseManager, show: Show
) -> None:
    add(db, f"{FOLDER}/model.pt")
    file = Path("work", FOLDER, "model.pt")
    file.parent.mkdir(parents=True)
    file.touch()
    assert table(show())[0] == ["Files", "in", f"work/{FOLDER}/"]


def test_files_without_a_common_folder_are_named_in_full(db: DatabaseManager, show: Show) -> None:
    add(db, "s3://bucket/model.pt")
    add(db, f"{FOLDER}/[model].pt")
    heading, _, _, *files = table(show())
    assert heading == ["Files"]
    assert [file[0] for file in files] == ["s3://bucket/model.pt", f"{FOLDER}/[model].pt"]


def test_of_many_files_the_last_ones_are_listed(db: DatabaseManager, show: Show) -> None:
    for epoch in range(FILES_SHOWN + 2):
        add(db, f"{FOLDER}/epoch_{epoch}.pt", epoch=epoch)
    _, _, _, *files, count = table(show())
    assert files[0][0] == "epoch_2.pt"
    assert " ".join(count) == f"The last {FILES_SHOWN} of {FILES_SHOWN + 2} files."


def test_a_run_without_files_has_no_list_of_them(db: DatabaseManager, show: Show) -> None:
    assert db.list_epochs(1) == []
    assert "Files" not in show().stdout


def test_as_json_a_file_has_its_epoch_and_where_it_is(db: DatabaseManager, show: Show) -> None:
    add(db, f"{FOLDER}/model.pt")
    add(db, "missing/epoch_4.pt", epoch=4)
    file = Path("work", FOLDER, "model.pt").absolute()
    file.parent.mkdir(parents=True)
    file.touch()
    (run,) = json.loads(show("--json").stdout)["runs"]
    assert run["artifacts"] == [
        {
            "type": "checkpoint",
            "location": f"{FOLDER}/model.pt",
            "path": str(file),
            "of": "run",
            "epoch": None,
            "batch": None,
        },
        {
            "type": "checkpoint",
            "location": "missing/epoch_4.pt",
            "path": None,
            "of": "epoch",
            "epoch": 4,
            "batch": None,
        },
    ]
