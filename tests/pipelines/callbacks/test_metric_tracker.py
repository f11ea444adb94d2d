"""The CSV file of a run's course."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.common import Metric, RunStatus
from experiment_manager.environment import Environment
from experiment_manager.pipelines.callbacks.callback import Callback
from experiment_manager.pipelines.callbacks.metric_tracker import MetricsTracker
from experiment_manager.testing.callback_contract import ScriptedPipeline

Query = Callable[[Path, str], list[tuple[Any, ...]]]
Rows = list[list[str]]


def table(env: Environment) -> Rows:
    with (env.artifact_dir / "metrics.log").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def train(env: Environment, epochs: list[Any], *others: Callback) -> RunStatus:
    pipeline = ScriptedPipeline(env, epochs)
    pipeline.register_callback(MetricsTracker(env=env))
    for other in others:
        pipeline.register_callback(other)
    return pipeline.run(None)


def test_a_row_for_each_epoch_then_the_final_values(env: Environment) -> None:
    train(env, [{Metric.TRAIN_LOSS: 0.5, "f1": 1}, {Metric.TRAIN_LOSS: 0.25, "f1": 2}])
    assert table(env) == [
        ["type", "epoch", "train_loss", "f1", "test_acc"],
        ["EPOCH", "0", "0.5", "1.0", ""],
        ["EPOCH", "1", "0.25", "2.0", ""],
        ["FINAL", "", "", "", "0.9"],
    ]


def test_each_row_is_there_right_after_its_epoch(env: Environment) -> None:
    seen: list[Rows] = []

    class Looks(Callback):
        def on_start(self) -> None:
            seen.append(table(env))

        def on_epoch_end(self, epoch_idx: int, metrics: Mapping[Any, Any]) -> None:
            seen.append(table(env))

    train(env, [{"loss": 1}, {"loss": 2}], Looks())
    assert seen == [
        [["type", "epoch"]],
        [["type", "epoch", "loss"], ["EPOCH", "0", "1.0"]],
        [["type", "epoch", "loss"], ["EPOCH", "0", "1.0"], ["EPOCH", "1", "2.0"]],
    ]


def test_a_metric_that_comes_late_gets_a_column_that_was_empty_before(env: Environment) -> None:
    train(env, [{"a": 1}, {"a": 1, "b": 2}, {"b": 3}])
    assert table(env)[:4] == [
        ["type", "epoch", "a", "b", "test_acc"],
        ["EPOCH", "0", "1.0", "", ""],
        ["EPOCH", "1", "1.0", "2.0", ""],
        ["EPOCH", "2", "", "3.0", ""],
    ]


def test_a_label_has_a_column_of_its_own(env: Environment) -> None:
    train(env, [{"acc": {"cat": 0.5, "dog": 1.0}, Metric.CONFUSION: [[1]]}])
    assert table(env)[0][:4] == ["type", "epoch", "acc/cat", "acc/dog"]
    assert table(env)[1][:4] == ["EPOCH", "0", "0.5", "1.0"]


def test_odd_names_are_quoted(env: Environment) -> None:
    names = ["a, b", 'the "best"', "two\nlines", "größe 🎯"]
    train(env, [dict.fromkeys(names, 1.0)])
    assert table(env)[0][2:6] == names
    assert all(len(row) == 7 for row in table(env))


@pytest.mark.parametrize("name", ["type", "epoch"])
def test_a_metric_named_like_a_fixed_column_does_not_spoil_it(env: Environment, name: str) -> None:
    train(env, [{name: 7.0}])
    assert table(env)[1][:2] == ["EPOCH", "0"]


def test_an_epoch_without_metrics_is_a_row_too(env: Environment) -> None:
    train(env, [{}, {"a": 1}])
    assert table(env)[1] == ["EPOCH", "0", "", ""]


def test_nan_is_written_as_such(env: Environment) -> None:
    train(env, [{"loss": float("nan"), "top": float("inf")}])
    assert table(env)[1][2:4] == ["nan", "inf"]


def test_numbers_keep_all_their_digits(env: Environment) -> None:
    train(env, [{"loss": 0.1 + 0.2}])
    assert table(env)[1][2] == "0.30000000000000004"


def test_a_failed_run_has_its_epochs_and_a_final_row(env: Environment) -> None:
    assert train(env, [{"loss": 1}, ValueError("x")]) is RunStatus.FAILED
    assert [row[0] for row in table(env)] == ["type", "EPOCH", "FINAL"]


def test_a_second_run_begins_an_empty_file(env: Environment) -> None:
    train(env, [{"old": 1}])
    train(env, [{"new": 1}])
    assert table(env)[0] == ["type", "epoch", "new", "test_acc"]


def test_the_file_is_an_artifact_of_the_run(env: Environment, query: Query) -> None:
    train(env, [{"loss": 1}])
    sql = (
        "SELECT a.type, a.location FROM TRIAL_RUN_ARTIFACT l JOIN ARTIFACT a "
        "ON a.id = l.artifact_id"
    )
    assert query(env.workspace, sql) == [("metrics", "artifacts/metrics.log")]
