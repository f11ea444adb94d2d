"""A database whose names are hostile, and its report."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.common.metrics import to_points
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.report.contents import Contents
from experiment_manager.results.report.page import report_page
from experiment_manager.results.report.recorded import load_recorded
from experiment_manager.results.samples import TRIAL, name_groups
from experiment_manager.results.selection import select_runs

HOSTILE = '<script>document.title = "taken"</script>'
TRACEBACK = f'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: {HOSTILE}'
FACTS = {
    "python": {"version": "3.11.7", "implementation": "CPython"},
    "code": {
        "root": "/project",
        "folder": "/project",
        "commit": "0123456789abcdef",
        "branch": None,
        "changes": {},
        "files": {},
        "repositories": {},
    },
    "packages": {"numpy": "2.1.0"},
    "site": HOSTILE,
}

Report = Callable[..., str]


def fill(db: DatabaseManager) -> None:
    """Three trials of three runs: one is the best, one has a failure and a NaN."""
    experiment = db.create_experiment(f"digits {HOSTILE}", HOSTILE).id
    for level, name in enumerate(("small", f"odd {HOSTILE}", "large")):
        trial = db.create_trial(experiment, name).id
        for number in (1, 2, 3):
            run = db.start_trial_run(trial, number, seed=number).id
            db.record_trial_run_parameters(run, {"lr": 10.0**-level, "epochs": 3, HOSTILE: name})
            record(db, run, level, number, is_odd=level == 1)


def record(db: DatabaseManager, run: int, level: int, number: int, *, is_odd: bool) -> None:
    """What a run does; of the odd trial the second one fails, and the third one diverges."""
    db.record_provenance(run, FACTS)
    for epoch in range(3):
        value = 0.3 * level + 0.01 * number + 0.1 * epoch
        db.record_epoch(run, epoch, to_points({Metric.VAL_ACC: value}))
    if is_odd and number == 2:
        db.update_trial_run_status(run, RunStatus.FAILED, TRACEBACK)
        return
    value = math.nan if is_odd and number == 3 else 0.3 * level + 0.01 * number
    matrix = {"labels": [HOSTILE, "dog"], "rows": [[7, 1], [2, 6]]}
    db.record_results(run, to_points({Metric.TEST_ACC: value, Metric.CONFUSION: matrix}))
    db.update_trial_run_status(run, RunStatus.COMPLETED)


def report_of(
    db: DatabaseManager, query: str = "", metric: str | None = "test_acc", by: str = TRIAL
) -> str:
    """The report on the runs that a query finds."""
    runs = select_runs(db, query)
    recorded = load_recorded(db, runs, metric)
    time = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
    contents = Contents(
        name_groups(runs, by),
        by,
        recorded,
        metric,
        None,
        ["experiments.db"],
        query or "all runs",
        time,
    )
    return report_page(contents, "Experiment Manager 1.2.3")


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database. For reading."""
    file = tmp_path_factory.mktemp("report") / "experiments.db"
    with DatabaseManager(str(file), use_sqlite=True) as db:
        fill(db)
    return file


@pytest.fixture(scope="session")
def page(database: Path) -> str:
    """The report on all of it."""
    with DatabaseManager(str(database), use_sqlite=True, read_only=True) as db:
        return report_of(db)


@pytest.fixture
def report(database: Path) -> Report:
    """Makes a report on what a query finds."""

    def make(query: str = "", metric: str | None = "test_acc", by: str = TRIAL) -> str:
        with DatabaseManager(str(database), use_sqlite=True, read_only=True) as db:
            return report_of(db, query, metric, by)

    return make
