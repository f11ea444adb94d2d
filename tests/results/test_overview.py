"""An overview counts what an experiment has."""

from __future__ import annotations

from experiment_manager.common.common import RunStatus
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.overview import list_overviews


def test_an_overview_counts_trials_and_runs_by_status_of_what_was_not_set_aside() -> None:
    with DatabaseManager(":memory:", use_sqlite=True) as db:
        experiment = db.create_experiment("digits", "a comparison")
        first, _ = (db.create_trial(experiment.id, name) for name in ("small", "large"))
        for status in ("completed", "failed", "completed"):
            db.create_trial_run(first.id, status)
        db.create_experiment("empty")
        removed = db.create_trial(db.create_experiment("removed").id, "small")
        db.archive_run(db.create_trial_run(removed.id, "failed").id, "removed")
        digits, empty = list_overviews(db)
    assert digits.experiment == experiment
    assert (digits.trials, digits.runs) == (2, 3)
    assert digits.runs_by_status == {RunStatus.COMPLETED: 2, RunStatus.FAILED: 1}
    assert (empty.experiment.title, empty.trials, empty.runs) == ("empty", 0, 0)
