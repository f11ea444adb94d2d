"""``ls QUERY`` finds runs in all databases of a place; ``--json`` is for other programs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.listing import TABLE_ROWS
from experiment_manager.cli.main import commands
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.testing.servers import MariaDBServer

Call = Callable[..., Result]

LONG = "the_norm_of_the_gradients"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the databases of two experiments, four runs in each."""
    folder = tmp_path_factory.mktemp("place")
    for title, lr in (("digits", 0.25), ("dogs", 0.125)):
        url = f"sqlite:///{folder}/outputs/{title}/experiments.db"
        with DatabaseManager.from_url(url) as db, db.transaction():
            fill(db, title, lr)
    return folder


def fill(db: DatabaseManager, title: str, lr: float) -> None:
    experiment = db.create_experiment(title, f"about {title}").id
    for name in ("small", "large", "large_and_deep"):
        trial = db.create_trial(experiment, name).id
        for number in (1, 2) if name == "small" else (1,):
            run = db.start_trial_run(trial, number, seed=number).id
            db.record_trial_run_parameters(run, {"lr": lr / number, "units": [64] * 20})
            loss = math.nan if number == 2 else lr
            points = [MetricPoint("loss", loss), MetricPoint("val_acc", lr), MetricPoint(LONG, 1)]
            db.record_epoch(run, 0, points)
    db.update_trial_run_status(1, "failed", "ValueError: [no] luck")


@pytest.fixture
def call(place: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls a command in that folder, on a terminal of 80 columns."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "80")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(commands, arguments, prog_name="experiment-manager")

    return invoke


def rows(done: Result) -> list[list[str]]:
    """The words of each line that is not empty, without the line below the head."""
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    return [line for line in lines if not line[0].startswith("─")]


def loaded(done: Result) -> Any:
    """The JSON that was printed."""
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout, parse_constant=lambda text: pytest.fail(f"no JSON: {text}"))


# Tables.


def test_ls_of_several_databases_numbers_them(call: Call) -> None:
    head, digits, dogs, *databases = rows(call("ls"))
    assert head[-1] == "DB"
    assert (digits[0], digits[-1], dogs[0], dogs[-1]) == ("digits", "1", "dogs", "2")
    assert databases == [
        ["DB", "1", "outputs/digits/experiments.db"],
        ["DB", "2", "outputs/dogs/experiments.db"],
    ]


def test_ls_breaks_no_time_and_no_place(call: Call) -> None:
    printed = call("ls").stdout
    assert max(map(len, printed.splitlines())) <= 80
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d", printed)


def test_ls_of_a_database_without_experiments_names_it(call: Call, tmp_path: Path) -> None:
    DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True).close()
    lines = rows(call("ls", "--in", str(tmp_path)))
    assert lines[-1] == ["Database", f"{tmp_path}/experiments.db"]


def test_ls_with_a_query_gives_a_line_for_each_run(call: Call) -> None:
    head, *lines = rows(call("ls", "trial = small"))
    assert head == ["Run", "Status", "Time", "val_acc", "loss"]
    assert [line[:2] for line in lines[:4]] == [
        ["digits/small/1", "failed"],
        ["digits/small/2", "running"],
        ["dogs/small/1", "failed"],
        ["dogs/small/2", "running"],
    ]
    assert lines[1][-2:] == ["0.25", "nan"]


def test_a_query_needs_no_quotes_where_the_shell_needs_none(call: Call) -> None:
    assert rows(call("ls", "status", "=", "failed")) == rows(call("ls", "status = failed"))


def test_what_the_query_names_comes_first(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "106")
    query = f"params.lr < 1 and started > 2000-01-01 and metrics.{LONG} = 1"
    head, line, *_ = rows(call("ls", query, "--in", "outputs/digits"))
    assert head == ["Run", "Status", "Time", "params.lr", "started", LONG]
    year = str(datetime.now().astimezone().year)
    assert (line[4], line[5][:4], line[-1]) == ("0.25", year, "1")


def test_a_long_value_is_cut(call: Call) -> None:
    assert "[64, 64, 64, ..." in call("ls", "params.units ~ 64 and id = 1").stdout


def test_what_has_no_room_is_named_once(call: Call) -> None:
    done = call("ls", f"params.lr < 1 and started > 2000-01-01 and metrics.{LONG} = 1")
    assert "params.lr   started " in done.stdout
    assert f"No room for: {LONG}, val_acc, loss\n" in " ".join(done.stdout.split(" "))


def test_names_and_heads_are_never_broken(call: Call) -> None:
    printed = call("ls", f"params.lr < 1 and started > 2000-01-01 and metrics.{LONG} = 1").stdout
    assert {"digits/large_and_deep/1", "params.lr", "started"} <= set(printed.split())


def test_what_is_sorted_by_has_a_column_before_all_else(call: Call) -> None:
    head, *_ = rows(call("ls", "started > 2000-01-01", "--sort", f"metrics.{LONG}"))
    assert head == ["Run", "Status", "Time", LONG]


def test_runs_of_all_databases_are_sorted_together(call: Call) -> None:
    done = call("ls", "trial ~ large*", "--sort", "metrics.loss", "--reverse", "--limit", "3")
    assert [line[0] for line in rows(done)[1:4]] == [
        "digits/large/1",
        "digits/large_and_deep/1",
        "dogs/large/1",
    ]
    assert "The first 3 of 4 runs; --limit shows more." in done.stdout


