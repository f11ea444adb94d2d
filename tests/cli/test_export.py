"""``export`` writes runs, or the metrics of their epochs, as CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli import row_files
from experiment_manager.cli.commands_inspect import export
from experiment_manager.cli.row_files import Rows, write_csv, write_json_lines, write_parquet
from experiment_manager.common.errors import ConnectionError, MissingDependencyError  # noqa: A004
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.query import QuerySyntaxError

Call = Callable[..., Result]

RUN_COLUMNS = [
    *("experiment", "trial", "run", "id", "status", "seed", "attempt"),
    *("started", "ended", "updated", "duration_s", "error", "reason", "note", "tags", "database"),
    *("params.lr", "params.units", "metrics.acc", "metrics.loss"),
]
EPOCH_COLUMNS = ["experiment", "trial", "run", "epoch", "metric", "value", "step"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with two experiments, each in a database of its own."""
    for title in ("digits", "dogs"):
        file = tmp_path / "outputs" / title / "experiments.db"
        with DatabaseManager(str(file), use_sqlite=True) as db, db.transaction():
            fill(db, title)
    return tmp_path


def fill(db: DatabaseManager, title: str) -> None:
    trial = db.create_trial(db.create_experiment(title).id, "small").id
    for number in (1, 2):
        run = db.start_trial_run(trial, number, seed=number).id
        db.record_trial_run_parameters(run, {"lr": 0.1 / number, "units": [8, 8]})
        db.record_epoch(run, 0, [MetricPoint("loss", 1 / 3, None, 10)])
        db.record_epoch(run, 1, [MetricPoint("loss", math.nan), MetricPoint("acc", 1)])
    db.update_trial_run_status(1, "failed", "Traceback:\n\tsays 'ü', \"no\"")


