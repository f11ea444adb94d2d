"""The suite about who executes what, and whose process has vanished; every database passes it.

Used like :class:`experiment_manager.testing.database_contract.DatabaseContract`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, true

from experiment_manager.common.errors import ExperimentHeldError, RunTakenError
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRow, TrialRunRow
from experiment_manager.db.schema import LEASE, TRIAL_RUN
from experiment_manager.testing.database_fixtures import DatabaseFixtures

ME = ProcessIdentity.current()
GONE = replace(ME, pid=2**40)  # more than any system has
SUCCESSOR = replace(ME, process_start=ME.process_start + 1)  # of whom somebody else has the number
ELSEWHERE = replace(ME, host="node7", machine="another boot", user_name="kim")
LONG_AGO = datetime(2020, 2, 29, tzinfo=timezone.utc)


def fall_silent(url: str, process: ProcessIdentity) -> None:
    """Have it that a process has not been heard of for long."""
    engine = create_engine(url)
    with engine.begin() as connection:
        of_process = LEASE.c.host == process.host
        connection.execute(LEASE.update().where(of_process).values(heartbeat=LONG_AGO))
    engine.dispose()


def start(db: DatabaseManager, trial: TrialRow, process: ProcessIdentity) -> TrialRunRow:
    """The first run of the trial, executed by a process."""
    db.claim_trial_run(trial.id, 1, process)
    return db.start_trial_run(trial.id, 1)


def statuses(db: DatabaseManager, trial: TrialRow) -> set[str]:
    """How the one run of the trial stands, as everyone who reads it is told."""
    (run,) = db.list_trial_runs(trial.id)
    ((_, of_experiment),) = db.list_runs(trial.experiment_id)
    (selected,) = db.select_runs(true())
    counted = db.count_runs_by_status()[trial.experiment_id]
    found = db.get_trial_run(run.id)
    assert found is not None
    return {run.status, of_experiment.status, selected.run.status, found.status, *counted}


class DatabaseLeaseContract(DatabaseFixtures):
    """Leases of experiments and runs, whatever the database is."""

    # Runs.

    def test_a_run_is_claimed_before_it_begins(self, db: DatabaseManager, trial: TrialRow) -> None:
        id_ = db.claim_trial_run(trial.id, 1, ME)
        (claimed,) = db.list_trial_runs(trial.id)
        assert (claimed.id, claimed.number, claimed.status) == (id_, 1, "pending")
        started = db.start_trial_run(trial.id, 1)
        assert (started.id, started.status, started.attempt) == (id_, "running", 1)
        lease = db.find_lease(id_)
        assert lease is not None
        assert (lease.process, lease.experiment_id) == (ME, None)
        assert not lease.is_lost

    @pytest.mark.parametrize("is_started", [False, True], ids=["claimed", "started"])
    def test_a_run_of_a_process_that_lives_is_not_taken_from_it(
        self, db: DatabaseManager, trial: TrialRow, is_started: bool
    ) -> None:
        db.claim_trial_run(trial.id, 1, ELSEWHERE)
        if is_started:
            db.start_trial_run(trial.id, 1)
        who = f"run 1 is being executed by process {ME.pid} of kim on node7"
        with pytest.raises(RunTakenError, match=who):
            db.claim_trial_run(trial.id, 1, ME)
        (run,) = db.list_trial_runs(trial.id)
        with pytest.raises(RunTakenError, match=who):
            db.archive_run(run.id, "removed")

    def test_a_process_may_claim_its_own_run_again(
        self, db: DatabaseManager, trial: TrialRow
    ) -> None:
        assert db.claim_trial_run(trial.id, 1, ME) == db.claim_trial_run(trial.id, 1, ME)

    @pytest.mark.parametrize("process", [GONE, SUCCESSOR], ids=["gone", "its number is another's"])
    def test_a_run_of_a_process_that_is_gone_may_be_claimed(
        self, db: DatabaseManager, trial: TrialRow, process: ProcessIdentity
    ) -> None:
        lost = start(db, trial, process)
        assert db.claim_trial_run(trial.id, 1, ME) == lost.id
        assert db.start_trial_run(trial.id, 1).attempt == 2
        assert [one.status for one in db.list_attempts(lost.id)] == ["lost"]
        assert statuses(db, trial) == {"running"}

    def test_a_run_that_has_succeeded_with_the_same_configuration_is_not_claimed(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        db.update_trial_run_status(run.id, "completed")
        with pytest.raises(RunTakenError, match="run 1 was finished meanwhile"):
            db.claim_trial_run(trial.id, 1, ME, config_hash="abc")
        assert db.claim_trial_run(trial.id, 1, ME, config_hash="def") == run.id

    @pytest.mark.parametrize("status", ["completed", "failed", "aborted"])
    def test_a_lease_ends_with_its_run(
        self, db: DatabaseManager, trial: TrialRow, status: str
    ) -> None:
        run = start(db, trial, ELSEWHERE)
        db.update_trial_run_status(run.id, status)
        assert db.find_lease(run.id) is None
        assert db.archive_run(run.id, "removed").number == 1

    # Whose process has vanished.

    def test_a_run_whose_process_is_gone_is_lost(
        self, db: DatabaseManager, trial: TrialRow
    ) -> None:
        run = start(db, trial, GONE)
        assert statuses(db, trial) == {"lost"}
        assert db.list_lost_runs() == [run.id]

    def test_a_run_of_another_machine_is_lost_when_nothing_was_heard_of_it_for_long(
        self, url: str, db: DatabaseManager, trial: TrialRow
    ) -> None:
        run = start(db, trial, ELSEWHERE)
        assert statuses(db, trial) == {"running"}
        fall_silent(url, ELSEWHERE)
        assert statuses(db, trial) == {"lost"}
        assert db.list_lost_runs() == [run.id]
        db.beat(ELSEWHERE)
        assert statuses(db, trial) == {"running"}

    def test_a_process_of_this_machine_that_lives_may_be_silent(
        self, url: str, db: DatabaseManager, trial: TrialRow
    ) -> None:
        start(db, trial, ME)
        fall_silent(url, ME)
        assert statuses(db, trial) == {"running"}

    def test_lost_is_never_stored(self, url: str, db: DatabaseManager, trial: TrialRow) -> None:
        start(db, trial, GONE)
        assert statuses(db, trial) == {"lost"}
        engine = create_engine(url)
        with engine.connect() as connection:
            assert connection.execute(select(TRIAL_RUN.c.status)).scalars().all() == ["running"]
        engine.dispose()

    def test_a_run_that_nobody_watches_over_is_not_lost(
        self, db: DatabaseManager, trial: TrialRow, run: TrialRunRow
    ) -> None:
        assert statuses(db, trial) == {"running"}
        assert db.archive_run(run.id, "removed").number == 1

    def test_a_lost_run_may_be_set_aside_and_comes_back_as_lost(
        self, db: DatabaseManager, trial: TrialRow
    ) -> None:
        run = start(db, trial, GONE)
        db.archive_run(run.id, "removed")
        found = db.get_trial_run(run.id)
        assert found is not None
        assert found.status == "lost"
        db.restore_run(run.id)
        assert statuses(db, trial) == {"lost"}

    # Experiments.

    def test_an_experiment_is_executed_by_one_process(
        self, db: DatabaseManager, trial: TrialRow
    ) -> None:
        db.take_experiment(trial.experiment_id, ELSEWHERE)
        with pytest.raises(ExperimentHeldError, match=f"process {ME.pid} of kim on node7 since"):
            db.take_experiment(trial.experiment_id, ME)

    def test_others_may_join(self, db: DatabaseManager, trial: TrialRow) -> None:
        for process in (ELSEWHERE, ME):
            db.take_experiment(trial.experiment_id, process, join=True)
        holders = db.list_holders(trial.experiment_id)
        assert [lease.process for lease in holders] == [ELSEWHERE, ME]

    def test_nobody_joins_itself(self, db: DatabaseManager, trial: TrialRow) -> None:
        db.take_experiment(trial.experiment_id, ME)
        with pytest.raises(ExperimentHeldError):
            db.take_experiment(trial.experiment_id, ME, join=True)

    def test_a_lease_that_was_given_back_is_free(
        self, db: DatabaseManager, trial: TrialRow
    ) -> None:
        db.give_back(db.take_experiment(trial.experiment_id, ELSEWHERE))
        assert db.list_holders(trial.experiment_id) == []
        db.take_experiment(trial.experiment_id, ME)

    def test_the_dead_hold_nothing(self, url: str, db: DatabaseManager, trial: TrialRow) -> None:
        for process in (GONE, ELSEWHERE):
            db.take_experiment(trial.experiment_id, process, join=True)
        fall_silent(url, ELSEWHERE)
        assert db.list_holders(trial.experiment_id) == []
        db.take_experiment(trial.experiment_id, ME)
        assert [lease.process for lease in db.list_holders(trial.experiment_id)] == [ME]

    def test_a_lease_tells_how_long_ago_it_was_heard_of(
        self, url: str, db: DatabaseManager, trial: TrialRow
    ) -> None:
        db.take_experiment(trial.experiment_id, ME)
        (fresh,) = db.list_holders(trial.experiment_id)
        assert 0 <= fresh.age_s < 60
        fall_silent(url, ME)
        (old,) = db.list_holders(trial.experiment_id)
        age_s = (datetime.now(timezone.utc) - LONG_AGO).total_seconds()
        assert old.age_s == pytest.approx(age_s, abs=60)

    # What the dead leave.

    def test_an_experiment_whose_process_vanished_is_left_behind(
        self, db: DatabaseManager, trial: TrialRow
    ) -> None:
        assert db.is_left_behind(trial.experiment_id) is False
        db.take_experiment(trial.experiment_id, GONE)
        assert db.is_left_behind(trial.experiment_id) is True

    def test_one_that_a_living_process_is_at_is_not(
        self, db: DatabaseManager, trial: TrialRow
    ) -> None:
        db.take_experiment(trial.experiment_id, GONE)
        db.take_experiment(trial.experiment_id, ME, join=True)
        assert db.is_left_behind(trial.experiment_id) is False

    def test_a_journal_that_nobody_brought_in_is_left_behind(
        self, db: DatabaseManager, run: TrialRunRow, trial: TrialRow, tmp_path: Path
    ) -> None:
        db.register_journal(tmp_path / "a.journal", run.id)
        assert db.is_left_behind(trial.experiment_id) is True
