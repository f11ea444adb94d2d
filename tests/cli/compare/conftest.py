"""Databases in a folder, whose runs are recorded by hand, and the commands that compare them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.main import commands
from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import to_points
from experiment_manager.db.manager import DatabaseManager

EVEN = ((9, 1), (1, 9))


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Calls a command in the test's folder, as on a terminal of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments: CliRunner().invoke(commands, arguments, prog_name="em")


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., None]:
    """Records the runs of a trial of ``digits``, their seeds from 0; None for one that failed.

    Each has ``test_acc``, a per-label ``recall``, and a ``confusion`` of cats and dogs, in which
    runs with an odd seed take a cat more for a dog.
    """

    def runs(
        database: str,
        trial: str,
        values: Sequence[float | None],
        confusion: Sequence[Sequence[int]] = EVEN,
        **params: Any,
    ) -> None:
        with DatabaseManager(str(tmp_path / database), use_sqlite=True) as db:
            trial_id = db.create_trial(db.create_experiment("digits").id, trial).id
            for seed, value in enumerate(values):
                run = db.start_trial_run(trial_id, seed + 1, seed=seed).id
                db.record_trial_run_parameters(run, params)
                if value is None:
                    db.update_trial_run_status(run, RunStatus.FAILED, "ValueError: no")
                    continue
                (cats, cats_as_dogs), dogs = confusion
                rows = [[cats - seed % 2, cats_as_dogs + seed % 2], list(dogs)]
                results: dict[Any, Any] = {
                    "test_acc": value,
                    "recall": {"cat": value, "dog": 1 - value},
                    "confusion": {"labels": ["cat", "dog"], "rows": rows},
                }
                db.record_results(run, to_points(results))
                file = db.record_artifact("checkpoint", f"{trial}/{seed}.pt")
                db.link_trial_run_artifact(run, file.id)
                db.update_trial_run_status(run, RunStatus.COMPLETED)

    return runs
