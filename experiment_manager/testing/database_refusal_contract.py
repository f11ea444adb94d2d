"""The suite about what a database refuses, which every one behind ``DatabaseManager`` passes.

Used like :class:`experiment_manager.testing.database_contract.DatabaseContract`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.keys import epoch_owner, experiment_owner, run_owner, trial_owner
from experiment_manager.db.manager import DatabaseManager, QueryError
from experiment_manager.db.recorder import Recorder
from experiment_manager.db.rows import TrialRunRow
from experiment_manager.testing.database_fixtures import DatabaseFixtures

LOGGER = logging.getLogger(__name__)
ME = ProcessIdentity.current()
MISSING = 4711
NO_IDS: tuple[Any, ...] = (
    MISSING * 10**20,
    f"1 {MISSING}",
    f"{MISSING}",
    MISSING + 0.5,
    [MISSING],
)
LONG_NAME = f"{MISSING}" * 64
NO_NAMES: tuple[Any, ...] = (LONG_NAME, f"NUL \0 {MISSING}", MISSING)
POINTS = [MetricPoint("x", 1.0)]

Write = Callable[[DatabaseManager, Any], object]
WRITE_BY_ID: dict[str, Write] = {
    "create_trial": lambda db, id_: db.create_trial(id_, "t"),
    "create_trials": lambda db, id_: db.create_trials(id_, ["t"]),
    "create_trial_run": lambda db, id_: db.create_trial_run(id_),
    "start_trial_run": lambda db, id_: db.start_trial_run(id_, 1),
    "update_trial_run_status": lambda db, id_: db.update_trial_run_status(id_, "completed"),
    "create_epoch": lambda db, id_: db.create_epoch(0, id_),
    "create_batch": lambda db, id_: db.create_batch(0, 0, id_),
    "record_epoch": lambda db, id_: db.record_epoch(id_, 0, POINTS),
    "record_batch": lambda db, id_: db.record_batch(id_, 0, 0, POINTS),
    "record_results": lambda db, id_: db.record_results(id_, POINTS),
    "record_trial_metrics": lambda db, id_: db.record_trial_metrics(id_, POINTS),
    "record_experiment_metrics": lambda db, id_: db.record_experiment_metrics(id_, POINTS),
    "record_trial_run_parameters": lambda db, id_: db.record_trial_run_parameters(id_, {"x": 1}),
    "record_provenance": lambda db, id_: db.record_provenance(id_, {"x": 1}),
    "record_trial_parameters": lambda db, id_: db.record_trial_parameters(id_, {"x": 1}),
    "record_experiment_parameters": lambda db, id_: db.record_experiment_parameters(id_, {"x": 1}),
    "add_experiment_metric": lambda db, id_: db.add_experiment_metric(1, id_),
    "add_trial_metric": lambda db, id_: db.add_trial_metric(1, id_),
    "add_results_metric": lambda db, id_: db.add_results_metric(1, id_),
    "add_epoch_metric": lambda db, id_: db.add_epoch_metric(0, id_, db.record_metric(1.0, "x").id),
    "add_batch_metric": lambda db, id_: db.add_batch_metric(0, 0, 1, id_),
    "link_experiment_artifact": lambda db, id_: db.link_experiment_artifact(1, id_),
    "link_trial_artifact": lambda db, id_: db.link_trial_artifact(
        id_, db.record_artifact("file", "x").id
    ),
    "link_trial_run_artifact": lambda db, id_: db.link_trial_run_artifact(1, id_),
    "link_results_artifact": lambda db, id_: db.link_results_artifact(1, id_),
    "link_epoch_artifact": lambda db, id_: db.link_epoch_artifact(
        id_, 1, db.record_artifact("file", "x").id
    ),
    "link_batch_artifact": lambda db, id_: db.link_batch_artifact(
        id_, 0, 1, db.record_artifact("file", "x").id
    ),
    "link_snapshots": lambda db, id_: db.link_snapshots(id_, db.store_snapshots({"code": "x"})),
    "claim_trial_run": lambda db, id_: db.claim_trial_run(id_, 1, ME),
    "take_experiment": lambda db, id_: db.take_experiment(id_, ME),
    "archive_run": lambda db, id_: db.archive_run(id_, "removed"),
    "restore_run": lambda db, id_: db.restore_run(id_),
    "delete_run": lambda db, id_: db.delete_run(id_),
    "add_tag": lambda db, id_: db.add_tag([1, id_], "paper"),
    "set_note of an experiment": lambda db, id_: db.set_note(experiment_owner(id_), "x"),
    "set_note of a trial": lambda db, id_: db.set_note(trial_owner(id_), "x"),
    "set_note of a run": lambda db, id_: db.set_note(run_owner(id_), "x"),
}
WRITE_BY_NAME: dict[str, Write] = {
    "create_experiment": lambda db, name: db.create_experiment(name),
    "create_trial": lambda db, name: db.create_trial(1, name),
    "create_trials": lambda db, name: db.create_trials(1, [name]),
    "record_metric": lambda db, name: db.record_metric(1.0, name),
    "record_epoch": lambda db, name: db.record_epoch(1, 0, [MetricPoint(name, 1.0)]),
    "record_artifact": lambda db, name: db.record_artifact(name, "place"),
    "record_trial_parameters": lambda db, name: db.record_trial_parameters(1, {name: 1}),
    "record_provenance": lambda db, name: db.record_provenance(1, {name: 1}),
    "link_snapshots": lambda db, name: db.link_snapshots(
        1, {name: db.store_snapshots({"code": "x"})["code"]}
    ),
    "archive_run": lambda db, name: db.archive_run(1, name),
    "add_tag": lambda db, name: db.add_tag([1], name),
    "update_trial_run_status": lambda db, name: db.update_trial_run_status(1, "failed", "x", name),
}
ASK: dict[str, Write] = {
    "get_experiment": lambda db, id_: db.get_experiment(id_),
    "list_runs": lambda db, id_: db.list_runs(id_),
    "list_epochs": lambda db, id_: db.list_epochs(id_),
    "get_experiment_metrics": lambda db, id_: db.get_experiment_metrics(id_),
    "get_epoch_metrics": lambda db, id_: db.get_epoch_metrics(id_, 1),
    "get_epoch_columns": lambda db, id_: db.get_epoch_columns(id_),
    "get_trial_artifacts": lambda db, id_: db.get_trial_artifacts(id_),
    "get_provenance": lambda db, id_: db.get_provenance(id_),
    "get_tags": lambda db, id_: db.get_tags(id_),
    "get_tags_of_runs": lambda db, id_: db.get_tags_of_runs([id_]),
    "list_attempts": lambda db, id_: db.list_attempts(id_),
    "list_archived_runs": lambda db, id_: db.list_archived_runs(id_),
    "list_holders": lambda db, id_: db.list_holders(id_),
    "find_lease": lambda db, id_: db.find_lease(id_),
    "is_left_behind": lambda db, id_: db.is_left_behind(id_),
}


def _cases(calls: dict[str, Write]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("call", list(calls.values()), ids=list(calls))


class DatabaseRefusalContract(DatabaseFixtures):
    """Whatever is wrong is refused by name, and leaves the database as it was."""

    @pytest.fixture
    def recorder(self, db: DatabaseManager, tmp_path: Path) -> Iterator[Recorder]:
        recorder = Recorder(db, tmp_path, LOGGER)
        yield recorder
        recorder.close()

    @staticmethod
    def assert_refused(db: DatabaseManager, write: Callable[[], object]) -> None:
        """It raises and names what is wrong; nothing is changed by it."""
        before = (db.list_experiments(), db.list_runs(1), db.get_experiment_metrics(1))
        with pytest.raises(QueryError, match=str(MISSING)):
            write()
        assert (db.list_experiments(), db.list_runs(1), db.get_experiment_metrics(1)) == before

    @_cases(WRITE_BY_ID)
    def test_an_id_that_is_not_there(
        self, db: DatabaseManager, run: TrialRunRow, call: Write
    ) -> None:
        self.assert_refused(db, lambda: call(db, MISSING))

    @_cases(WRITE_BY_ID)
    def test_what_is_no_id(self, db: DatabaseManager, run: TrialRunRow, call: Write) -> None:
        for no_id in NO_IDS:
            self.assert_refused(db, lambda no_id=no_id: call(db, no_id))  # type: ignore[misc]

    @_cases(WRITE_BY_NAME)
    def test_what_is_no_name(self, db: DatabaseManager, run: TrialRunRow, call: Write) -> None:
        for no_name in NO_NAMES:
            self.assert_refused(db, lambda name=no_name: call(db, name))  # type: ignore[misc]

    @_cases(ASK)
    def test_asking_with_what_is_no_id(self, db: DatabaseManager, call: Write) -> None:
        for no_id in NO_IDS:
            with pytest.raises(QueryError, match=str(MISSING)):
                call(db, no_id)

    @pytest.mark.parametrize(
        "write",
        [
            lambda db: db.update_trial_run_status(1, f"status {MISSING}"),
            lambda db: db.record_metric(f"text {MISSING}", "x"),
            lambda db: db.record_epoch(1, 0, [MetricPoint("x", 1.0, None, MISSING * 10**20)]),
            lambda db: db.create_trial_run(1, number=f"{MISSING}"),
            lambda db: db.create_trial_run(1, number=MISSING * 10**6),
            lambda db: db.create_trial_run(1, seed=MISSING * 10**20),
        ],
        ids=["status", "value", "step", "number", "large number", "seed"],
    )
    def test_a_wrong_value(
        self, db: DatabaseManager, run: TrialRunRow, write: Callable[[DatabaseManager], object]
    ) -> None:
        self.assert_refused(db, lambda: write(db))

    @pytest.mark.parametrize(
        "record",
        [
            lambda recorder: recorder.record_metrics(epoch_owner(1, MISSING * 10**20), POINTS),
            lambda recorder: recorder.record_metrics(
                epoch_owner(1, 0), [MetricPoint(LONG_NAME, 1.0)]
            ),
            lambda recorder: recorder.record_metrics(
                epoch_owner(1, 0), [MetricPoint("x", 1.0, None, MISSING * 10**20)]
            ),
            lambda recorder: recorder.record_parameters(run_owner(1), {LONG_NAME: 1}),
            lambda recorder: recorder.record_artifact(run_owner(1), LONG_NAME, "place"),
        ],
        ids=["epoch", "metric", "step", "parameter", "artifact"],
    )
    def test_a_journal_takes_nothing_that_the_database_would_refuse(
        self,
        db: DatabaseManager,
        run: TrialRunRow,
        recorder: Recorder,
        record: Callable[[Recorder], object],
    ) -> None:
        with pytest.raises(QueryError, match=str(MISSING)):
            record(recorder)
        recorder.record_metrics(epoch_owner(run.id, 0), POINTS)
        recorder.close()
        assert [metric.type for metric in db.get_trial_run_metrics(run.id)] == ["x"]

    def test_a_traceback_with_a_nul_still_ends_the_run(
        self, db: DatabaseManager, run: TrialRunRow
    ) -> None:
        db.update_trial_run_status(run.id, "failed", error="bad byte \0 here")
        after = db.get_trial_run(run.id)
        assert after is not None
        assert (after.status, after.error) == ("failed", "bad byte \N{REPLACEMENT CHARACTER} here")

    @pytest.mark.parametrize("name", ["digits", "digits ", " digits", "digits\t", "Digits"])
    def test_names_that_look_alike_are_kept_apart(self, db: DatabaseManager, name: str) -> None:
        others = {"digits", "digits ", " digits", "digits\t", "Digits"} - {name}
        ids = {db.create_experiment(other).id for other in others}
        assert db.find_experiment(name) is None
        assert db.create_experiment(name).id not in ids

    # Transactions.

    def test_a_transaction_is_all_or_nothing(self, db: DatabaseManager) -> None:
        def fail_after_writing() -> None:
            with db.transaction():
                trial = db.create_trial(db.create_experiment("gone").id, "gone")
                with db.transaction():
                    db.record_results(db.create_trial_run(trial.id).id, POINTS)
                raise InterruptedError

        with pytest.raises(InterruptedError):
            fail_after_writing()
        assert db.list_experiments() == []
        with db.transaction():
            db.create_experiment("kept")
        assert [experiment.title for experiment in db.list_experiments()] == ["kept"]

    @_cases(WRITE_BY_ID)
    def test_a_call_refused_in_a_transaction_leaves_nothing_and_the_others_go_on(
        self, db: DatabaseManager, run: TrialRunRow, call: Write
    ) -> None:
        with db.transaction():
            db.create_experiment("before")
            with pytest.raises(QueryError):
                call(db, MISSING)
            db.create_experiment("after")
        titles = [experiment.title for experiment in db.list_experiments()]
        assert titles == ["digits", "before", "after"]
        assert db.get_experiment_metrics(1) == []
        assert db.list_epochs(run.id) == []

    def test_two_may_set_the_same_parameters_at_once(
        self, url: str, db: DatabaseManager, run: TrialRunRow
    ) -> None:
        names = [f"parameter {number}" for number in range(20)]
        barrier = Barrier(2)
        errors: list[Exception] = []

        def set_all(value: int, order: list[str]) -> None:
            with DatabaseManager.from_url(url) as own:
                barrier.wait()
                try:
                    for _ in range(10):
                        own.record_trial_parameters(run.trial_id, dict.fromkeys(order, value))
                except QueryError as error:
                    errors.append(error)

        threads = [
            Thread(target=set_all, args=(1, names)),
            Thread(target=set_all, args=(2, names[::-1])),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert set(db.get_trial_parameters(run.trial_id)) == set(names)
