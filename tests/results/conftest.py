"""Four runs of three trials of two experiments, and one set aside, in every database there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.keys import run_owner
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.rows import TrialRow, TrialRunRow
from experiment_manager.db.schema import TRIAL_RUN
from experiment_manager.results.selection import FoundRun

BEGIN = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
VANISHED = replace(ProcessIdentity.current(), pid=2**40)
OUT_OF_MEMORY = "RuntimeError: CUDA out of Memory: 100%"
ADAM = {"lr": 0.1, "optimizer.name": "adam", "flag": True, "layers": [64, 32], "decay": None}
SGD = {"lr": 0.001, "optimizer.name": "SGD", "flag": False, "layers": [16], 'a "b"': "x_y"}


@pytest.fixture
def found_run() -> Callable[..., FoundRun]:
    """Makes a run as a query finds it, without a database."""

    def make(
        trial: str,
        seed: int | None = 0,
        value: float | None = None,
        *,
        status: RunStatus = RunStatus.COMPLETED,
        params: Mapping[str, Any] | None = None,
        experiment: str = "digits",
    ) -> FoundRun:
        number = 1 if seed is None else seed + 1
        row = TrialRunRow(
            1, 1, status.value, BEGIN, BEGIN, BEGIN, number, seed, 1, config_hash=None, error=None
        )
        metrics = {"train_loss": 0.1} if value is None else {"test_acc": value}
        return FoundRun(
            experiment, TrialRow(1, trial, 1, BEGIN, BEGIN), row, params or {}, metrics
        )

    return make


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "postgres"])
def four_runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseManager]:
    """A database with the runs. For reading."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('selection')}/experiments.db"
    else:
        url = request.getfixturevalue(request.param).create_database()
    with DatabaseManager.from_url(url) as db:
        fill(db)
        yield db


def fill(db: DatabaseManager) -> None:
    digits, cifar = db.create_experiment("digits").id, db.create_experiment("cifar_10").id
    small, large = (db.create_trial(digits, name).id for name in ("small", "Large 100%"))
    first, second = (db.start_trial_run(small, number, seed=number).id for number in (1, 2))
    db.claim_trial_run(large, 1, VANISHED)
    third = db.start_trial_run(large, 1).id
    fourth = db.start_trial_run(db.create_trial(cifar, "small").id, 1, seed=2**62 + 1).id
    db.record_trial_run_parameters(first, ADAM)
    db.record_trial_run_parameters(second, SGD)
    db.record_trial_run_parameters(third, {"lr": "auto"})
    db.record_epoch(first, 0, [MetricPoint("acc", 0.5), MetricPoint("loss", 0.2)])
    db.record_epoch(first, 1, [MetricPoint("acc", 0.9)])
    db.record_epoch(second, 0, [MetricPoint("acc", math.nan), MetricPoint("loss", math.inf)])
    db.record_epoch(fourth, 0, [MetricPoint("acc", -0.0), MetricPoint("loss", -math.inf)])
    set_end(db, first, RunStatus.COMPLETED, minutes=1)
    set_end(db, second, RunStatus.FAILED, minutes=90, error=OUT_OF_MEMORY)
    set_end(db, fourth, RunStatus.STOPPED, minutes=3000)
    db.add_tag([first, second], "paper")
    db.add_tag([first], "Baseline v2")
    db.set_note(run_owner(third), "100% as in the paper")
    set_one_aside(db, small)


def set_one_aside(db: DatabaseManager, trial: int) -> None:
    """Which most of what is asked for below would find."""
    run = db.start_trial_run(trial, 3, seed=1).id
    db.record_trial_run_parameters(run, ADAM)
    db.record_epoch(run, 0, [MetricPoint("acc", 0.95)])
    db.add_tag([run], "paper")
    db.update_trial_run_status(run, RunStatus.COMPLETED)
    db.archive_run(run, "removed")


def set_end(
    db: DatabaseManager, run_id: int, status: RunStatus, minutes: int, error: str | None = None
) -> None:
    db.update_trial_run_status(run_id, status, error)
    times = {"start_time": BEGIN, "end_time": BEGIN + timedelta(minutes=minutes)}
    with db._writing("times") as connection:
        connection.execute(TRIAL_RUN.update().where(TRIAL_RUN.c.id == run_id).values(times))
