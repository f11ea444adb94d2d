"""Wherever runs are executed, equal seeds give equal rows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.experiment import Experiment
from experiment_manager.testing.configs import write_configs
from experiment_manager.testing.contents import recorded_rows

HERE = Path(__file__).parent
_OF_PLACE = {"SNAPSHOT", "TRIAL_RUN_SNAPSHOT"}  # they tell of folders


def rows_by(folder: Path, executor: Any) -> dict[str, list[str]]:
    """The rows of an experiment that is executed so; in which order is not for sure."""
    write_configs(
        folder,
        trials=[{"name": "small", "repeat": 3}, {"name": "large", "repeat": 2}],
        base={"pipeline": "parallel_training:Training", "ends": "well"},
        env={"executor": executor},
    )
    shutil.copy(HERE / "parallel_training.py", folder)
    experiment = Experiment.create(folder)
    summary = experiment.run()
    assert len(experiment.results) == 5
    assert all(result.status.is_success for result in experiment.results), experiment.results
    assert summary.trials
    rows = recorded_rows(experiment.database_url)
    assert len(rows["METRIC"]) == 5 * (3 * 2 + 1)
    text = str(folder)
    return {
        table: sorted(repr(row).replace(text, "") for row in found)
        for table, found in rows.items()
        if table not in _OF_PLACE
    }


@pytest.fixture(scope="module")
def by_serial(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return rows_by(tmp_path_factory.mktemp("serial"), "serial")


@pytest.mark.parametrize("isolation", ["worker", "process"])
def test_local_processes(tmp_path: Path, by_serial: dict[str, list[str]], isolation: str) -> None:
    executor = {"type": "local", "max_workers": 2, "isolation": isolation}
    assert rows_by(tmp_path, executor) == by_serial


def test_jobs_of_submitit(tmp_path: Path, by_serial: dict[str, list[str]]) -> None:
    executor = {"type": "slurm", "max_workers": 2, "cluster": "local"}
    assert rows_by(tmp_path, executor) == by_serial


@pytest.mark.usefixtures("ray_cluster")
def test_ray(tmp_path: Path, by_serial: dict[str, list[str]]) -> None:
    assert rows_by(tmp_path, "ray") == by_serial
