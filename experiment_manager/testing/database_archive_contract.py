"""The suite about runs that are set aside, which every database passes.

Used like :class:`experiment_manager.testing.database_contract.DatabaseContract`.
"""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import true

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.keys import run_owner
from experiment_manager.db.manager import DatabaseManager, QueryError
from experiment_manager.db.rows import TrialRow, TrialRunRow
from experiment_manager.testing.database_fixtures import DatabaseFixtures, count_rows

ME = ProcessIdentity.current()
WORKSPACE = Path("/workspace")
FOLDER, ARCHIVED = (WORKSPACE / name for name in ("trial/run_1", "trial/archived/run_1.1"))


def record_everything(db: DatabaseManager, run: TrialRunRow) -> None:
    """Something of each kind in a run, in two attempts."""
    db.update_trial_run_status(run.id, "failed", "ValueError: no luck")
    db.start_trial_run(run.trial_id, run.number, seed=run.seed, config_hash=run.config_hash)
    db.record_epoch(run.id, 0, [MetricPoint("loss", 0.5), MetricPoint("acc", 0.75)])
    db.record_batch(run.id, 0, 3, [MetricPoint("norm", 2.0)])
    db.record_results(run.id, [MetricPoint("test_acc", 0.875, {"cat": 1.0})])
    db.record_trial_run_parameters(run.id, {"lr": 0.1})
    db.record_provenance(run.id, {"overrides": ["lr=0.1"]})
    db.link_snapshots(run.id, db.store_snapshots({"packages": {"numpy": str(run.number)}}))
    db.link_trial_run_artifact(run.id, db.record_artifact("file", "trial/run_1/a").id)
    db.link_results_artifact(run.id, db.record_artifact("file", "trial/run_1/b/c").id)
    db.link_epoch_artifact(0, run.id, db.record_artifact("file", "trial/run_1/d").id)
    db.link_batch_artifact(3, 0, run.id, db.record_artifact("file", "trial/run_1/e").id)
    db.add_tag([run.id], "paper")
    db.set_note(run_owner(run.id), "as in the paper")
    db.register_journal(Path("/elsewhere/journal.bin"), run.id)


def histories(db: DatabaseManager, run_id: int) -> list[Any]:
    """What a run has recorded, wherever it is listed."""
    return [
        db.get_trial_run_metrics(run_id),
        db.get_epoch_history(run_id),
        db.get_trial_run_artifacts(run_id),
        db.get_trial_run_parameters(run_id),
        db.get_provenance(run_id),
        db.list_attempts(run_id),
        db.get_tags(run_id),
        db.get_latest_values([run_id]),
    ]


def lists_of_runs(db: DatabaseManager, trial: TrialRow) -> list[Any]:
    """Everything that says something about the runs of an experiment, or of all."""
    experiment = trial.experiment_id
    return [
        db.list_trial_runs(trial.id),
        db.list_runs(experiment),
        db.get_experiment_metrics(experiment),
        db.get_trial_metrics(trial.id),
        db.get_final_metrics(experiment),
        db.get_epoch_columns(experiment).value,
        db.get_final_columns(experiment).value,
        db.get_latest_columns(experiment).value,
        db.select_runs(true()),
        db.count_runs(true()),
        db.count_runs_by_status(),
        db.count_tags(),
    ]


