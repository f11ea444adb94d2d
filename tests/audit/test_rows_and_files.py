"""Rows without files and files without rows are found, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.audit.check import check_files
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.pipelines.checkpoint_folder import FOLDER, MANIFEST

PLACE = ("digits", "small")


# Rows without files.


def test_a_file_that_is_missing_is_found_once_whatever_it_belongs_to(work: Any) -> None:
    run = work.make_run()
    path = work.add_file(run, "curve.png")
    (artifact,) = work.db.get_trial_run_artifacts(run.id)
    work.db.link_results_artifact(run.id, artifact.id)
    path.unlink()
    finding = work.only()
    assert (finding.kind.value, finding.name) == ("missing file", "digits/small/1")
    assert finding.path == str(path.resolve())
    assert "run --restart" in str(finding)


def test_files_of_experiments_trials_and_epochs_are_looked_for_too(work: Any) -> None:
    run = work.make_run()
    work.db.create_epoch(3, run.id)
    ids = [work.db.record_artifact("file", f"gone_{number}").id for number in range(3)]
    work.db.link_experiment_artifact(1, ids[0])
    work.db.link_trial_artifact(1, ids[1])
    work.db.link_epoch_artifact(3, run.id, ids[2])
    assert work.found() == [
        ("missing file", "digits"),
        ("missing file", "digits/small"),
        ("missing file", "digits/small/1"),
    ]


def test_a_link_that_leads_nowhere_is_a_missing_file(work: Any) -> None:
    path = work.add_file(work.make_run(), "curve.png")
    path.unlink()
    path.symlink_to("elsewhere.png")
    assert work.found() == [("missing file", "digits/small/1")]


def test_a_missing_file_outside_of_the_workspace_is_told_apart(work: Any, tmp_path: Path) -> None:
    run = work.make_run()
    path = work.add_file(run, tmp_path / "outside" / "model.bin")
    assert work.found() == []
    path.unlink()
    assert work.found() == [("missing external file", "digits/small/1")]
    assert "outside of the workspace" in work.only().text


def test_an_address_is_not_looked_for(work: Any) -> None:
    work.add_row(work.make_run(), "s3://bucket/model.bin")
    assert work.found() == []


def test_of_a_folder_that_is_missing_its_files_are_not_named_as_well(work: Any) -> None:
    work.add_file(work.make_run(), "curve.png")
    work.make_run(2)
    work.run(1).root.rename(work.path / "lost")
    assert work.found() == [("missing folder", "digits/small/1")]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("digits", "digits"),
        ("digits/trials", "digits/small"),
        ("digits/trials/small", "digits/small"),
    ],
)
def test_the_outermost_folder_that_is_missing_is_named(work: Any, folder: str, name: str) -> None:
    for number in (1, 2):
        work.make_run(number)
    work.set_aside(work.db.list_trial_runs(1)[0])
    (work.path / folder).rename(work.path / "lost")
    assert work.found() == [("missing folder", name)]


def test_the_missing_folder_of_a_run_that_was_set_aside_is_found(work: Any) -> None:
    work.make_run(2)
    work.set_aside(work.make_run())
    (work.paths.archive(*PLACE) / "run_1.1").rename(work.path / "lost")
    finding = work.only()
    assert (finding.kind.value, finding.name) == ("missing folder", "digits/small/1@1")
    assert "'gc'" in finding.remedy


def test_runs_that_were_recorded_by_hand_need_no_folder(work: Any) -> None:
    work.make_run(planned=False)
    trial = work.db.create_trial(work.db.create_experiment("by/hand").id, "..")
    work.db.create_trial_run(trial.id, "completed", config_hash="abc")
    assert work.found() == []


def test_a_folder_that_somebody_left_in_the_archive_is_said_to_be_there(work: Any) -> None:
    work.make_run()
    archive = work.paths.archive(*PLACE)
    archive.mkdir()
    work.run().root.rename(archive / "run_1.1")
    finding = work.only()
    assert (finding.kind.value, finding.name) == ("missing folder", "digits/small/1")
    assert "small/archived/run_1.1: move it back" in finding.remedy


# Files without rows.


@pytest.mark.parametrize(
    ("folder", "remedy"),
    [
        ("digits/trials/small/run_7", "delete it"),
        ("digits/trials/large", "delete it"),
        ("digits/trials/small/archived/run_1.4", "'gc' deletes it"),
    ],
)
def test_a_folder_that_no_row_knows_is_found(work: Any, folder: str, remedy: str) -> None:
    work.make_run()
    (work.path / folder).mkdir(parents=True)
    finding = work.only()
    assert finding.kind.value == "unknown folder"
    assert finding.path == str((work.path / folder).resolve())
    assert finding.remedy.startswith(remedy)


def test_the_folder_of_an_experiment_that_no_row_knows_is_found(work: Any) -> None:
    work.make_run()
    configs = work.paths.experiment("forgotten").configs
    configs.mkdir(parents=True)
    (configs / "experiment.yaml").touch()
    assert work.found() == [("unknown folder", "forgotten")]


def test_a_database_elsewhere_need_not_have_every_experiment_of_a_workspace(
    work: Any, tmp_path: Path
) -> None:
    (work.paths.experiment("of_another").configs / "experiment.yaml").mkdir(parents=True)
    with DatabaseManager(str(tmp_path / "central.db"), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment(PLACE[0]).id, PLACE[1])
        db.create_trial_run(trial.id, "completed", config_hash="abc")
        work.run(1).create()
        assert check_files(db, {PLACE[0]: work.path}).findings == ()


@pytest.fixture
def with_checkpoint(work: Any) -> Callable[[str], Path]:
    """Makes a run of a status with a checkpoint and a CSV file that have no row."""

    def make(status: str) -> Path:
        artifacts: Path = work.run(work.make_run(1, status).number).artifacts
        (artifacts / FOLDER).mkdir()
        (artifacts / FOLDER / "epoch_1.pt").touch()
        entry = {"file": "epoch_1.pt", "epoch": 1, "sha256": "", "size_bytes": 0}
        (artifacts / MANIFEST).write_text(json.dumps([entry]))
        (artifacts / "metrics.log").touch()
        return artifacts

    return make


def test_a_checkpoint_and_a_csv_file_without_a_row_are_found(
    work: Any, with_checkpoint: Callable[[str], Path]
) -> None:
    artifacts = with_checkpoint("completed").resolve()
    found = [(one.kind.value, one.path) for one in work.check().findings]
    assert found == [
        ("unrecorded file", str(artifacts / "metrics.log")),
        ("unrecorded file", str(artifacts / FOLDER / "epoch_1.pt")),
    ]


@pytest.mark.parametrize("status", ["failed", "aborted", "running"])
def test_those_of_a_run_that_has_yet_to_succeed_are_none(
    work: Any, with_checkpoint: Callable[[str], Path], status: str
) -> None:
    with_checkpoint(status)
    assert work.found() == []
