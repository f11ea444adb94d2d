"""What goes into the database comes out the same, and what a dead attempt left is gone."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager, QueryError
from experiment_manager.db.rows import TrialRunRow

Rows = Callable[..., list[tuple[Any, ...]]]

HISTORY_TABLES = (
    "RESULTS", "EPOCH", "BATCH", "METRIC", "ARTIFACT", "TRIAL_RUN_PARAMETER", "TRIAL_RUN_ARTIFACT",
    "RESULTS_METRIC", "RESULTS_ARTIFACT", "EPOCH_METRIC", "EPOCH_ARTIFACT", "BATCH_METRIC",
    "BATCH_ARTIFACT",
)  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """Equal in value and type, where NaN equals NaN."""
    return repr(one) == repr(other)


@pytest.mark.parametrize(
    "value", [0.1, 0.0, 5e-324, 1.7976931348623157e308, math.nan, math.inf, -math.inf, None]
)
def test_a_total_comes_back_exactly(
    db: DatabaseManager, run: TrialRunRow, value: float | None
) -> None:
    db.record_results(run.id, [MetricPoint("loss", value, {"a": 1.0})])
    (metric,) = db.get_results_metrics(run.id)
    assert same(metric.total_val, value)


@pytest.mark.parametrize(
    "per_label",
    [
        {"cat": 0.1, "dog": math.nan, "eel": math.inf, "fox": -math.inf},
        {"labels": ["0", "1"], "rows": [[50.0, 1.0], [math.nan, 2.0]]},
        {"it's": 1.0, 'a "b"': 2.0, "🦊": 3.0, "": 4.0, "a\\b\n%": 5.0},
        {"many": 2**63 + 1, "few": -(2**40)},
        {},
    ],
)
def test_values_by_label_come_back_exactly(
    db: DatabaseManager, run: TrialRunRow, per_label: dict[str, Any]
) -> None:
    db.record_epoch(run.id, 1, [MetricPoint("acc", None, per_label)])
    (metric,) = db.get_epoch_metrics(1, run.id)
    assert metric.total_val is None
    assert same(metric.per_label_val, per_label)


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 0, 1, 1.0, 0.001, 2**40, 2**64 + 1, 10**400, math.nan, -math.inf,
        "", "1", "1.0", "null", "NaN", "😀 it's \"quoted\"", [64, 32.0, [None]], {"a": {"b": 1}},
        {"$float": "nan"}, {"$float": "abc"}, {"$float": {"$float": math.nan}}, {"$float": [1]},
    ],
)  # fmt: skip
def test_a_parameter_comes_back_exactly(db: DatabaseManager, run: TrialRunRow, value: Any) -> None:
    db.record_trial_run_parameters(run.id, {"it": value})
    assert same(db.get_trial_run_parameters(run.id), {"it": value})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([[1, 2]]), [[1, 2]]),
        ((1, 2), [1, 2]),
        (OmegaConf.create({"layers": [64, 32]}), {"layers": [64, 32]}),
        (Path("a/b"), str(Path("a/b"))),
        (b"raw", "b'raw'"),
    ],
)
def test_a_parameter_of_another_type_is_kept_as_the_nearest_plain_one(
    db: DatabaseManager, run: TrialRunRow, given: Any, kept: Any
) -> None:
    db.record_trial_run_parameters(run.id, {"it": given})
    assert same(db.get_trial_run_parameters(run.id), {"it": kept})


@pytest.mark.usefixtures("run")
def test_a_parameter_can_be_compared_as_a_number(db: DatabaseManager, rows: Rows) -> None:
    given = {"lr": 0.1, "depth": np.int64(3), "on": True, "name": "sgd", "nan": math.nan}
    db.record_trial_run_parameters(1, given)
    numbers = rows("SELECT name, number FROM TRIAL_RUN_PARAMETER ORDER BY name")
    assert dict(numbers) == {"depth": 3.0, "lr": 0.1, "on": 1.0, "name": None, "nan": None}


def test_a_parameter_again_replaces_its_value(db: DatabaseManager, run: TrialRunRow) -> None:
    db.record_trial_run_parameters(run.id, {"lr": 0.1, "depth": 3})
    db.record_trial_run_parameters(run.id, {"lr": 0.2})
    db.record_trial_run_parameters(run.id, {})
    assert db.get_trial_run_parameters(run.id) == {"lr": 0.2, "depth": 3}


def test_each_level_has_parameters_of_its_own(db: DatabaseManager, run: TrialRunRow) -> None:
    db.record_experiment_parameters(1, {"a": 1})
    db.record_trial_parameters(run.trial_id, {"a": 2})
    db.record_trial_run_parameters(run.id, {"a": 3})
    assert db.get_experiment_parameters(1) == {"a": 1}
    assert db.get_trial_parameters(run.trial_id) == {"a": 2}
    assert db.get_trial_run_parameters(run.id) == {"a": 3}


def test_names_come_back_exactly(db: DatabaseManager) -> None:
    title, name = 'it\'s "the" 🦊; DROP TABLE METRIC --', "naïve/网络 %s :x"
    experiment = db.create_experiment(title, "line 1\nline 2 💥" * 10_000)
    assert db.find_experiment(title) == experiment
    db.create_trial(experiment.id, name)
    assert [trial.name for trial in db.list_trials(experiment.id)] == [name]


def test_integers_beyond_32_bits_come_back_exactly(db: DatabaseManager, run: TrialRunRow) -> None:
    again = db.start_trial_run(run.trial_id, 2, seed=2**62)
    db.record_epoch(again.id, 1, [MetricPoint("loss", 1.0, step=2**40)])
    assert again.seed == 2**62
    assert db.get_epoch_metrics(1, again.id)[0].step == 2**40


@pytest.mark.parametrize("value", ["0.5", "abc", [1.0], np.array([1.0, 2.0]), 10**400, object()])
def test_a_metric_that_is_no_number_is_refused(db: DatabaseManager, value: Any) -> None:
    with pytest.raises(QueryError, match="the metric 'loss' must be a number"):
        db.record_metric(value, "loss")


def test_a_metric_may_be_a_number_of_numpy(db: DatabaseManager, run: TrialRunRow) -> None:
    half: Any = np.float32(0.5)
    metric = db.record_metric(half, "loss", {"a": np.float32(0.25)})
    db.add_results_metric(run.id, metric.id)
    (found,) = db.get_results_metrics(run.id)
    assert same((found.total_val, found.per_label_val), (0.5, {"a": 0.25}))


def test_a_value_that_the_driver_cannot_store_is_a_query_error(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    with pytest.raises(QueryError, match="start_trial_run"):
        db.start_trial_run(run.trial_id, 2, seed=2**64)
    with pytest.raises(QueryError, match="surrogates"):
        db.update_trial_run_status(run.id, "failed", error="\ud800")


def test_metrics_keep_the_order_in_which_they_were_given(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    names = [f"metric_{number}" for number in (3, 1, 2, 5, 4)]
    db.record_epoch(run.id, 1, [MetricPoint(name, float(i)) for i, name in enumerate(names)])
    found = db.get_epoch_metrics(1, run.id)
    assert [(metric.type, metric.total_val) for metric in found] == list(
        zip(names, map(float, range(5)), strict=True)
    )


def test_an_epoch_is_recorded_with_all_of_its_metrics_or_not_at_all(
    db: DatabaseManager, run: TrialRunRow, rows: Rows
) -> None:
    no_number: Any = "high"
    with pytest.raises(QueryError):
        db.record_epoch(run.id, 1, [MetricPoint("loss", 1.0), MetricPoint("acc", no_number)])
    assert db.list_epochs(run.id) == []
    assert rows("SELECT * FROM METRIC") == []


def test_an_epoch_takes_more_metrics_later(db: DatabaseManager, run: TrialRunRow) -> None:
    db.record_epoch(run.id, 1, [MetricPoint("loss", 1.0)])
    db.record_epoch(run.id, 1, [MetricPoint("acc", 0.5)])
    db.record_epoch(run.id, 1, [])
    assert [metric.type for metric in db.get_epoch_metrics(1, run.id)] == ["loss", "acc"]


def test_a_batch_makes_its_epoch(db: DatabaseManager, run: TrialRunRow) -> None:
    db.record_batch(run.id, 2, 9, [MetricPoint("loss", 1.0)])
    assert [epoch.idx for epoch in db.list_epochs(run.id)] == [2]
    assert [metric.type for metric in db.get_batch_metrics(9, 2, run.id)] == ["loss"]


def fill(db: DatabaseManager, run_id: int) -> None:
    """A row in every table of a run's history."""
    point = [MetricPoint("loss", 1.0)]
    db.record_epoch(run_id, 1, point)
    db.record_batch(run_id, 1, 1, point)
    db.record_results(run_id, point)
    db.record_trial_run_parameters(run_id, {"lr": 0.1})
    db.link_trial_run_artifact(run_id, db.record_artifact("log", "run.log").id)
    db.link_results_artifact(run_id, db.record_artifact("plot", "end.png").id)
    db.link_epoch_artifact(1, run_id, db.record_artifact("model", "1.pt").id)
    db.link_batch_artifact(1, 1, run_id, db.record_artifact("debug", "1-1.txt").id)


