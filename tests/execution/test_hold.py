"""An experiment is held by whoever executes it, who says so until it is over."""

from __future__ import annotations

import logging
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from experiment_manager.common.errors import DatabaseError, ExperimentHeldError
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.config.plan import Plan
from experiment_manager.db import engine
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import LEASE_S, LeaseRow
from experiment_manager.execution import hold
from experiment_manager.execution.hold import BEAT_INTERVAL_S, Heartbeat, holding
from experiment_manager.testing.servers import DatabaseServer, MariaDBServer, PostgresServer

ME = ProcessIdentity.current()
ELSEWHERE = replace(ME, host="node7", machine="another boot", user_name="kim")
GONE = replace(ME, pid=2**40)  # more than any system has
OFTEN_S = 0.01


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'experiments.db'}"


@pytest.fixture
def db(url: str) -> Iterator[DatabaseManager]:
    with DatabaseManager.from_url(url) as db:
        yield db


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan("digits", "what it is for", str(tmp_path), str(tmp_path / "work"), {}, None, ())


def holders(db: DatabaseManager) -> list[LeaseRow]:
    """Who executes the one experiment."""
    return db.list_holders(db.create_experiment("digits").id)


def begin_run(db: DatabaseManager, process: ProcessIdentity, experiment: str = "digits") -> int:
    """The id of the trial whose first run a process has begun."""
    trial = db.create_trial(db.create_experiment(experiment).id, "small")
    db.claim_trial_run(trial.id, 1, process)
    db.start_trial_run(trial.id, 1)
    return trial.id


def age_all(db: DatabaseManager, age_s: float) -> None:
    """Have it that nobody has been heard of for so long, in an SQLite file."""
    with db._writing("age_all()") as connection:
        connection.exec_driver_sql(
            "UPDATE LEASE SET heartbeat = "
            f"strftime('%Y-%m-%d %H:%M:%f000', 'now', '-{age_s} seconds')"
        )


# Holding.


def test_inside_this_process_holds_the_experiment(
    db: DatabaseManager, plan: Plan, url: str
) -> None:
    with holding(plan, url, join=False) as held:
        assert held.find_experiment("digits") is not None
        assert [lease.process for lease in holders(db)] == [ME]
    assert holders(db) == []


def test_it_notes_where_the_experiments_folder_is(
    db: DatabaseManager, plan: Plan, url: str
) -> None:
    with holding(plan, url, join=False):
        experiment = db.find_experiment("digits")
    assert experiment is not None
    assert experiment.workspace == plan.workspace


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(143)])
def test_an_exception_gives_it_back_and_goes_on(
    db: DatabaseManager, plan: Plan, url: str, error: BaseException
) -> None:
    with pytest.raises(type(error)) as raised, holding(plan, url, join=False):
        raise error
    assert raised.value is error
    assert holders(db) == []


def test_afterwards_no_thread_is_left(plan: Plan, url: str) -> None:
    with holding(plan, url, join=False):
        assert "heartbeat" in [thread.name for thread in threading.enumerate()]
    assert "heartbeat" not in [thread.name for thread in threading.enumerate()]


def test_it_can_be_held_again(plan: Plan, url: str) -> None:
    for _ in range(2):
        with holding(plan, url, join=False):
            pass


@pytest.mark.parametrize("name", ["mariadb", "postgres"])
def test_it_is_so_on_a_server_too(name: str, plan: Plan, request: pytest.FixtureRequest) -> None:
    server: DatabaseServer = request.getfixturevalue(name)
    url = server.create_database()
    with DatabaseManager.from_url(url) as db:
        with holding(plan, url, join=False):
            assert [lease.process for lease in holders(db)] == [ME]
            trial_id = begin_run(db, ME)
        assert holders(db) == []
        assert [run.status for run in db.list_trial_runs(trial_id)] == ["lost"]


def test_giving_back_what_was_taken_over_leaves_it_to_the_other(db: DatabaseManager) -> None:
    experiment = db.create_experiment("digits")
    lease = db.take_experiment(experiment.id, ME)
    age_all(db, LEASE_S + 30)
    other = db.take_experiment(experiment.id, ELSEWHERE, join=True)
    age_all(db, LEASE_S + 30)
    db.give_back(lease)
    db.beat(ELSEWHERE)
    assert [held.id for held in db.list_holders(experiment.id)] == [other.id]


