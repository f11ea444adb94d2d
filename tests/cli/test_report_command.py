"""``report`` writes a page on the runs that places, a query or names choose."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.main import commands
from experiment_manager.cli.reporting import without_passwords
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.samples import UnknownFieldError

Call = Callable[..., Result]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two databases: one with results, one with a failure alone. For reading."""
    where = tmp_path_factory.mktemp("report")
    with DatabaseManager(str(where / "good" / "experiments.db"), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("digits").id, "small").id
        for number in (1, 2):
            run = db.start_trial_run(trial, number, seed=number).id
            db.record_epoch(run, 0, [MetricPoint("val_loss", 0.5), MetricPoint("alpha", 1.0)])
            db.record_results(run, [MetricPoint("test_loss", 0.4 + number / 10)])
            db.update_trial_run_status(run, "completed")
    with DatabaseManager(str(where / "bad" / "experiments.db"), use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("broken").id, "dead").id
        run = db.start_trial_run(trial, 1).id
        db.update_trial_run_status(run, "failed", "ValueError: too low")
    return where


@pytest.fixture
def call(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls ``report`` in a folder of the test's own, with the databases of the other one."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(commands, ["report", *words, "--in", str(place)])


def read(name: str = "report.html") -> str:
    return Path(name).read_text(encoding="utf-8")


def test_it_is_on_all_runs_of_all_databases(call: Call, place: Path) -> None:
    done = call()
    assert done.exit_code == 0, done.output
    assert done.stdout == "Wrote report.html\n"
    assert "<h1>digits, broken</h1>" in read() or "<h1>broken, digits</h1>" in read()
    assert "ValueError: too low" in read()
    for name in ("good", "bad"):
        assert f"{place / name / 'experiments.db'}" in read().replace("<wbr>", "")


def test_the_most_interesting_metric_is_the_one_it_is_about(call: Call) -> None:
    call("small")
    assert "<h2>test_loss, lower is better</h2>" in read()


def test_another_metric_and_direction_can_be_asked_for(call: Call) -> None:
    call("small", "--metric", "alpha", "--mode", "min", "-o", "other.html")
    assert "<h2>alpha, lower is better</h2>" in read("other.html")


def test_a_metric_that_no_run_has_is_an_error(call: Call) -> None:
    done = call("--metric", "test_los")
    assert isinstance(done.exception, UnknownFieldError)
    assert not Path("report.html").exists()


def test_runs_that_recorded_nothing_have_a_report_too(call: Call) -> None:
    done = call("experiment = broken")
    assert done.exit_code == 0, done.output
    assert "No run has recorded a number." in read()
    assert "experiment = broken" in read()


def test_a_query_that_finds_nothing_is_an_error(call: Call) -> None:
    done = call("seed = 99")
    assert done.exit_code == 2
    assert not Path("report.html").exists()


def test_the_password_of_a_database_is_not_in_it() -> None:
    words = ["mysql+pymysql://me:secret@host/runs", "trial = small"]
    assert without_passwords(words) == "mysql+pymysql://me:***@host/runs trial = small"


def test_what_cannot_be_written_is_an_error(call: Call) -> None:
    Path("file").write_text("no folder", encoding="utf-8")
    done = call("-o", "file/report.html")
    assert done.exit_code == 1
    assert "Could not open file" in done.output


@pytest.mark.parametrize("command", [["report"], ["plot", "curves", "-o", "a.png"]])
def test_without_its_packages_one_extra_is_named_that_has_them_all(
    monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = CliRunner().invoke(commands, command)
    assert "pip install 'experiment-manager[plots]'" in str(done.exception)
