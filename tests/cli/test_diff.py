"""``diff`` sets two runs, or two trials, side by side."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.commands_inspect import diff, logs
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.provenance.code import capture_code

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


# What they were made of.


def made_of(folder: Path, width: int, **facts: Any) -> dict[str, Any]:
    """What was recorded of a run whose code has this width."""
    (folder / "net.py").write_text(f"import torch\n\nwidth = {width}\n", encoding="utf-8")
    recorded = {
        "code": capture_code(folder),
        "packages": {"numpy": "1.26.4", "torch": "2.4.0"},
        "python": {"version": "3.11.4", "implementation": "CPython", "executable": "/bin/python"},
        "recipe": {"settings": {"lr": width}, "factory": None},
    }
    return recorded | facts


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatabaseManager:
    """An empty database in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return DatabaseManager(str(tmp_path / "experiments.db"), use_sqlite=True)


def compared(db: DatabaseManager, *facts: dict[str, Any], arguments: tuple[str, ...] = ()) -> Any:
    """What ``diff`` says of a run for each of these facts."""
    with db:
        trial = db.create_trial(db.create_experiment("digits").id, "small").id
        for number, of_run in enumerate(facts, start=1):
            fill(db, trial, number, {})
            db.link_snapshots(number, db.store_snapshots(of_run))
    return CliRunner().invoke(diff, ["digits/small/1", "digits/small/2", *arguments])


def test_diff_names_what_differs_in_code_packages_and_python(
    recorded: DatabaseManager, tmp_path: Path
) -> None:
    before = made_of(tmp_path, 8)
    after = made_of(tmp_path, 16, packages={"numpy": "2.1.0", "torch": "2.4.0"})
    found = rows(compared(recorded, before, after))
    start = found.index(["Made", "of", "Difference"])
    assert [" ".join(line) for line in found[start + 1 :]] == [
        "code 1 file of the working tree differs: net.py",
        "packages numpy 1.26.4 -> 2.1.0",
        "Made of the same: python.",
    ]


def test_diff_shows_the_first_of_many_differences_in_packages(
    recorded: DatabaseManager, tmp_path: Path
) -> None:
    before, after = made_of(tmp_path, 8), made_of(tmp_path, 8)
    after["packages"] = {f"package{number:02}": "1.0" for number in range(40)}
    found = [" ".join(line) for line in rows(compared(recorded, before, after))]
    assert found.count("packages and 32 more, which --json has") == 1
    assert sum(line.startswith("packages ") for line in found) == 11


def test_diff_says_what_was_not_recorded_of_one_of_them(
    recorded: DatabaseManager, tmp_path: Path
) -> None:
    found = rows(compared(recorded, made_of(tmp_path, 8), {"packages": {"numpy": "1.26.4"}}))
    assert found[-1] == ["Not", "recorded", "of", "digits/small/2:", "code", "and", "python."]


def test_diff_tells_of_another_factory(recorded: DatabaseManager, tmp_path: Path) -> None:
    after = made_of(tmp_path, 8, recipe={"settings": {}, "factory": "nets:Factory"})
    found = rows(compared(recorded, made_of(tmp_path, 8), after))
    assert found[-1] == ["factory", "-", "nets:Factory"]


def test_diff_shows_the_code_that_differs_on_request(
    recorded: DatabaseManager, tmp_path: Path
) -> None:
    facts = (made_of(tmp_path, 8), made_of(tmp_path, 16))
    output = compared(recorded, *facts, arguments=("--code",)).stdout
    assert output.endswith(
        "--- a/net.py\n+++ b/net.py\n@@ -1,3 +1,3 @@\n import torch\n \n-width = 8\n+width = 16\n"
    )


def test_diff_without_the_commit_shows_what_was_recorded_beside_it(
    recorded: DatabaseManager, tmp_path: Path
) -> None:
    facts = [made_of(tmp_path, width) for width in (8, 16)]
    for of_run in facts:
        of_run["code"] |= {"commit": "1" * 40, "branch": "main"}
    output = compared(recorded, *facts, arguments=("--code",)).stdout
    assert "Only what was recorded beside the commit: " in output
    assert "-width = 8\n+width = 16\n" in output


def test_diff_refuses_to_show_code_that_was_not_recorded(
    recorded: DatabaseManager, tmp_path: Path
) -> None:
    done = compared(recorded, made_of(tmp_path, 8), {}, arguments=("--code",))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--code: the code of 'digits/small/2' was not recorded." in done.stderr


def test_diff_as_json_tells_what_they_were_made_of(
    recorded: DatabaseManager, tmp_path: Path
) -> None:
    facts = (made_of(tmp_path, 8), made_of(tmp_path, 16))
    found = loaded(compared(recorded, *facts, arguments=("--json", "--code")))
    assert found["origin"] == {
        "differences": [
            {
                "area": "code",
                "name": "working tree",
                "a": "net.py",
                "b": "net.py",
                "text": "1 file of the working tree differs: net.py",
            }
        ],
        "equal": ["packages", "python"],
    }
    assert found["code_diff"].endswith("-width = 8\n+width = 16")


def test_diff_as_json_has_no_code_unless_it_is_asked_for(call: Call) -> None:
    found = loaded(call("digits/s/1", "digits/l/1", "--json"))
    assert found["code_diff"] is None
    assert found["origin"] == {"differences": [], "equal": []}


def test_diff_does_not_call_code_the_same_of_which_it_knows_no_more_than_that_it_was_left_out(
    recorded: DatabaseManager, tmp_path: Path
) -> None:
    facts = made_of(tmp_path, 8)  # as it was recorded once, without a hash
    facts["code"]["files"]["login.py"] = {"reason": "seems to hold a secret"}
    text = " ".join(compared(recorded, facts, facts).stdout.split())
    assert "Not recorded, so perhaps other code: login.py." in text
    assert "Made of the same: packages and python." in text


def test_diff_shows_the_lines_of_code_that_lies_elsewhere(
    recorded: DatabaseManager, tmp_path: Path
) -> None:
    main = made_of(tmp_path, 8)["code"]
    (tmp_path / "lib").mkdir()
    codes = [
        {**main, "elsewhere": {"lib": made_of(tmp_path / "lib", width)["code"]}}
        for width in (8, 16)
    ]
    done = compared(recorded, *({"code": code} for code in codes), arguments=("--code",))
    assert "lib: 1 file of the working tree differs: net.py" in done.stdout
    assert "+width = 16" in done.stdout


# Places.


def test_a_second_place_is_that_of_b(call: Call, place: Path) -> None:
    digits, dogs = (str(place / "outputs" / name) for name in ("digits", "dogs"))
    found = loaded(call("digits/s/1", "dogs/base/1", "--in", digits, "--in", dogs, "--json"))
    databases = [found[side]["database"] for side in "ab"]
    assert databases == [f"outputs/{name}/experiments.db" for name in ("digits", "dogs")]
    done = call("digits/s/1", "dogs/base/1", "--in", dogs, "--in", digits)
    assert (done.exit_code, done.stdout) == (2, "")


def test_more_places_than_two_are_refused(call: Call) -> None:
    done = call("digits/s/1", "dogs/base/1", *(3 * ("--in", ".")))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "'--in': it takes two places at most, of A and of B" in done.stderr


def test_elsewhere_a_second_place_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    done = CliRunner().invoke(logs, ["digits/s/1", "--in", ".", "--in", "outputs"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "'--in': it takes one place, once" in done.stderr


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
