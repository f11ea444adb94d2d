"""One short run of the real code: it trains, it tests, and both are recorded."""

from __future__ import annotations

from pathlib import Path

from experiment_manager import Experiment, RunStatus
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.trial import execute_run

PROJECT = Path(__file__).parent


def test_a_short_run_records_its_epochs_and_its_test(tmp_path: Path) -> None:
    overrides = ["epochs=2", f"env.workspace={tmp_path}"]
    first, *_ = Experiment.create(PROJECT, overrides=overrides).plan.runs
    assert execute_run(first).status is RunStatus.COMPLETED
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        history = {(epoch, metric.type) for epoch, metric in db.get_epoch_history(1)}
        results = {metric.type for metric in db.get_results_metrics(1)}
    assert history >= {(0, "val_loss"), (1, "val_loss")}
    assert "test_loss" in results
