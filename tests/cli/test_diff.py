"""``diff`` sets two runs, or two trials, side by side."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.commands_inspect import diff
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager

Call = Callable[..., Result]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the databases of two experiments."""
    folder = tmp_path_factory.mktemp("place")
    with DatabaseManager(f"{folder}/outputs/digits/experiments.db", use_sqlite=True) as db:
        small, large = (db.create_trial(db.create_experiment("digits").id, n).id for n in "sl")
        fill(db, small, 1, {"lr": 0.25, "opt": "sgd", "seed": 1}, test_acc=0.5, val_loss=1.0)
        fill(db, small, 2, {"lr": 0.25, "opt": "sgd", "seed": 2}, test_acc=1.0)
        fill(db, small, 3, {"lr": 0.25}, "failed", test_acc=0.125)
        fill(db, large, 1, {"lr": 0.125, "opt": "sgd", "[depth]": [8] * 99}, test_acc=0.25)
        db.record_provenance(1, {"commit": "aaa", "python": "3.11"})
        db.record_provenance(4, {"commit": "bbb", "python": "3.11", "host": "node"})
    with DatabaseManager(f"{folder}/outputs/dogs/experiments.db", use_sqlite=True) as db:
        trial = db.create_trial(db.create_experiment("dogs").id, "base").id
        fill(db, trial, 1, {}, test_acc=math.nan)
        db.create_trial(1, "without_runs")
    return folder


def fill(
    db: DatabaseManager,
    trial: int,
    number: int,
    params: dict[str, Any],
    status: str = "completed",
    **results: float,
) -> None:
    run = db.start_trial_run(trial, number).id
    db.record_trial_run_parameters(run, params)
    db.record_results(run, [MetricPoint(name, value) for name, value in results.items()])
    db.update_trial_run_status(run, status)


@pytest.fixture
def call(place: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls ``diff`` in that folder, on a terminal of 80 columns."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments: CliRunner().invoke(diff, arguments)


def rows(done: Result) -> list[list[str]]:
    """The words of each line that is not empty, without the line below a head."""
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    return [line for line in lines if not line[0].startswith("─")]


def loaded(done: Result) -> Any:
    """The JSON that was printed."""
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout, parse_constant=lambda text: pytest.fail(f"no JSON: {text}"))


# Runs.


def test_diff_begins_with_what_is_compared(call: Call) -> None:
    assert rows(call("digits/s/1", "digits/s/3"))[:2] == [
        ["A", "digits/s/1", "completed"],
        ["B", "digits/s/3", "failed"],
    ]


def test_diff_gives_the_parameters_that_differ_or_that_one_alone_has(call: Call) -> None:
    found = rows(call("digits/s/1", "digits/l/1"))
    start = found.index(["Parameter", "A", "B"])
    assert [line[:3] for line in found[start + 1 : start + 4]] == [
        ["lr", "0.25", "0.125"],
        ["seed", "1", "-"],
        ["[depth]", "-", "[8,"],
    ]
    assert ["Equal", "parameters:", "1."] in found


def test_diff_gives_the_metrics_side_by_side_with_their_difference(call: Call) -> None:
    found = rows(call("digits/s/1", "digits/l/1"))
    start = found.index(["Metric", "A", "B", "B", "-", "A"])
    assert found[start + 1 : start + 3] == [
        ["test_acc", "0.5", "0.25", "-0.25"],
        ["val_loss", "1", "-", "-"],
    ]


def test_diff_gives_what_the_runs_were_made_of(call: Call) -> None:
    found = rows(call("digits/s/1", "digits/l/1"))
    start = found.index(["Provenance", "A", "B"])
    assert found[start + 1 : start + 3] == [["commit", "aaa", "bbb"], ["host", "-", "node"]]
    assert found[-1] == ["Equal", "facts", "of", "provenance:", "1."]


def test_diff_shortens_long_values(call: Call) -> None:
    output = call("digits/s/1", "digits/l/1").stdout
    assert output.count("8") < 99
    assert "..." in output


def test_diff_has_no_table_for_what_does_not_differ(call: Call) -> None:
    assert "Parameter" not in call("digits/s/1", "digits/s/1").stdout


def test_diff_compares_runs_of_two_databases(call: Call) -> None:
    found = rows(call("dig/s/1", "dog/base/1"))
    assert found[:2] == [["A", "digits/s/1", "completed"], ["B", "dogs/base/1", "completed"]]
    assert ["test_acc", "0.5", "nan", "nan"] in found


# Trials.


def test_diff_of_trials_compares_means_over_the_runs_that_succeeded(call: Call) -> None:
    found = rows(call("digits/s", "digits/l"))
    assert " ".join(found[0]) == (
        "A digits/s (mean of 2 runs that succeeded; parameters of run 1)"
    )
    assert ["test_acc", "0.75", "0.25", "-0.5"] in found


def test_diff_compares_a_run_with_a_trial(call: Call) -> None:
    found = rows(call("digits/s/2", "digits/s"))
    assert ["seed", "2", "1"] in found
    assert ["test_acc", "1", "0.75", "-0.25"] in found


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("digits", "'digits' is a whole experiment; add /TRIAL or /TRIAL/RUN."),
        ("digits/s/9", "'s' has no run '9'; it has: 1, 2, 3"),
        ("dogs/without_runs", "'dogs/without_runs' has no runs."),
    ],
)
def test_diff_says_what_cannot_be_compared(call: Call, name: str, answer: str) -> None:
    done = call(name, "digits/s/1")
    assert (done.exit_code, done.stdout) == (2, "")
    assert answer in done.stderr


# For other programs.


def test_diff_as_json_has_all_that_differs(call: Call) -> None:
    found = loaded(call("digits/s/1", "digits/l/1", "--json"))
    assert found["a"] == {
        "name": "digits/s/1",
        "status": "completed",
        "runs": 1,
        "database": "outputs/digits/experiments.db",
    }
    assert found["params"] == {
        "changed": {"lr": [0.25, 0.125]},
        "only_a": {"seed": 1},
        "only_b": {"[depth]": [8] * 99},
        "equal": 1,
    }
    assert found["metrics"]["test_acc"] == {"a": 0.5, "b": 0.25, "difference": -0.25}
    assert found["metrics"]["val_loss"] == {"a": 1.0, "b": None, "difference": None}
    assert found["provenance"]["changed"] == {"commit": ["aaa", "bbb"]}


def test_diff_as_json_says_nan_as_text(call: Call) -> None:
    found = loaded(call("digits/s/1", "dogs/base", "--json"))
    assert found["metrics"]["test_acc"] == {"a": 0.5, "b": "nan", "difference": "nan"}


# Its width.


@pytest.mark.parametrize("names", [("digits/s/1", "digits/l/1"), ("digits/s", "dogs/base")])
def test_diff_fits_80_columns(call: Call, names: tuple[str, str]) -> None:
    lines = call(*names).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in "".join(lines)
