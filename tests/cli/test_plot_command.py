"""``plot`` draws the runs that places, a query or names choose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.main import commands
from experiment_manager.common.common import Metric
from experiment_manager.common.metrics import to_points
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.results.plots.errors import PlotError
from experiment_manager.results.samples import UnknownFieldError

Call = Callable[..., Result]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two experiments of nine trials, each in a database of its own. For reading."""
    where = tmp_path_factory.mktemp("plot")
    for title in ("digits", "dogs"):
        file = where / "outputs" / title / "experiments.db"
        with DatabaseManager(str(file), use_sqlite=True) as db, db.transaction():
            fill(db, title)
    return where


def fill(db: DatabaseManager, title: str) -> None:
    experiment = db.create_experiment(title).id
    for n in range(9):
        trial = db.create_trial(experiment, f"{title}_{n}").id
        for number in (1, 2):
            run = db.start_trial_run(trial, number, seed=number).id
            db.record_trial_run_parameters(run, {"lr": n % 3, "units": n})
            for epoch in range(20):
                db.record_epoch(run, epoch, to_points({Metric.VAL_LOSS: 1 / (epoch + n + 1)}))
            confusion = {"labels": ["cat", "dog"], "rows": [[7, 1], [2, 6]]}
            accuracy = to_points({Metric.TEST_ACC: n / 10 + number / 100})
            db.record_results(run, [*accuracy, *to_points({Metric.CONFUSION: confusion})])
            db.update_trial_run_status(run, "completed")


@pytest.fixture
def call(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls a command in a folder of the test's own, with the databases of the other one."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(commands, [*words, "--in", str(place)])


@pytest.mark.parametrize(
    "words",
    [
        ("curves", "--metric", "val_loss"),
        ("final", "--metric", "test_acc"),
        ("importance", "--metric", "test_acc"),
        ("parallel", "--metric", "test_acc"),
        ("confusion",),
    ],
)
def test_each_plot_is_written_and_its_caption_printed(words: tuple[str, ...], call: Call) -> None:
    done = call("plot", *words, "-o", "plot.svg")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Wrote plot.svg\n")
    assert len(done.stdout.splitlines()) == 2
    assert "<svg" in Path("plot.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["plot.png", "plot.html"])
def test_the_ending_tells_the_kind_of_file(name: str, call: Call) -> None:
    done = call("plot", "final", "digits_1", "--metric", "test_acc", "-o", name)
    assert done.exit_code == 0, done.output
    assert Path(name).stat().st_size > 5000


def test_an_unknown_ending_is_refused_before_anything_is_read(call: Call) -> None:
    done = call("plot", "final", "--metric", "nothing", "-o", "plot.jpg")
    assert isinstance(done.exception, PlotError)


def test_a_query_chooses_runs_of_both_databases(call: Call) -> None:
    done = call("plot", "parallel", "params.units < 4", "--metric", "test_acc", "-o", "a.png")
    assert "Each of 8 lines is a trial" in done.stdout


def test_names_choose_trials(call: Call) -> None:
    done = call("plot", "confusion", "digits_1", "dogs_2", "-o", "a.png")
    assert "added up over 2 runs each" in done.stdout


def test_by_groups_runs_by_a_parameter(call: Call) -> None:
    arguments = ("--by", "lr", "--metric", "val_loss", "--band", "range", "-o", "a.png")
    done = call("plot", "curves", *arguments)
    assert "\nMean of 12 runs each; band: from the lowest run to the highest.\n" in done.stdout


def test_fewer_points_are_told(call: Call) -> None:
    arguments = ("--metric", "val_loss", "--points", "10", "-o", "a.png")
    done = call("plot", "curves", "experiment = dogs and params.units = 1", *arguments)
    assert "of 20 epochs" in done.stdout


def test_without_a_metric_those_that_there_are_are_named(call: Call) -> None:
    done = call("plot", "final", "-o", "a.png")
    assert done.exit_code == 2
    assert "Name the metric by --metric. Known: confusion, test_acc, val_loss." in done.stderr


def test_a_metric_that_is_misspelt_is_an_error(call: Call) -> None:
    done = call("plot", "curves", "--metric", "val_los", "-o", "a.png")
    assert isinstance(done.exception, UnknownFieldError)
    assert "Did you mean 'val_loss'?" in str(done.exception)


def test_a_plot_that_does_not_exist_is_named(call: Call) -> None:
    done = call("plot", "finl", "-o", "a.png")
    assert "No such command 'finl'. Did you mean 'final'?" in done.stderr


def test_what_cannot_be_written_is_an_error(call: Call) -> None:
    Path("file").write_text("no folder", encoding="utf-8")
    done = call("plot", "final", "--metric", "test_acc", "-o", "file/a.png")
    assert done.exit_code == 1
    assert "Could not open file 'file/a.png'" in done.output