class DatabaseArchiveContract(DatabaseFixtures):
    """What becomes of runs that are set aside, whatever the database is."""

    # Setting aside.

    def test_a_run_that_is_set_aside_leaves_its_number_to_another_one(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        archived = db.archive_run(run.id, "removed")
        assert (archived.trial_run_id, archived.number) == (run.id, 1)
        assert (archived.version, archived.reason) == (1, "removed")
        other = db.start_trial_run(trial.id, 1)
        assert (other.number, other.attempt) == (1, 1)
        assert other.id != run.id
        assert db.list_archived_runs(trial.id) == [archived]

    def test_it_keeps_what_it_has_recorded(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        record_everything(db, run)
        before = histories(db, run.id)
        db.archive_run(run.id, "restarted")
        record_everything(db, db.start_trial_run(trial.id, 1))
        assert histories(db, run.id) == before

    def test_it_is_in_no_list_that_is_not_asked_for_it(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        db.create_trial(trial.experiment_id, "other")
        record_everything(db, run)
        assert all(lists_of_runs(db, trial))
        db.archive_run(run.id, "removed")
        assert not any(lists_of_runs(db, trial))
        assert db.count_trials() == {trial.experiment_id: 1}  # the other one

    def test_those_that_were_set_aside_are_found_by_what_is_asked_for(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        archived = db.archive_run(run.id, "changed")
        db.start_trial_run(trial.id, 1)
        (found,) = db.select_runs(true(), archived=True)
        assert (found.experiment, found.trial, found.run.id) == ("digits", trial, run.id)
        assert found.archived == archived
        assert db.count_runs(true(), archived=True) == 1
        assert [one.archived for one in db.select_runs(true())] == [None]

    def test_versions_count_up_for_each_number(self, db: DatabaseManager, trial: TrialRow) -> None:
        versions = [
            db.archive_run(db.start_trial_run(trial.id, number).id, "restarted").version
            for number in (1, 2, 1, 1)
        ]
        assert versions == [1, 1, 2, 3]
        listed = [(row.number, row.version) for row in db.list_archived_runs(trial.id)]
        assert listed == [(1, 1), (1, 2), (1, 3), (2, 1)]

    def test_a_version_is_above_those_whose_files_are_left(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        assert db.archive_run(run.id, "removed", above=7).version == 8
        assert db.archive_run(db.start_trial_run(trial.id, 1).id, "removed").version == 9

    def test_a_run_without_a_number_gets_the_first_free_one(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        db.archive_run(run.id, "removed")
        assert [db.create_trial_run(trial.id).number for _ in range(2)] == [1, 2]

    def test_a_run_is_set_aside_once(self, db: DatabaseManager, run: TrialRunRow) -> None:
        db.archive_run(run.id, "removed")
        with pytest.raises(QueryError, match=f"no run with the id {run.id}"):
            db.archive_run(run.id, "removed")

    def test_in_a_transaction_that_fails_nothing_is_set_aside(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        def fail_after_writing() -> None:
            with db.archiving():
                db.archive_run(run.id, "removed")
                db.start_trial_run(trial.id, 1)
                raise InterruptedError

        with pytest.raises(InterruptedError):
            fail_after_writing()
        assert db.list_trial_runs(trial.id) == [run]
        assert db.list_archived_runs(trial.id) == []

    def test_those_who_set_runs_aside_take_turns(
        self, url: str, db: DatabaseManager, trial: TrialRow
    ) -> None:
        errors: list[Exception] = []

        def replace_runs() -> None:
            with DatabaseManager.from_url(url) as own:
                try:
                    for _ in range(10):
                        with own.archiving():
                            run = own.start_trial_run(trial.id, 1)
                            own.archive_run(run.id, "restarted")
                except QueryError as error:
                    errors.append(error)

        threads = [Thread(target=replace_runs) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        versions = [row.version for row in db.list_archived_runs(trial.id)]
        assert versions == list(range(1, 21))

    # Bringing back.

    def test_a_run_comes_back_with_its_number_and_all_that_it_was(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        record_everything(db, run)
        before = [histories(db, run.id), lists_of_runs(db, trial)]
        db.archive_run(run.id, "removed")
        assert db.restore_run(run.id) == 1
        assert [histories(db, run.id), lists_of_runs(db, trial)] == before
        assert db.list_archived_runs(trial.id) == []

    def test_a_run_does_not_come_back_where_another_one_has_its_number(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        db.archive_run(run.id, "removed")
        other = db.start_trial_run(trial.id, 1)
        with pytest.raises(QueryError, match="a run 1 of its trial already"):
            db.restore_run(run.id)
        assert db.list_trial_runs(trial.id) == [other]

    @pytest.mark.parametrize("call", ["restore_run", "delete_run"])
    def test_what_was_not_set_aside_is_neither_brought_back_nor_deleted(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow, call: str
    ) -> None:
        with pytest.raises(QueryError, match=f"the id {run.id} that was set aside"):
            getattr(db, call)(run.id)
        assert db.list_trial_runs(trial.id) == [run]

    # Deleting.

    def test_a_run_is_deleted_with_everything_that_it_alone_recorded(
        self, url: str, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        record_everything(db, run)
        shared = db.get_results_metrics(run.id)[0]
        before, kept = count_rows(url), histories(db, run.id)
        other = db.start_trial_run(trial.id, 2)
        record_everything(db, other)
        db.add_results_metric(other.id, shared.id)
        db.archive_run(other.id, "removed")
        db.delete_run(other.id)
        db.delete_unused_snapshots()
        assert count_rows(url) == before
        assert histories(db, run.id) == kept
        assert db.get_trial_run(other.id) is None

    def test_a_trial_goes_with_its_last_run_and_an_experiment_with_its_last_trial(
        self, url: str, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        before = count_rows(url)
        other = db.create_trial(db.create_experiment("other").id, "other")
        runs = [db.start_trial_run(other.id, number) for number in (1, 2)]
        db.record_trial_metrics(other.id, [MetricPoint("mean", 1.0)])
        db.record_experiment_metrics(other.experiment_id, [MetricPoint("mean", 1.0)])
        db.link_trial_artifact(other.id, db.record_artifact("file", "x").id)
        db.record_experiment_parameters(other.experiment_id, {"x": 1})
        for one in runs:
            assert db.get_trial(other.id) == other
            db.archive_run(one.id, "removed")
            db.delete_run(one.id)
        assert db.find_experiment("other") is None
        assert count_rows(url) == before

    def test_what_other_trials_have_of_a_trial_that_goes_stays(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        other = db.create_trial(trial.experiment_id, "other")
        metric, file = db.record_metric(1.0, "x"), db.record_artifact("file", "x")
        for one in (trial, other):
            db.add_trial_metric(one.id, metric.id)
            db.link_trial_artifact(one.id, file.id)
        db.archive_run(run.id, "removed")
        db.delete_run(run.id)
        assert db.list_trials(trial.experiment_id) == [other]
        assert db.get_trial_metrics(other.id) == [metric]
        assert db.get_trial_artifacts(other.id) == [file]

    def test_neither_goes_while_a_process_executes_the_experiment(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        db.take_experiment(trial.experiment_id, ME)
        db.archive_run(run.id, "removed")
        db.delete_run(run.id)
        assert db.list_trials(trial.experiment_id) == [trial]

    def test_snapshots_that_runs_have_stay(self, db: DatabaseManager, run: TrialRunRow) -> None:
        db.link_snapshots(run.id, db.store_snapshots({"code": "a"}))
        db.delete_unused_snapshots()
        assert db.get_provenance(run.id) == {"code": "a"}

    def test_no_snapshot_goes_while_a_process_may_be_about_to_link_it(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        lease = db.take_experiment(trial.experiment_id, ME)
        hashes = db.store_snapshots({"code": "a"})
        db.delete_unused_snapshots()
        db.link_snapshots(run.id, hashes)
        assert db.get_provenance(run.id) == {"code": "a"}
        db.give_back(lease)

    # Files.

    def test_files_of_a_run_follow_its_folder(self, db: DatabaseManager, run: TrialRunRow) -> None:
        record_everything(db, run)
        db.move_files(run.id, WORKSPACE, FOLDER, ARCHIVED)
        found = [
            *db.get_trial_run_artifacts(run.id),
            *db.get_results_artifacts(run.id),
            *db.get_epoch_artifacts(0, run.id),
            *db.get_batch_artifacts(3, 0, run.id),
        ]
        moved = [f"trial/archived/run_1.1/{name}" for name in ("a", "b/c", "d", "e")]
        assert [one.location for one in found] == moved

    @pytest.mark.parametrize(
        ("location", "moved"),
        [
            ("trial/run_1/a", "trial/archived/run_1.1/a"),
            ("/workspace/trial/run_1/a", "/workspace/trial/archived/run_1.1/a"),
            ("trial/run_10/a", "trial/run_10/a"),
            ("other/trial/run_1/a", "other/trial/run_1/a"),
            ("/elsewhere/trial/run_1/a", "/elsewhere/trial/run_1/a"),
            ("s3://bucket/trial/run_1/a", "s3://bucket/trial/run_1/a"),
        ],
    )
    def test_only_what_is_in_the_folder_moves(
        self, db: DatabaseManager, run: TrialRunRow, location: str, moved: str
    ) -> None:
        db.link_trial_run_artifact(run.id, db.record_artifact("file", location).id)
        db.move_files(run.id, WORKSPACE, FOLDER, ARCHIVED)
        assert [one.location for one in db.get_trial_run_artifacts(run.id)] == [moved]

    def test_files_of_other_runs_stay(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        other = db.start_trial_run(trial.id, 2)
        db.link_trial_run_artifact(other.id, db.record_artifact("file", "trial/run_1/a").id)
        db.move_files(run.id, WORKSPACE, FOLDER, ARCHIVED)
        assert [one.location for one in db.get_trial_run_artifacts(other.id)] == ["trial/run_1/a"]

    def test_a_journal_follows_the_folder_and_is_found_there(
        self, db: DatabaseManager, run: TrialRunRow, tmp_path: Path
    ) -> None:
        before, after = tmp_path.resolve() / "run_1", tmp_path.resolve() / "archived"
        id_ = db.register_journal(before / "journal.bin", run.id)
        db.move_files(run.id, WORKSPACE, before, after)
        journal = db.find_journal(id_)
        assert journal is not None
        assert db.journal_path(journal) == after / "journal.bin"