def test_an_option_alone_lists_all_runs(call: Call) -> None:
    lines = rows(call("ls", "--sort", "seed"))
    assert [line[0] for line in lines[-3:-1]] == ["digits/small/2", "dogs/small/2"]


def test_reverse_alone_is_refused(call: Call) -> None:
    done = call("ls", "run = 1", "--reverse")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--reverse needs --sort FIELD." in done.stderr


def test_a_table_is_limited_by_itself(call: Call, tmp_path: Path) -> None:
    with DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("many").id, "trial")
        for _ in range(TABLE_ROWS + 1):
            db.create_trial_run(trial.id)
    done = call("ls", "run > 0", "--in", str(tmp_path))
    assert f"The first {TABLE_ROWS} of {TABLE_ROWS + 1} runs" in done.stdout
    assert len(loaded(call("ls", "run > 0", "--in", str(tmp_path), "--json"))["runs"]) == 101


def test_where_nothing_is_found_a_name_that_no_run_has_is_told(call: Call) -> None:
    done = call("ls", "metrics.val_ac > 0 and params.lr > 0")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "No such run.",
        "No run has the metric 'val_ac'. Did you mean 'val_acc'?",
    ]


def test_a_query_that_cannot_be_understood_is_told_with_its_place(
    call: Call, tmp_path: Path
) -> None:
    done = call("ls", "status = faild", "--in", str(tmp_path))
    assert str(done.exception).splitlines() == [
        "'faild' is no status of a run. Did you mean 'failed'?",
        "  status = faild",
        "           ^",
    ]


@pytest.mark.parametrize(
    "query",
    ["", "trial ~ and", "params.lr < 1", "params.units ~ 64 and params.lr < 1 and seed > 0"],
)
def test_the_table_fits_80_columns(call: Call, query: str) -> None:
    done = call("ls", query, "--sort", "started")
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80


# Names.


def test_show_lists_what_an_abbreviated_name_may_be(call: Call) -> None:
    done = call("show", "d")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Error: 'd' may be any of: digits, dogs\n" in done.stderr


def test_show_takes_a_whole_name_that_others_begin_with(call: Call) -> None:
    assert call("show", "do/large/1").stdout.startswith("large run 1 running")


# JSON.


def test_ls_gives_the_experiments_as_json(call: Call) -> None:
    digits, dogs = loaded(call("ls", "--json"))["experiments"]
    assert datetime.fromisoformat(digits.pop("started")).utcoffset() == timedelta(0)
    assert datetime.fromisoformat(digits.pop("updated")).utcoffset() == timedelta(0)
    assert digits == {
        "experiment": "digits",
        "description": "about digits",
        "trials": 3,
        "runs": 4,
        "states": {"failed": 1, "running": 3},
        "database": "outputs/digits/experiments.db",
    }
    assert dogs["experiment"] == "dogs"


def test_ls_with_a_query_gives_runs_as_json(call: Call) -> None:
    (run,) = loaded(call("ls", "experiment = digits and run = 2", "--json"))["runs"]
    assert datetime.fromisoformat(run.pop("started")).utcoffset() == timedelta(0)
    assert datetime.fromisoformat(run.pop("updated")).utcoffset() == timedelta(0)
    assert run == {
        "experiment": "digits",
        "trial": "small",
        "run": 2,
        "id": 2,
        "status": "running",
        "seed": 2,
        "attempt": 1,
        "ended": None,
        "duration_s": None,
        "error": None,
        "reason": None,
        "note": None,
        "tags": [],
        "version": None,
        "archived": None,
        "params": {"lr": 0.125, "units": [64] * 20},
        "metrics": {"loss": "nan", "val_acc": 0.25, LONG: 1.0},
        "database": "outputs/digits/experiments.db",
    }


def test_ls_that_finds_nothing_gives_an_empty_list(call: Call) -> None:
    assert loaded(call("ls", "run > 9", "--json")) == {"runs": []}


@pytest.mark.parametrize(("name", "count"), [("dig", 4), ("dig/small", 2), ("dig/small/1", 1)])
def test_show_gives_all_runs_of_what_is_named_as_json(call: Call, name: str, count: int) -> None:
    assert len(loaded(call("show", name, "--json"))["runs"]) == count


def test_show_a_run_gives_its_history_too(call: Call) -> None:
    (run,) = loaded(call("show", "dig/small/2", "--json"))["runs"]
    assert run["epochs"] == [
        {"epoch": 0, "name": "loss", "value": "nan", "labels": None, "step": None},
        {"epoch": 0, "name": "val_acc", "value": 0.25, "labels": None, "step": None},
        {"epoch": 0, "name": LONG, "value": 1.0, "labels": None, "step": None},
    ]
    assert (run["results"], run["artifacts"]) == ([], [])


# A server.


def test_a_url_names_a_database_on_a_server(call: Call, mariadb: MariaDBServer) -> None:
    url = mariadb.create_database()
    with DatabaseManager.from_url(url) as db:
        fill(db, "digits", 0.25)
        shown = db.url
    assert [line[0] for line in rows(call("ls", "run = 2", "--in", url))[1:2]] == [
        "digits/small/2"
    ]
    assert loaded(call("ls", "--json", "--in", url))["experiments"][0]["database"] == shown
    places = call("show", "dig", "--in", url).stdout
    assert f"Database  {shown}" in places
    assert "Folder" not in places