def test_so_it_is_where_the_others_lease_has_the_same_id(db: DatabaseManager) -> None:
    experiment = db.create_experiment("digits")
    lease = db.take_experiment(experiment.id, ME)
    db.give_back(lease)
    other = db.take_experiment(experiment.id, ELSEWHERE)
    assert other.id == lease.id  # as SQLite does it
    db.give_back(lease)
    assert [held.process for held in db.list_holders(experiment.id)] == [ELSEWHERE]


# Two at once.


def test_the_second_is_told_who_holds_it_since_when_and_what_to_do(
    db: DatabaseManager, plan: Plan, url: str
) -> None:
    db.take_experiment(db.create_experiment("digits").id, ELSEWHERE)
    with pytest.raises(ExperimentHeldError) as raised, holding(plan, url, join=False):
        pytest.fail("two execute one experiment")
    since = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    assert re.fullmatch(
        rf"The experiment 'digits' is being run by process {ME.pid} of kim on node7 since {since}"
        r"\. Wait for it or stop it; or add --join, to execute the runs that it has not begun",
        str(raised.value),
    )


def test_the_second_changes_nothing(db: DatabaseManager, plan: Plan, url: str) -> None:
    experiment = db.create_experiment("digits", "as the first says")
    db.take_experiment(experiment.id, ELSEWHERE)
    with pytest.raises(ExperimentHeldError), holding(plan, url, join=False):
        pytest.fail("two execute one experiment")
    assert db.get_experiment(experiment.id) == experiment
    assert [lease.process for lease in holders(db)] == [ELSEWHERE]


def test_the_second_may_join(db: DatabaseManager, plan: Plan, url: str) -> None:
    db.take_experiment(db.create_experiment("digits").id, ELSEWHERE)
    with holding(plan, url, join=True):
        assert [lease.process for lease in holders(db)] == [ELSEWHERE, ME]
    assert [lease.process for lease in holders(db)] == [ELSEWHERE]


def test_where_nobody_is_there_is_nobody_to_join(
    db: DatabaseManager, plan: Plan, url: str
) -> None:
    with holding(plan, url, join=True):
        assert [lease.process for lease in holders(db)] == [ME]


def test_what_the_dead_held_is_taken_over(db: DatabaseManager, plan: Plan, url: str) -> None:
    db.take_experiment(db.create_experiment("digits").id, GONE)
    with holding(plan, url, join=False):
        assert [lease.process for lease in holders(db)] == [ME]
    assert holders(db) == []


@pytest.mark.parametrize(("age_s", "is_free"), [(LEASE_S - 30, False), (LEASE_S + 30, True)])
def test_what_a_silent_process_of_another_machine_held_is_taken_over_after_a_while(
    db: DatabaseManager, plan: Plan, url: str, age_s: float, is_free: bool
) -> None:
    db.take_experiment(db.create_experiment("digits").id, ELSEWHERE)
    age_all(db, age_s)
    if is_free:
        with holding(plan, url, join=False):
            assert [lease.process for lease in holders(db)] == [ME]
    else:
        with pytest.raises(ExperimentHeldError), holding(plan, url, join=False):
            pytest.fail("two execute one experiment")


def test_another_thread_of_this_process_is_a_second_one_too(plan: Plan, url: str) -> None:
    with (
        holding(plan, url, join=False),
        pytest.raises(ExperimentHeldError, match=f"process {ME.pid} "),
        holding(plan, url, join=False),
    ):
        pytest.fail("two execute one experiment")


def test_what_this_process_could_not_give_back_is_its_own_again_after_a_while(
    db: DatabaseManager, plan: Plan, url: str
) -> None:
    db.take_experiment(db.create_experiment("digits").id, ME)
    age_all(db, LEASE_S + 30)
    with holding(plan, url, join=False):
        assert len(holders(db)) == 1
    assert holders(db) == []


# Runs whose end was not recorded.


def test_a_run_that_was_claimed_and_never_begun_is_free_again(
    db: DatabaseManager, plan: Plan, url: str
) -> None:
    trial = db.create_trial(db.create_experiment("digits").id, "small")
    with holding(plan, url, join=False):
        run_id = db.claim_trial_run(trial.id, 1, ME)
    assert db.claim_trial_run(trial.id, 1, ELSEWHERE) == run_id
    assert [run.status for run in db.list_trial_runs(trial.id)] == ["pending"]


def test_a_run_whose_end_was_not_recorded_is_lost_although_its_process_lives(
    db: DatabaseManager, plan: Plan, url: str
) -> None:
    with holding(plan, url, join=False):
        trial_id = begin_run(db, ME)
        assert [run.status for run in db.list_trial_runs(trial_id)] == ["running"]
    db.beat(ME)
    assert [run.status for run in db.list_trial_runs(trial_id)] == ["lost"]


