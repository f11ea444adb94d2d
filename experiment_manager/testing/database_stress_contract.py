"""What a database must bear: many at once, calls that are refused, names that nobody expects.

Inherit it beside :class:`~experiment_manager.testing.database_contract.DatabaseContract`::

    class TestMyDatabase(DatabaseStressContract):
        @pytest.fixture
        def url(self):
            return "sqlite:///..."
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.engine import open_engine, reading
from experiment_manager.db.manager import (
    ConnectionError,  # noqa: A004 - the contract's name
    DatabaseManager,
    QueryError,
)
from experiment_manager.db.rows import TrialRow, TrialRunRow
from experiment_manager.db.schema import EXPERIMENT, NAME_LENGTH

T = TypeVar("T")

MISSING = 4711
BEYOND = MISSING * 2**64  # more than an integer column holds
NO_ID: Any = f"1 {MISSING}"  # what MySQL would take for 1
NO_TEXT: Any = [MISSING]
TOO_LONG = f"{MISSING}" * NAME_LENGTH
WRITERS = 4
PATIENCE_S = 60


def at_once(url: str, work: Callable[[int, DatabaseManager, threading.Barrier], T]) -> list[T]:
    """What ``work`` returns for each of some writers, which begin together.

    It gets the writer's number, a connection of its own, and a barrier for all of them.
    """
    barrier = threading.Barrier(WRITERS, timeout=PATIENCE_S)

    def open_and_work(number: int) -> T:
        barrier.wait()
        with DatabaseManager.from_url(url) as db:
            return work(number, db, barrier)

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(open_and_work, range(WRITERS)))


class DatabaseStressContract:
    """Inherit it in a class ``Test...`` and say where an empty database is."""

    @pytest.fixture
    def url(self) -> str:
        """Where an empty database is; a new one for each test."""
        raise NotImplementedError("define the fixture url(self): where an empty database is")

    @pytest.fixture
    def db(self, url: str) -> Iterator[DatabaseManager]:
        with DatabaseManager.from_url(url) as db:
            yield db

    @pytest.fixture
    def trial(self, db: DatabaseManager) -> TrialRow:
        return db.create_trial(db.create_experiment("digits").id, "small")

    @pytest.fixture
    def run(self, db: DatabaseManager, trial: TrialRow) -> TrialRunRow:
        return db.start_trial_run(trial.id, number=1)

    # Many at once.

    def test_writers_that_look_for_one_name_at_once_find_one_entity(
        self, db: DatabaseManager, url: str
    ) -> None:
        def create(
            _number: int, db: DatabaseManager, barrier: threading.Barrier
        ) -> list[tuple[int, int]]:
            found = []
            for name in ("a", "b", "c", "d", "e"):
                barrier.wait()
                trial = db.create_trial(db.create_experiment(name).id, "small")
                db.create_trial_run(trial.id)
                found.append((trial.experiment_id, trial.id))
            return found

        first, *others = at_once(url, create)
        assert others == [first] * (WRITERS - 1)
        numbers = [[run.number for run in db.list_trial_runs(trial)] for _, trial in first]
        assert numbers == [list(range(1, WRITERS + 1))] * len(first)

    def test_writers_at_once_lose_nothing(
        self, db: DatabaseManager, url: str, trial: TrialRow
    ) -> None:
        def train(number: int, db: DatabaseManager, _barrier: threading.Barrier) -> None:
            for attempt in (1, 2, 3):
                run = db.start_trial_run(trial.id, number)
                for epoch in range(3):
                    db.record_epoch(run.id, epoch, [MetricPoint("loss", 1.0)])
                db.record_results(run.id, [MetricPoint("acc", 0.5)])
                db.record_trial_run_parameters(run.id, {"lr": 0.1})
                db.record_trial_parameters(trial.id, {"shared": 1, f"of {number}": attempt})
                db.update_trial_run_status(run.id, "completed")

        at_once(url, train)
        runs = db.list_trial_runs(trial.id)
        assert [(run.attempt, run.status) for run in runs] == [(3, "completed")] * WRITERS
        assert [len(db.get_trial_run_metrics(run.id)) for run in runs] == [4] * WRITERS
        of_each = {f"of {number}": 3 for number in range(WRITERS)}
        assert db.get_trial_parameters(trial.id) == {"shared": 1, **of_each}

    def test_a_reader_sees_one_state_while_others_write(
        self, db: DatabaseManager, url: str
    ) -> None:
        engine = open_engine(make_url(url), read_only=True)
        titles = select(EXPERIMENT.c.title)
        with reading(engine) as connection:
            assert connection.execute(titles).all() == []
            db.create_experiment("digits")
            assert connection.execute(titles).all() == []
        with reading(engine) as connection:
            assert connection.execute(titles).all() == [("digits",)]
        engine.dispose()

    # What is refused.

    def test_a_call_that_is_refused_takes_nothing_else_with_it(
        self, db: DatabaseManager, run: TrialRunRow
    ) -> None:
        with db.transaction():
            db.create_epoch(1, run.id)
            with pytest.raises(QueryError):
                db.create_trial(MISSING, "t")
            with pytest.raises(QueryError):
                db.start_trial_run(run.trial_id, run.number, seed=BEYOND)
            db.create_epoch(2, run.id)
        assert [epoch.idx for epoch in db.list_epochs(run.id)] == [1, 2]
        assert db.get_trial_run(run.id) == run

    def test_an_inner_transaction_that_is_left_by_an_error_leaves_the_outer_one(
        self, db: DatabaseManager, run: TrialRunRow
    ) -> None:
        with db.transaction():
            db.create_epoch(1, run.id)
            with pytest.raises(QueryError), db.transaction():
                db.create_epoch(2, run.id)
                db.create_trial(MISSING, "t")
        assert [epoch.idx for epoch in db.list_epochs(run.id)] == [1]

    @pytest.mark.parametrize(
        "write",
        [
            lambda db: db.create_experiment(NO_TEXT),
            lambda db: db.create_experiment(TOO_LONG),
            lambda db: db.create_trial(NO_ID, "t"),
            lambda db: db.create_trial(1, NO_TEXT),
            lambda db: db.create_trial(1, TOO_LONG),
            lambda db: db.create_trial_run(NO_ID),
            lambda db: db.start_trial_run(1, NO_ID),
            lambda db: db.start_trial_run(1, BEYOND),
            lambda db: db.start_trial_run(1, 2, seed=BEYOND),
            lambda db: db.update_trial_run_status(NO_ID, "completed"),
            lambda db: db.create_epoch(NO_ID, 1),
            lambda db: db.create_epoch(BEYOND, 1),
            lambda db: db.record_epoch(1, 0, [MetricPoint("x", 1.0, None, BEYOND)]),
            lambda db: db.record_epoch(1, 0, [MetricPoint("x", 1.0, None, NO_ID)]),
            lambda db: db.record_epoch(1, 0, [MetricPoint(NO_TEXT, 1.0)]),
            lambda db: db.record_epoch(1, 0, [MetricPoint(TOO_LONG, 1.0)]),
            lambda db: db.record_artifact(NO_TEXT, "place"),
            lambda db: db.record_artifact(TOO_LONG, "place"),
            lambda db: db.link_trial_artifact(1, NO_ID),
            lambda db: db.record_trial_parameters(NO_ID, {"x": 1}),
            lambda db: db.record_trial_parameters(1, {TOO_LONG: 1}),
        ],
    )
    def test_what_no_column_holds_is_refused_and_named(
        self, db: DatabaseManager, run: TrialRunRow, write: Callable[[DatabaseManager], object]
    ) -> None:
        with pytest.raises(QueryError, match=str(MISSING)):
            write(db)
        assert db.get_trial_run(run.id) == run
        assert db.list_epochs(run.id) == []
        assert len(db.list_runs(1)) == 1

    @pytest.mark.parametrize(
        "ask",
        [
            lambda db: db.get_experiment(NO_ID),
            lambda db: db.get_trial_run(BEYOND),
            lambda db: db.list_trials(NO_ID),
            lambda db: db.get_epoch_metrics(NO_ID, 1),
            lambda db: db.get_trial_parameters(BEYOND),
        ],
    )
    def test_asking_for_what_is_no_id_never_finds_another(
        self, db: DatabaseManager, run: TrialRunRow, ask: Callable[[DatabaseManager], object]
    ) -> None:
        db.record_epoch(run.id, 1, [MetricPoint("x", 1.0)])
        with pytest.raises(QueryError, match=str(MISSING)):
            ask(db)

    # What nobody expects.

    @pytest.mark.parametrize("other", ["Digits", "digits ", " digits", "digíts", "digits\t"])
    def test_names_that_are_almost_the_same_are_kept_apart(
        self, db: DatabaseManager, other: str
    ) -> None:
        experiments = [db.create_experiment(title) for title in ("digits", other)]
        assert db.list_experiments() == experiments
        run = db.create_trial_run(db.create_trial(experiments[0].id, other).id)
        db.record_results(run.id, [MetricPoint("digits", 1.0), MetricPoint(other, 2.0)])
        db.record_trial_run_parameters(run.id, {"digits": 1, other: 2})
        latest = db.get_latest_columns(experiments[0].id)
        assert dict(zip(latest.type, latest.value, strict=True)) == {"digits": 1.0, other: 2.0}
        assert db.get_trial_run_parameters(run.id) == {"digits": 1, other: 2}

    def test_a_name_may_be_as_long_as_its_column(self, db: DatabaseManager) -> None:
        name = "\N{GRINNING FACE}" * NAME_LENGTH
        experiment = db.create_experiment(name)
        run = db.create_trial_run(db.create_trial(experiment.id, name).id)
        db.record_results(run.id, [MetricPoint(name, 1.0)])
        db.record_trial_run_parameters(run.id, {name: 1})
        assert db.find_experiment(name) == experiment
        assert [metric.type for metric in db.get_results_metrics(run.id)] == [name]
        assert db.get_trial_run_parameters(run.id) == {name: 1}

    def test_a_traceback_may_have_any_character(
        self, db: DatabaseManager, run: TrialRunRow
    ) -> None:
        db.update_trial_run_status(run.id, "failed", "it read \0 there")
        ended = db.get_trial_run(run.id)
        assert ended is not None
        assert ended.error in {"it read \0 there", "it read \N{REPLACEMENT CHARACTER} there"}

    def test_its_password_is_shown_nowhere(
        self, url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        password = str(make_url(url).password or "no password")
        with (
            caplog.at_level(logging.DEBUG),
            caplog.at_level(logging.DEBUG, "sqlalchemy"),
            DatabaseManager.from_url(url) as db,
        ):
            with pytest.raises(QueryError) as refused:
                db.create_trial(MISSING, "t")
            db.close()
            with pytest.raises(ConnectionError) as closed:
                db.list_experiments()
        shown = [repr(db), db.url, caplog.text, str(refused.value), str(closed.value)]
        assert caplog.records != []
        assert [text for text in shown if password in text] == []
