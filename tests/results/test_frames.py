"""Every frame says exactly what was recorded, from every database."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pandas as pd
import pytest

from experiment_manager.common.common import RunStatus
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.processes import ProcessIdentity
from experiment_manager.db.keys import run_owner
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results import Results, open_results
from experiment_manager.results.opened import FrameError
from experiment_manager.results.query import QuerySyntaxError
from experiment_manager.results.samples import UnknownFieldError

VANISHED = replace(ProcessIdentity.current(), pid=2**40)
TINY = 5e-324
THIRD = 1 / 3
LARGE_STEP = 2**62 + 1
LONG = ["experiment", "trial", "run", "id", "level", "epoch", "batch"]
CONFUSION = {"labels": ["cat", "dog"], "rows": [[3, 1], [0, 4]]}


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where a database is that :func:`fill` has filled."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('frames')}/experiments.db"
    else:
        url = request.getfixturevalue(request.param).create_database()
    with DatabaseManager.from_url(url) as db:
        fill(db)
    return str(url)


@pytest.fixture
def results(url: str) -> Results:
    return open_results(url)


def fill(db: DatabaseManager) -> None:
    """Two runs of one trial (the second was begun first), one of another, one set aside."""
    digits, empty = db.create_experiment("digits").id, db.create_experiment("empty").id
    small, large = (db.create_trial(digits, name).id for name in ("small", "large"))
    second = db.start_trial_run(small, 2, seed=2**62 + 1).id
    first = db.start_trial_run(small, 1, seed=1).id
    db.claim_trial_run(large, 1, VANISHED)
    lost = db.start_trial_run(large, 1).id
    db.record_trial_run_parameters(first, {"lr": 0.1, "layers": [64, 32], "big": 2**70, "n": 1})
    db.record_trial_run_parameters(second, {"lr": THIRD, "flag": True, "n": 0.5, "name": "adam"})
    db.record_trial_run_parameters(lost, {"lr": math.nan, "seed": 2**53 + 1, "decay": None})
    db.record_experiment_metrics(digits, [MetricPoint("budget", 10.0)])
    db.record_experiment_metrics(empty, [MetricPoint("budget", 20.0)])
    db.record_trial_metrics(small, [MetricPoint("mean_acc", 0.75)])
    db.record_epoch(first, 0, [MetricPoint("loss", THIRD, step=LARGE_STEP)])
    db.record_epoch(first, 0, [MetricPoint("loss", -0.0)])
    db.record_epoch(first, 1, [MetricPoint("acc", TINY)])
    db.record_epoch(second, 0, [MetricPoint("loss", math.nan), MetricPoint("acc", math.inf)])
    db.record_epoch(second, 7, [])
    db.record_batch(second, 7, 3, [MetricPoint("batch_loss", -math.inf)])
    labels = {"zero": math.nan, "a b": 0.5}
    db.record_results(first, [MetricPoint("acc", 0.9, labels), MetricPoint("f1", None, {"x": 1})])
    db.record_results(second, [MetricPoint("confusion", 0.875, CONFUSION)])
    register_artifacts(db, digits, small, first, second)
    db.add_tag([first], "paper")
    db.add_tag([first], "a tag")
    db.set_note(run_owner(first), "the best")
    db.update_trial_run_status(first, RunStatus.COMPLETED)
    db.update_trial_run_status(second, RunStatus.FAILED, "ValueError: 100%")
    aside = db.start_trial_run(small, 3).id
    db.record_epoch(aside, 0, [MetricPoint("loss", 0.125)])
    db.update_trial_run_status(aside, RunStatus.COMPLETED)
    db.archive_run(aside, "removed")


def register_artifacts(
    db: DatabaseManager, digits: int, small: int, first: int, second: int
) -> None:
    ids = [db.record_artifact("file", f"files/{n}.txt").id for n in range(6)]
    db.link_experiment_artifact(digits, ids[0])
    db.link_trial_artifact(small, ids[1])
    db.link_trial_run_artifact(second, ids[2])
    db.link_results_artifact(first, ids[3])
    db.link_epoch_artifact(1, first, ids[4])
    db.link_batch_artifact(3, 7, second, ids[5])


def rows(frame: Any, *columns: str) -> list[tuple[Any, ...]]:
    """Rows of plain values, None for whatever is missing."""
    plain = frame[list(columns)].astype(object)
    plain = plain.where(frame[list(columns)].notna(), None)
    return [tuple(row) for row in plain.itertuples(index=False)]


# A row for each run.


def test_runs_have_these_columns_in_this_order(results: Results) -> None:
    assert list(results.runs().columns) == [
        *("experiment", "trial", "run", "id", "status", "seed", "attempt", "started", "ended"),
        *("updated", "duration_s", "error", "reason", "note", "tags", "database"),
        *("params.big", "params.decay", "params.flag", "params.layers", "params.lr", "params.n"),
        *("params.name", "params.seed"),
        *("metrics.acc", "metrics.batch_loss", "metrics.confusion", "metrics.loss"),
    ]


def test_runs_stand_in_order_of_trial_and_number(results: Results) -> None:
    assert rows(results.runs(), "experiment", "trial", "run", "id") == [
        ("digits", "small", 1, 2),
        ("digits", "small", 2, 1),
        ("digits", "large", 1, 3),
    ]


def test_a_run_says_how_it_stands(results: Results, url: str) -> None:
    frame = results.runs()
    assert list(frame.status) == ["completed", "failed", "lost"]
    assert rows(frame, "seed", "attempt") == [(1, 1), (2**62 + 1, 1), (None, 1)]
    assert rows(frame, "error", "reason") == [
        (None, None),
        ("ValueError: 100%", "ValueError"),
        (None, None),
    ]
    assert rows(frame, "note", "tags") == [("the best", "a tag,paper"), (None, None), (None, None)]
    assert len(set(frame.database)) == 1
    with DatabaseManager.from_url(url, read_only=True) as db:
        run = db.get_trial_run(2)
    assert run is not None
    assert (frame.started[0], frame.ended[0]) == (run.start_time, run.end_time)
    assert frame.duration_s[0] == run.duration_s
    assert pd.isna(frame.ended[2])
    assert math.isnan(frame.duration_s[2])


def test_the_columns_of_runs_have_the_documented_types(results: Results) -> None:
    types = results.runs().dtypes.astype(str).to_dict()
    assert {types[name] for name in ("experiment", "trial", "status", "database", "tags")} == {
        "string"
    }
    assert (types["run"], types["id"], types["seed"]) == ("int64", "int64", "Int64")
    assert types["started"] == types["ended"] == types["updated"] == "datetime64[us, UTC]"
    assert types["duration_s"] == types["metrics.acc"] == "float64"


def test_a_parameter_keeps_its_type_where_one_holds_all_its_values(results: Results) -> None:
    frame = results.runs()
    types = {name: str(frame[f"params.{name}"].dtype) for name in ("lr", "n", "flag", "name")}
    assert types == {"lr": "float64", "n": "float64", "flag": "boolean", "name": "string"}
    assert frame["params.lr"].tolist()[:2] == [0.1, THIRD]
    assert frame["params.n"].tolist()[:2] == [1.0, 0.5]
    assert frame["params.seed"].dtype == "Int64"
    assert frame["params.seed"][2] == 2**53 + 1
    assert frame["params.big"].tolist() == [2**70, None, None]
    assert frame["params.layers"].tolist() == [[64, 32], None, None]
    assert frame["params.decay"].tolist() == [None, None, None]


def test_the_metrics_of_a_run_are_its_latest(results: Results) -> None:
    frame = results.runs()
    assert frame["metrics.acc"].tolist()[:2] == [0.9, math.inf]
    assert math.copysign(1, frame["metrics.loss"][0]) == -1
    assert frame["metrics.loss"].isna().tolist() == [False, True, True]


# A row for each number.


def test_the_numbers_of_every_level_stand_below_each_other(results: Results) -> None:
    frame = results.metrics()
    assert list(frame.columns) == [*LONG, "metric", "value", "step", "database"]
    assert rows(frame, *LONG, "metric") == [
        ("digits", None, None, None, "experiment", None, None, "budget"),
        ("digits", "small", None, None, "trial", None, None, "mean_acc"),
        ("digits", "small", 1, 2, "run", None, None, "acc"),
        ("digits", "small", 2, 1, "run", None, None, "confusion"),
        ("digits", "small", 1, 2, "epoch", 0, None, "loss"),
        ("digits", "small", 1, 2, "epoch", 0, None, "loss"),
        ("digits", "small", 1, 2, "epoch", 1, None, "acc"),
        ("digits", "small", 2, 1, "epoch", 0, None, "loss"),
        ("digits", "small", 2, 1, "epoch", 0, None, "acc"),
        ("digits", "small", 2, 1, "batch", 7, 3, "batch_loss"),
    ]


def test_numbers_are_bit_for_bit_what_was_recorded(results: Results) -> None:
    values = results.metrics(level=["epoch", "batch"]).value.tolist()
    expected = [THIRD, -0.0, TINY, math.nan, math.inf, -math.inf]
    assert list(map(float.hex, values)) == list(map(float.hex, expected))


def test_steps_are_exact_and_may_be_missing(results: Results) -> None:
    frame = results.metrics("loss")
    assert rows(frame, "step") == [(LARGE_STEP,), (None,), (None,)]


def test_the_columns_of_metrics_have_the_documented_types(results: Results) -> None:
    types = results.metrics().dtypes.astype(str).to_dict()
    categories = ("experiment", "trial", "level", "metric", "database")
    assert {types.pop(name) for name in categories} == {"category"}
    assert types.pop("value") == "float64"
    assert set(types.values()) == {"Int64"}


def test_metrics_are_chosen_by_name_and_level(results: Results) -> None:
    assert results.metrics("acc").value.tolist() == [0.9, TINY, math.inf]
    assert results.metrics(["acc", "loss"], level="run").metric.tolist() == ["acc"]
    assert set(results.metrics(level=("run", "trial")).level) == {"run", "trial"}


# A row for each epoch.


def test_an_epoch_has_what_was_recorded_last_in_it(results: Results) -> None:
    frame = results.epochs()
    assert list(frame.columns) == [
        *("experiment", "trial", "run", "id", "epoch", "time", "database"),
        *("metrics.acc", "metrics.loss"),
    ]
    assert rows(frame, "run", "epoch", "metrics.acc", "metrics.loss") == [
        (1, 0, None, 0.0),
        (1, 1, TINY, None),
        (2, 0, math.inf, None),
        (2, 7, None, None),
    ]
    assert math.copysign(1, frame["metrics.loss"][0]) == -1
    assert frame.epoch.dtype == "int64"
    age = datetime.now(timezone.utc) - frame.time[0]
    assert 0 <= age.total_seconds() < 3600


def test_metrics_that_are_named_have_a_column_in_any_case(results: Results) -> None:
    columns = list(results.epochs(["loss", "budget"]).columns)
    assert columns[-2:] == ["metrics.budget", "metrics.loss"]
    none = results.select("run = 99").epochs("loss")
    assert (len(none), list(none.columns)[-1]) == (0, "metrics.loss")


# Labels, matrices, files.


def test_each_label_has_a_row(results: Results) -> None:
    frame = results.per_label()
    assert list(frame.columns) == [*LONG, "metric", "label", "value", "step", "database"]
    assert rows(frame, "run", "level", "metric", "label") == [
        (1, "run", "acc", "zero"),
        (1, "run", "acc", "a b"),
        (1, "run", "f1", "x"),
    ]
    assert frame.value.tolist()[1:] == [0.5, 1.0]
    assert math.isnan(frame.value[0])
    assert results.per_label("f1").label.tolist() == ["x"]


def test_each_cell_of_a_matrix_has_a_row(results: Results) -> None:
    frame = results.confusion()
    assert list(frame.columns) == [
        *LONG,
        "metric",
        "true",
        "predicted",
        "value",
        "step",
        "database",
    ]
    assert rows(frame, "run", "true", "predicted", "value") == [
        (2, "cat", "cat", 3.0),
        (2, "cat", "dog", 1.0),
        (2, "dog", "cat", 0.0),
        (2, "dog", "dog", 4.0),
    ]


def test_each_file_has_a_row(results: Results) -> None:
    frame = results.artifacts()
    assert list(frame.columns) == [*LONG, "type", "location", "database"]
    assert rows(frame, *LONG[1:], "location") == [
        (None, None, None, "experiment", None, None, "files/0.txt"),
        ("small", None, None, "trial", None, None, "files/1.txt"),
        ("small", 1, 2, "run", None, None, "files/3.txt"),
        ("small", 2, 1, "run", None, None, "files/2.txt"),
        ("small", 1, 2, "epoch", 1, None, "files/4.txt"),
        ("small", 2, 1, "batch", 7, 3, "files/5.txt"),
    ]
    assert results.artifacts(level="epoch").location.tolist() == ["files/4.txt"]


# Which runs.


def test_queries_narrow_every_frame(results: Results) -> None:
    chosen = results.select("trial = small").select("params.lr > 0.2")
    assert chosen.runs().run.tolist() == [2]
    assert set(chosen.metrics(level=["run", "epoch", "batch"]).run) == {2}
    assert chosen.epochs().epoch.tolist() == [0, 7]
    assert chosen.per_label().empty
    assert len(chosen.artifacts(level="trial")) == 1
    assert results.select("status = lost").runs().run.tolist() == [1]
    assert len(results.runs()) == 3


@pytest.mark.parametrize("frame", ["metrics", "per_label", "confusion", "artifacts"])
def test_a_query_that_finds_nothing_gives_the_same_columns(results: Results, frame: str) -> None:
    some, none = (getattr(one, frame)() for one in (results, results.select("run = 99")))
    assert none.empty
    assert list(none.columns) == list(some.columns)
    assert none.dtypes.astype(str).tolist() == some.dtypes.astype(str).tolist()


def test_no_runs_have_the_fixed_columns(results: Results) -> None:
    none = results.select("run = 99").runs()
    assert none.empty
    assert list(none.columns) == list(results.runs().columns[:16])
    assert none.dtypes.tolist() == results.runs().dtypes.tolist()[:16]
    assert list(results.select("run = 99").epochs().columns) == list(results.epochs().columns[:7])


def test_runs_that_were_set_aside_are_there_where_they_are_asked_for(url: str) -> None:
    aside = open_results(url, archived=True)
    assert rows(aside.runs(), "run", "status", "metrics.loss") == [(3, "completed", 0.125)]
    assert aside.metrics(level="epoch").value.tolist() == [0.125]


@pytest.mark.parametrize("frame", ["metrics", "epochs", "per_label", "confusion"])
def test_a_metric_that_does_not_exist_is_refused(results: Results, frame: str) -> None:
    with pytest.raises(UnknownFieldError, match=r"no metric 'los' in .*Did you mean 'loss'"):
        getattr(results, frame)("los")


def test_what_cannot_be_asked_for_is_refused(results: Results) -> None:
    with pytest.raises(FrameError, match=r"no level 'epocs'\. Did you mean 'epoch'"):
        results.metrics(level="epocs")
    with pytest.raises(FrameError, match="points must be 4 or more, not 3"):
        results.metrics(points=3)
    with pytest.raises(QuerySyntaxError):
        results.select("sed = 1")