@pytest.fixture
def call(place: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls ``export`` in that folder."""
    monkeypatch.chdir(place)
    return lambda *arguments: CliRunner().invoke(export, arguments)


def printed(done: Result) -> list[dict[str, str]]:
    """The rows of the CSV on standard output."""
    assert done.exit_code == 0, done.output
    return list(csv.DictReader(io.StringIO(done.stdout)))


# Runs.


def test_a_run_is_a_row_with_its_parameters_and_metrics_as_columns(call: Call) -> None:
    first, *others = printed(call("--to", "-"))
    assert len(others) == 3
    assert list(first) == RUN_COLUMNS
    assert (first["experiment"], first["trial"], first["run"]) == ("digits", "small", "1")
    assert (first["params.lr"], first["params.units"]) == ("0.1", "[8, 8]")
    assert (first["metrics.acc"], first["metrics.loss"]) == ("1.0", "nan")
    assert first["database"] == "outputs/digits/experiments.db"


def test_a_query_chooses_the_runs(call: Call) -> None:
    found = printed(call("experiment = dogs", "and run", ">", "1", "--to", "-"))
    assert [(row["experiment"], row["run"]) for row in found] == [("dogs", "2")]


def test_what_a_run_does_not_have_is_empty(call: Call) -> None:
    (found,) = printed(call("run = 2 and experiment = digits", "--to", "-"))
    assert (found["ended"], found["error"]) == ("", "")


def test_a_text_of_many_lines_is_one_cell(call: Call) -> None:
    found = printed(call("status = failed", "--to", "-"))
    assert found[0]["error"] == "Traceback:\n\tsays 'ü', \"no\""


def test_no_run_is_a_head_without_rows(call: Call) -> None:
    done = call("run = 7", "--to", "-")
    assert done.stdout.split(",")[:2] == ["experiment", "trial"]
    assert done.stdout.count("\n") == 1


def test_a_query_that_cannot_be_understood_writes_nothing(call: Call) -> None:
    done = call("stat = failed", "--to", "runs.csv")
    assert isinstance(done.exception, QuerySyntaxError)
    assert not Path("runs.csv").exists()


# Epochs.


def test_with_epochs_each_metric_of_each_epoch_is_a_row(call: Call) -> None:
    found = printed(call("run = 1", "--epochs", "--to", "-"))
    assert list(found[0]) == EPOCH_COLUMNS
    assert [tuple(row.values()) for row in found[:3]] == [
        ("digits", "small", "1", "0", "loss", "0.3333333333333333", "10"),
        ("digits", "small", "1", "1", "loss", "nan", ""),
        ("digits", "small", "1", "1", "acc", "1.0", ""),
    ]
    assert [row["experiment"] for row in found[3:]] == ["dogs"] * 3


# Files.


def test_export_says_how_much_it_wrote(call: Call) -> None:
    assert call("--to", "runs.csv").stdout == "Wrote 4 runs to runs.csv\n"
    assert call("run = 1", "--epochs", "--to", "a.csv").stdout == "Wrote 6 rows to a.csv\n"


def test_json_lines_have_the_same_columns_in_every_line(call: Call) -> None:
    assert call("--to", "runs.jsonl").exit_code == 0
    lines = Path("runs.jsonl").read_text(encoding="utf-8").splitlines()
    first, second = map(json.loads, lines[:2])
    assert list(first) == list(second) == RUN_COLUMNS
    assert (first["params.units"], first["metrics.loss"]) == ([8, 8], "nan")
    assert (second["ended"], second["metrics.acc"]) == (None, 1.0)


def test_parquet_has_typed_columns(call: Call) -> None:
    pandas = pytest.importorskip("pandas")
    assert call("--to", "runs.parquet").exit_code == 0
    frame = pandas.read_parquet("runs.parquet")
    assert list(frame.columns) == RUN_COLUMNS
    assert list(frame["params.lr"]) == [0.1, 0.05] * 2
    assert list(frame["params.units"]) == ["[8, 8]"] * 4
    assert frame["started"][0].utcoffset() == timedelta(0)
    assert frame["metrics.loss"].isna().all()


def test_parquet_takes_the_history_of_epochs(call: Call) -> None:
    pandas = pytest.importorskip("pandas")
    assert call("--epochs", "--to", "history.parquet").exit_code == 0
    frame = pandas.read_parquet("history.parquet")
    assert list(frame.columns) == EPOCH_COLUMNS
    assert frame["value"].sum() == pytest.approx(4 * (1 / 3 + 1))


def test_a_format_can_be_chosen_for_standard_output(call: Call) -> None:
    done = call("run = 1", "--to", "-", "--format", "jsonl")
    assert [json.loads(line)["run"] for line in done.stdout.splitlines()] == [1, 1]


def test_a_file_whose_name_tells_no_format_is_refused(call: Call) -> None:
    done = call("--to", "runs.xlsx")
    assert done.exit_code == 2
    assert ".csv, .jsonl, .parquet" in " ".join(done.stderr.split())


def test_a_file_that_cannot_be_written_is_named(call: Call) -> None:
    Path("taken").touch()
    done = call("--to", "taken/runs.csv")
    assert done.exit_code != 0
    assert "taken/runs.csv" in done.stderr


def test_an_export_that_breaks_off_leaves_the_old_file(call: Call) -> None:
    Path("history.csv").write_text("old", encoding="utf-8")
    Path("outputs/dogs/experiments.db").write_bytes(b"no database" * 99)
    done = call("--epochs", "--to", "history.csv")
    assert isinstance(done.exception, ConnectionError)
    assert Path("history.csv").read_text(encoding="utf-8") == "old"
    assert [file.name for file in Path().glob("*history*")] == ["history.csv"]


def test_parquet_without_pyarrow_names_the_install_command(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = call("--to", "runs.parquet")
    assert isinstance(done.exception, MissingDependencyError)
    assert "pip install 'experiment-manager[parquet]'" in str(done.exception)
    assert not Path("runs.parquet").exists()


# Rows.


def written(write: Callable[[Rows, Any], None], rows: Rows) -> bytes:
    sink = io.BytesIO()
    write(rows, sink)
    return sink.getvalue()


def test_values_of_many_types_are_json_where_a_column_has_one_type() -> None:
    pandas = pytest.importorskip("pandas")
    values = [None, 1, "auto", True, 0.5, {"a": [math.inf]}]
    rows = Rows({"mixed": str}, [[value] for value in values])
    frame = pandas.read_parquet(io.BytesIO(written(write_parquet, rows)))
    assert list(frame["mixed"])[1:] == ["1", "auto", "true", "0.5", '{"a": ["inf"]}']
    assert frame["mixed"].isna()[0]


@pytest.mark.parametrize("write", [write_csv, write_json_lines])
def test_rows_are_written_as_they_come(write: Callable[[Rows, Any], None]) -> None:
    sink = io.BytesIO()
    seen = []

    def make() -> Any:
        for number in range(20_000):
            seen.append(sink.tell())
            yield [number]

    write(Rows({"number": int}, make()), sink)
    assert 0 < seen[-1] < sink.tell()


def test_parquet_is_written_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(row_files, "ROWS_AT_ONCE", 2)
    rows = Rows({"number": int}, ([number] for number in range(5)))
    file = parquet.ParquetFile(io.BytesIO(written(write_parquet, rows)))
    assert (file.metadata.num_row_groups, file.metadata.num_rows) == (3, 5)
    assert rows.count == 5