def test_runs_of_others_and_of_other_experiments_are_left_alone(
    db: DatabaseManager, plan: Plan, url: str
) -> None:
    with holding(plan, url, join=False):
        ids = [begin_run(db, ELSEWHERE), begin_run(db, ME, "letters")]
    assert [run.status for id_ in ids for run in db.list_trial_runs(id_)] == ["running"] * 2


# A database that is away.


@pytest.fixture
def impatient_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of its own whose writers do not wait for each other."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.01)
    return f"sqlite:///{tmp_path / 'impatient.db'}"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that has this file open."""
    with closing(sqlite3.connect(tmp_path / "impatient.db", isolation_level=None)) as connection:
        yield connection


def test_what_ended_the_execution_is_not_hidden_by_a_database_that_is_away(
    plan: Plan, impatient_url: str, other: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyboardInterrupt), holding(plan, impatient_url, join=False):
        lock_and_interrupt(other)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "database is locked. As long as this process lives, and for 90 s more" in record.message


def lock_and_interrupt(other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    raise KeyboardInterrupt


class Beats(DatabaseManager):
    """A database that tells of every heartbeat, and of every one that it did not take."""

    def watch(self) -> None:
        self.taken, self.refused = threading.Semaphore(0), threading.Semaphore(0)

    def beat(self, process: ProcessIdentity) -> None:
        try:
            super().beat(process)
        except DatabaseError:
            self.refused.release()
            raise
        self.taken.release()


@contextmanager
def watched(url: str) -> Iterator[Beats]:
    db = Beats.from_url(url)
    assert isinstance(db, Beats)
    db.watch()
    with db:
        yield db


def heard_of(signal: threading.Semaphore) -> bool:
    """True as soon as it happens once more from now on."""
    while signal.acquire(blocking=False):
        pass
    return signal.acquire(timeout=60)


def test_a_heartbeat_makes_a_lease_young(url: str) -> None:
    with watched(url) as db:
        experiment = db.create_experiment("digits")
        for process in (ME, ELSEWHERE):
            db.take_experiment(experiment.id, process, join=True)
        age_all(db, 60)
        with Heartbeat(db, ME, OFTEN_S):
            assert heard_of(db.taken)
            mine, other = db.list_holders(experiment.id)
        assert mine.age_s < 30
        assert other.age_s > 30


def test_it_goes_on_until_the_end_of_the_block(url: str) -> None:
    with watched(url) as db:
        with Heartbeat(db, ME, OFTEN_S) as heartbeat:
            for _ in range(3):
                assert heard_of(db.taken)
        assert not heartbeat._thread.is_alive()


def test_the_end_of_the_block_does_not_wait_for_the_next_beat(url: str) -> None:
    with watched(url) as db, Heartbeat(db, ME, 3600):
        pass
    assert not db.taken.acquire(blocking=False)


def test_a_file_that_is_locked_for_a_while_stops_no_heartbeat(
    impatient_url: str, other: sqlite3.Connection
) -> None:
    with watched(impatient_url) as db, Heartbeat(db, ME, OFTEN_S):
        assert heard_of(db.taken)
        other.execute("BEGIN IMMEDIATE")
        assert heard_of(db.refused)
        other.execute("ROLLBACK")
        assert heard_of(db.taken)


def test_a_database_that_is_away_is_tried_again_before_the_next_beat_is_due(
    impatient_url: str, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "RETRY_INTERVAL_S", OFTEN_S)
    with watched(impatient_url) as db, Heartbeat(db, ME, OFTEN_S) as heartbeat:
        other.execute("BEGIN IMMEDIATE")
        assert heard_of(db.refused)
        heartbeat._interval_s = 3600
        assert heard_of(db.refused)


@pytest.mark.parametrize("kind", [MariaDBServer, PostgresServer])
def test_a_server_that_is_stopped_and_started_again_hears_of_it_again(
    kind: type[DatabaseServer], request: pytest.FixtureRequest
) -> None:
    server: DatabaseServer = request.getfixturevalue(kind.name)
    with watched(server.create_database()) as db, Heartbeat(db, ME, OFTEN_S):
        assert heard_of(db.taken)
        server.kill()
        assert heard_of(db.refused)
        server.start()
        assert heard_of(db.taken)


def test_a_lease_outlives_several_beats_that_are_lost() -> None:
    assert 5 * BEAT_INTERVAL_S < LEASE_S
