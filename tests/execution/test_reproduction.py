"""A run is executed once more from its record, and compared with what it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.imports import import_object
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.execution.reproduction import Reproduction, Way, reproduce
from experiment_manager.execution.task import ReproductionError
from experiment_manager.experiment import Experiment
from experiment_manager.provenance.worktree import CheckoutError
from experiment_manager.results.histories import Place, Verdict
from experiment_manager.testing.factories import factory_of

if TYPE_CHECKING:
    from tests.execution.conftest import Git, Project

Query = Callable[[Path, str], list[tuple[Any, ...]]]
Repeat = Callable[..., Reproduction]
RECORDED = Way(with_recorded_code=True)


@pytest.fixture
def repeat(project: Project) -> Iterator[Repeat]:
    """Reproduces a run of the project: the first one, or that of another number."""
    with DatabaseManager(str(project.root / "work" / "experiments.db"), use_sqlite=True) as db:

        def execute(way: Way | None = None, run: int = 1) -> Reproduction:
            experiment = db.list_experiments()[0]
            trial = db.list_trials(experiment.id)[0]
            return reproduce(db, experiment, trial, db.list_trial_runs(trial.id)[run - 1], way)

        yield execute


def in_database(project: Project) -> DatabaseManager:
    return DatabaseManager(str(project.root / "work" / "experiments.db"), use_sqlite=True)


def texts(found: Reproduction) -> list[str]:
    return [difference.text for difference in found.differences]


# Runs that come out as they did.


def test_a_deterministic_run_comes_out_identical(project: Project, repeat: Repeat) -> None:
    project.run(trials=[{"name": "small", "repeat": 2}])
    for number in (1, 2):
        found = repeat(run=number)
        assert found.agreement.verdict is Verdict.IDENTICAL
        assert found.agreement.repeated.ending == "completed after 3 epochs"
        assert found.agreement.values.total == 3 * 3 + 6
        assert (found.differences, found.remarks, found.error) == ((), (), None)


def test_a_run_that_was_stopped_early_stops_again(project: Project, repeat: Repeat) -> None:
    stopping = {"type": "early_stopping", "metric": "loss", "patience": 1, "mode": "max"}
    project.run(callbacks=[{**stopping, "min_delta_percent": 1000}])
    found = repeat()
    assert found.agreement.original.status is RunStatus.STOPPED
    assert found.agreement.verdict is Verdict.IDENTICAL


def test_a_run_that_failed_fails_again_with_the_same_exception_in_the_same_epoch(
    project: Project, repeat: Repeat
) -> None:
    project.run(fails_in=1)
    found = repeat()
    assert found.agreement.verdict is Verdict.IDENTICAL
    assert found.agreement.repeated.ending == "failed (ValueError) after 1 epoch"


def test_a_run_whose_process_died_comes_out_identical_where_it_dies_again(
    project: Project, repeat: Repeat
) -> None:
    project.write("second_time", "")
    project.describe(dies_in=1)
    Experiment.create("configs", executor="local").run()
    found = repeat()
    assert found.agreement.original.ending == "failed (lost) after 1 epoch"
    assert found.agreement.verdict is Verdict.IDENTICAL


def test_a_run_that_went_on_from_a_checkpoint_comes_out_identical(
    project: Project, repeat: Repeat
) -> None:
    callbacks = [{"type": "checkpoint", "interval": 1}]
    project.run(fails_once_in=2, callbacks=callbacks)
    project.write("second_time", "")
    project.run(fails_once_in=2, callbacks=callbacks)
    found = repeat()
    assert found.agreement.original.ending == "completed after 3 epochs"
    assert found.agreement.verdict is Verdict.IDENTICAL


def test_a_factory_that_was_passed_in_python_is_found_again(
    project: Project, repeat: Repeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(project.root))
    monkeypatch.syspath_prepend(str(project.root / "configs"))
    project.run(import_object("repeated_training:Factory"), pipeline="of_no_importance")
    assert repeat().agreement.verdict is Verdict.IDENTICAL


# Runs that do not.


def test_the_first_value_that_depends_on_chance_is_found(project: Project, repeat: Repeat) -> None:
    project.run(chance_in=2)
    found = repeat()
    while found.agreement.verdict is Verdict.IDENTICAL:  # one in 256
        found = repeat()
    assert found.agreement.first is not None
    assert found.agreement.first.place == Place(2, None, "acc/cat")
    assert (found.agreement.values.total, found.agreement.values.equal) == (15, 14)


def test_a_small_deviation_is_within_a_tolerance(project: Project, repeat: Repeat) -> None:
    project.run(chance_in=2)
    assert repeat(Way(tolerance=1e-3)).agreement.verdict is not Verdict.DIFFERENT


def test_a_failure_of_the_second_time_alone_is_a_difference(
    project: Project, repeat: Repeat
) -> None:
    project.run(reads="data/number.txt", fails_in=9)  # fails in epoch 0: there is no such file
    project.write("data/number.txt", "0.5")
    found = repeat()
    assert found.agreement.original.ending == "failed (FileNotFoundError) after 0 epochs"
    assert found.agreement.repeated.ending == "completed after 3 epochs"
    assert found.agreement.verdict is Verdict.DIFFERENT


def test_a_process_that_dies_is_a_difference(project: Project, repeat: Repeat) -> None:
    project.run(dies_in=1)
    project.write("second_time", "")
    found = repeat()
    assert found.agreement.repeated.ending == "failed (lost) after 1 epoch"
    assert found.remarks == ("The process that repeated it died: exit code 7.",)
    assert found.agreement.first is not None
    assert found.agreement.first.place == Place(1, None, "loss")
    assert found.agreement.first.repeated is None


# What may explain it.


def test_code_that_was_edited_is_named_and_the_recorded_code_gives_the_same_again(
    project: Project, repeat: Repeat
) -> None:
    project.run()
    project.write("repeated_noise.py", "NOISE = 2.0\n")
    found = repeat()
    assert found.agreement.verdict is Verdict.DIFFERENT
    assert texts(found) == ["1 file of the working tree differs: repeated_noise.py"]
    found = repeat(RECORDED)
    assert found.agreement.verdict is Verdict.IDENTICAL
    assert (found.differences, found.remarks) == ((), ())


def test_the_recorded_code_is_had_after_later_commits(project: Project, repeat: Repeat) -> None:
    project.run()
    project.write("repeated_noise.py", "raise ValueError('of another time')\n")
    project.write("configs/repeated_training.py", "")
    project.commit()
    assert repeat(RECORDED).agreement.verdict is Verdict.IDENTICAL


def test_the_recorded_code_has_what_was_never_committed(project: Project, repeat: Repeat) -> None:
    (project.root / "repeated_noise.py").rename(project.root / "noise.txt")
    project.describe()
    project.commit()
    project.write("repeated_noise.py", "NOISE = 3.0\n")
    project.execute()
    (project.root / "repeated_noise.py").unlink()
    assert repeat(RECORDED).agreement.verdict is Verdict.IDENTICAL


def test_recorded_code_reads_the_data_that_git_ignores(project: Project, repeat: Repeat) -> None:
    project.write("data/number.txt", "0.5")
    project.run(reads="data/number.txt")
    project.write("repeated_noise.py", "NOISE = 2.0\n")
    assert repeat(RECORDED).agreement.verdict is Verdict.IDENTICAL


def test_other_packages_and_another_machine_are_named(project: Project, repeat: Repeat) -> None:
    project.run()
    with in_database(project) as db:
        facts = db.get_provenance(1)
        packages = {**facts["packages"], "numpy": "0.9.8", "vanished": "1.0"}
        machine = {**facts["machine"], "cpu": "Abacus 3000"}
        db.link_snapshots(1, db.store_snapshots({"packages": packages, "machine": machine}))
    found = repeat()
    assert found.agreement.verdict is Verdict.IDENTICAL
    assert [text.split(" -> ")[0] for text in texts(found)] == [
        "numpy 0.9.8",
        "vanished 1.0 is gone",
        "cpu Abacus 3000",
    ]


def test_environment_variables_that_are_recorded_are_compared(
    project: Project, repeat: Repeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_SITE", "b")
    project.run(experiment={"environment_variables": ["LAB_*"]})
    monkeypatch.setenv("LAB_SITE", "c")
    assert texts(repeat()) == ["LAB_SITE b -> c"]


def test_data_with_another_content_is_named(project: Project, repeat: Repeat) -> None:
    project.write("data/number.txt", "0.5")
    project.run(reads="data/number.txt", experiment={"data_files": ["data"]})
    project.write("data/number.txt", "0.75")
    found = repeat()
    assert texts(found) == ["data has other content"]
    assert found.agreement.first is not None
    assert found.agreement.first.place == Place(0, None, "data")


# What it leaves.


def test_the_original_is_left_as_it_was_and_nothing_temporary_stays(
    project: Project, repeat: Repeat, tmp_path: Path, query: Query
) -> None:
    project.run(env={"trackers": [{"type": "jsonl"}]})
    folder = project.root / "work" / "digits"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for way in (None, RECORDED):
        repeat(way)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert query(project.root / "work", "SELECT count(*), max(attempt) FROM TRIAL_RUN") == [(1, 1)]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_the_repetition_is_kept_where_that_is_wanted(
    project: Project, repeat: Repeat, tmp_path: Path, query: Query
) -> None:
    project.run()
    kept = tmp_path / "kept"
    assert repeat(Way(keep=kept)).kept_in == kept
    assert query(kept / "workspace", "SELECT status FROM TRIAL_RUN") == [("completed",)]
    assert (kept / "workspace" / "digits" / "trials" / "small" / "run_1").is_dir()
    with pytest.raises(ReproductionError, match="is there already; name a new folder"):
        repeat(Way(keep=kept))


# Runs that cannot be repeated.


def test_a_pipeline_whose_module_is_gone_is_an_error_that_says_what_to_do(
    project: Project, repeat: Repeat
) -> None:
    project.run()
    (project.root / "configs" / "repeated_training.py").unlink()
    with pytest.raises(ReproductionError, match=r"no module 'repeated_training'.*Bring its"):
        repeat()
    assert repeat(RECORDED).agreement.verdict is Verdict.IDENTICAL


def test_a_module_that_its_module_needs_and_is_gone_is_one_too(
    project: Project, repeat: Repeat
) -> None:
    project.run()
    (project.root / "repeated_noise.py").unlink()
    with pytest.raises(ReproductionError, match="No module named 'repeated_noise'"):
        repeat()


def test_data_that_is_gone_is_an_error(project: Project, repeat: Repeat) -> None:
    project.write("data/number.txt", "0.5")
    project.run(reads="data/number.txt", experiment={"data_files": ["data/number.txt", "no/such"]})
    shutil.rmtree(project.root / "data")
    with pytest.raises(ReproductionError, match=r"data is not there any more: data/number\.txt;"):
        repeat()


def test_a_run_that_was_recorded_by_hand_has_no_recipe(project: Project, repeat: Repeat) -> None:
    with in_database(project) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small")
        db.update_trial_run_status(db.start_trial_run(trial.id, 1).id, "completed")
    with pytest.raises(ReproductionError, match="does not have what it was executed with"):
        repeat()


@pytest.mark.parametrize("status", ["running", "aborted", "pending"])
def test_a_run_without_an_end_cannot_be_compared(
    project: Project, repeat: Repeat, status: str
) -> None:
    project.run()
    with in_database(project) as db:
        db.update_trial_run_status(1, status)
    with pytest.raises(ReproductionError, match=f"digits/small/1: it is {status}"):
        repeat()


def test_a_factory_that_nobody_can_import_is_an_error(project: Project, repeat: Repeat) -> None:
    def build(env: Any, config: Any) -> Any:
        return import_object("repeated_training:Training")(env, config)

    project.run(factory_of(build))
    with pytest.raises(ReproductionError, match=r"<locals>\.FactoryOfFunction, which no other"):
        repeat()


def test_settings_that_were_changed_in_the_database_are_an_error(
    project: Project, repeat: Repeat
) -> None:
    project.run()
    with in_database(project) as db:
        recipe = db.get_provenance(1)["recipe"]
        recipe["settings"]["epochs"] = 4
        db.link_snapshots(1, db.store_snapshots({"recipe": recipe}))
    with pytest.raises(ReproductionError, match="are not those that it was executed with"):
        repeat()


def test_code_that_was_not_recorded_cannot_be_used(project: Project, repeat: Repeat) -> None:
    project.run()
    with in_database(project) as db:
        db.record_provenance(1, {"code": "somewhere"})
    with pytest.raises(ReproductionError, match="its code was not recorded"):
        repeat(RECORDED)
    assert repeat().remarks == (
        "What the run was made of was not recorded, so nothing tells what changed.",
    )


def test_a_repository_that_was_moved_can_be_named(
    project: Project, repeat: Repeat, tmp_path: Path, git: Git
) -> None:
    project.run()
    git(tmp_path, "clone", "--quiet", str(project.root), "clone")
    shutil.move(project.root / ".git", tmp_path / "gone")
    with pytest.raises(CheckoutError, match="If it was moved, name its folder: --repository"):
        repeat(RECORDED)
    way = Way(with_recorded_code=True, repository=tmp_path / "clone")
    assert repeat(way).agreement.verdict is Verdict.IDENTICAL


def test_modules_of_the_working_tree_that_are_used_all_the_same_are_named(
    project: Project, repeat: Repeat
) -> None:
    noise = project.write("src/repeated_noise.py", "NOISE = 1.0\n")
    (project.root / "repeated_noise.py").unlink()
    training = project.root / "configs" / "repeated_training.py"
    by_hand = f"import sys\nsys.path.insert(0, {str(noise.parent)!r})\n"
    training.write_text(by_hand + training.read_text(encoding="utf-8"), encoding="utf-8")
    project.run()
    assert repeat(RECORDED).remarks == (
        "Imported from the working tree, not from the recorded code: repeated_noise.",
    )
