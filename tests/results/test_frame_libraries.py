"""The same frames of Arrow and Polars, and what happens where a library is missing."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.common.errors import MissingDependencyError
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results import Results, open_results

LAYERS = {"layers": [64, 32], "big": 2**70, "odd": [math.nan]}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Three runs: the first recorded a number, the second NaN, the last nothing."""
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small").id
        first, second, third = (db.start_trial_run(trial, n, seed=n).id for n in (1, 2, 3))
        db.record_trial_run_parameters(first, {"lr": 0.1, "flag": True, **LAYERS})
        db.record_epoch(first, 0, [MetricPoint("loss", 0.5, step=2**62 + 1)])
        db.record_epoch(second, 0, [MetricPoint("loss", math.nan)])
        db.update_trial_run_status(third, "completed")
    return open_results(tmp_path)


@pytest.fixture(scope="session")
def polars() -> Any:
    """The package, which sets a variable of the environment when it is imported."""
    return pytest.importorskip("polars")


def test_arrow_tells_nan_from_what_is_missing(results: Results) -> None:
    table = results.to_arrow().runs()
    first, second, third = table["metrics.loss"].to_pylist()
    assert (first, math.isnan(second), third) == (0.5, True, None)
    assert table["ended"].null_count == 2
    assert table["duration_s"].null_count == 2


def test_arrow_has_the_same_columns_with_types_of_its_own(results: Results) -> None:
    table = results.to_arrow().runs()
    assert table.column_names == list(results.runs().columns)
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["experiment"], types["run"], types["seed"]) == ("string", "int64", "int64")
    assert types["started"] == "timestamp[us, tz=UTC]"
    assert (types["params.lr"], types["params.flag"]) == ("double", "bool")
    long = results.to_arrow().metrics()
    assert long.column_names == list(results.metrics().columns)
    assert str(long.schema.field("metric").type).startswith("dictionary<values=string")


def test_arrow_has_parameters_of_any_type_as_json(results: Results) -> None:
    table = results.to_arrow().runs()
    assert json.loads(table["params.layers"][0].as_py()) == [64, 32]
    assert json.loads(table["params.big"][0].as_py()) == 2**70
    assert json.loads(table["params.odd"][0].as_py()) == [{"$float": "nan"}]
    assert table["params.layers"].null_count == 2


def test_an_empty_table_of_arrow_has_the_same_schema(results: Results) -> None:
    some = results.to_arrow()
    none = some.select("run = 99")
    assert none.metrics().num_rows == 0
    assert none.metrics().schema == some.metrics().schema
    assert none.artifacts().schema == some.artifacts().schema


def test_polars_has_the_same_rows(results: Results, polars: Any) -> None:
    frame = results.to_polars().metrics("loss")
    assert isinstance(frame, polars.DataFrame)
    assert frame["step"].to_list() == [2**62 + 1, None]
    assert list(map(str, frame["value"].to_list())) == ["0.5", "nan"]
    assert frame["trial"].to_list() == ["small", "small"]
    assert results.to_polars().runs()["metrics.loss"].null_count() == 1


def test_narrowing_keeps_the_library(results: Results) -> None:
    assert results.to_arrow().select("run = 1").runs().num_rows == 1


def test_a_library_that_is_missing_is_named(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingDependencyError, match=r"experiment-manager\[polars\]"):
        results.to_polars().runs()


def test_opening_results_loads_no_library_of_frames() -> None:
    script = (
        "import sys; from experiment_manager.results import open_results; "
        "sys.exit(len({'pandas', 'pyarrow', 'polars'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_room_has_no_other_names() -> None:
    script = "from experiment_manager.results import opened_results"
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert "cannot import name 'opened_results'" in done.stderr