def test_starting_again_is_the_next_attempt_of_the_same_run(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    db.update_trial_run_status(run.id, "failed", "Traceback ...")
    again = db.start_trial_run(run.trial_id, 1, seed=8, config_hash="def")
    assert (again.id, again.attempt, again.status) == (run.id, 2, "running")
    assert (again.seed, again.config_hash) == (8, "def")
    assert (again.end_time, again.error, again.reason) == (None, None, None)
    assert again.start_time > run.start_time


def test_starting_again_leaves_no_row_of_the_dead_attempt(
    db: DatabaseManager, run: TrialRunRow, rows: Rows
) -> None:
    fill(db, run.id)
    db.start_trial_run(run.trial_id, 1)
    assert {table: rows(f"SELECT * FROM {table}") for table in HISTORY_TABLES} == {
        table: [] for table in HISTORY_TABLES
    }


def test_starting_again_leaves_the_rows_of_others(
    db: DatabaseManager, run: TrialRunRow, rows: Rows
) -> None:
    other = db.start_trial_run(run.trial_id, 2)
    fill(db, other.id)
    before = {table: rows(f"SELECT * FROM {table}") for table in HISTORY_TABLES}
    fill(db, run.id)
    db.start_trial_run(run.trial_id, 1)
    assert {table: rows(f"SELECT * FROM {table}") for table in HISTORY_TABLES} == before


def test_starting_again_keeps_what_the_experiment_holds_too(
    db: DatabaseManager, run: TrialRunRow
) -> None:
    model, best = db.record_artifact("model", "best.pt"), db.record_metric(0.1, "best_loss")
    db.create_epoch(1, run.id)
    db.link_epoch_artifact(1, run.id, model.id)
    db.link_experiment_artifact(1, model.id)
    db.add_epoch_metric(1, run.id, best.id)
    db.add_trial_metric(run.trial_id, best.id)
    db.start_trial_run(run.trial_id, 1)
    assert db.get_experiment_artifacts(1) == [model]
    assert db.get_trial_metrics(run.trial_id) == [best]


def test_starting_again_copes_with_a_long_history(
    db: DatabaseManager, run: TrialRunRow, rows: Rows
) -> None:
    points = [MetricPoint(f"metric_{number}", 1.0) for number in range(50)]
    for epoch in range(50):
        db.record_epoch(run.id, epoch, points)
    db.start_trial_run(run.trial_id, 1)
    assert rows("SELECT COUNT(*) FROM METRIC") == [(0,)]


RECORD_THEN_HANG = """
import sys
from experiment_manager.db.manager import DatabaseManager, MetricPoint

db = DatabaseManager(sys.argv[1], use_sqlite=True)
trial = db.create_trial(db.create_experiment("digits").id, "small")
run = db.start_trial_run(trial.id, 1)
for epoch in range(5):
    db.record_epoch(run.id, epoch, [MetricPoint("loss", float(epoch)), MetricPoint("acc", 0.5)])
print("recorded", flush=True)
with db.transaction():
    db.create_epoch(5, run.id)
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_keeps_every_epoch_whose_call_had_returned(file: Path) -> None:
    command = [sys.executable, "-c", RECORD_THEN_HANG, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == [b"recorded\n", b"open\n"]
        os.kill(process.pid, signal.SIGKILL)
    with DatabaseManager(str(file), use_sqlite=True) as db:
        history = [(epoch, metric.type) for epoch, metric in db.get_epoch_history(1)]
        assert [epoch.idx for epoch in db.list_epochs(1)] == [0, 1, 2, 3, 4]
    assert history == [(epoch, name) for epoch in range(5) for name in ("loss", "acc")]
