"""``ls`` and ``show`` read the databases: what there is, an experiment, a trial, a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Read = Callable[..., Result]


def rows(done: Result) -> list[list[str]]:
    """The words of each line that is not empty."""
    return [line.split() for line in done.stdout.splitlines() if line.strip()]


# ls.


def test_ls_gives_a_line_for_each_experiment(read: Read) -> None:
    done = read("ls")
    assert done.exit_code == 0
    head, _, row, *_ = rows(done)
    assert head == ["Experiment", "Trials", "Runs", "States", "Updated"]
    assert row[:7] == ["digits", "2", "3", "2", "completed,", "1", "failed"]


def test_ls_names_the_database_below(read: Read) -> None:
    assert read("ls").stdout.splitlines()[-1] == "Database  work/experiments.db"


@pytest.mark.parametrize("place", [".", "work", "work/experiments.db"])
def test_ls_finds_a_database_file_or_one_in_or_below_a_folder(read: Read, place: str) -> None:
    assert "digits" in read("ls", "--in", place).stdout


def test_ls_without_a_database_exits_with_2(read: Read, tmp_path: Path) -> None:
    done = read("ls", "--in", str(tmp_path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"No experiments.db found in {tmp_path}" in done.stderr


# show EXPERIMENT.


def test_show_an_experiment_gives_statistics_of_its_trials_and_its_places(read: Read) -> None:
    done = read("show", "digits")
    assert done.exit_code == 0
    assert rows(done)[2:4] == [
        ["small", "2", "0.5", "1", "completed,", "2", "failed"],
        ["large", "1", "0.5", "1", "completed"],
    ]
    assert rows(done)[-2:] == [["Database", "work/experiments.db"], ["Folder", "work/digits"]]


def test_show_finds_an_experiment_in_a_given_place(read: Read) -> None:
    assert "large" in read("show", "digits", "--in", "work/experiments.db").stdout


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("dgits", "No experiment is named 'dgits'. Did you mean 'digits'?"),
        ("other", "No experiment is named 'other'. Known: digits."),
        ("digits/smll", "'digits' has no trial 'smll'. Did you mean 'small'?"),
        ("digits/other", "'digits' has no trial 'other'. Known: large, small."),
        ("digits/small/3", "'small' has no run '3'; it has: 1, 2"),
    ],
)
def test_show_suggests_names_for_one_that_is_unknown(read: Read, name: str, answer: str) -> None:
    done = read("show", name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert answer in done.stderr


@pytest.mark.parametrize("name", ["digits/small/1", "dig/sm/1", "d/s/1"])
def test_show_takes_abbreviated_names(read: Read, name: str) -> None:
    assert read("show", name).stdout.startswith("small run 1 completed in ")


# show EXPERIMENT/TRIAL.


def test_show_a_trial_gives_a_line_for_each_run(read: Read) -> None:
    done = read("show", "digits/small")
    assert done.exit_code == 0
    head, _, first, second = rows(done)
    assert head == ["Run", "Seed", "Status", "Time", "test_acc"]
    assert [*first[:3], first[-1]] == ["1", "0", "completed", "0.5"]
    assert [*second[:3], second[-1]] == ["2", "1", "failed", "-"]


# show EXPERIMENT/TRIAL/RUN.


@pytest.mark.parametrize("number", ["1", "run_1"])
def test_show_a_run_begins_with_how_it_ended(read: Read, number: str) -> None:
    done = read("show", f"digits/small/{number}")
    assert done.exit_code == 0
    assert done.stdout.startswith("small run 1 completed in ")
    assert done.stdout.splitlines()[0].endswith(" s, seed 0, attempt 1")


def test_show_a_run_gives_its_parameters(read: Read) -> None:
    found = rows(read("show", "digits/small/2"))
    assert ["epochs", "30"] in found
    assert ["pipeline.type", "cli_training:Training"] in found
    assert ["seed", "1"] in found


def test_show_a_run_gives_its_last_epochs(read: Read) -> None:
    done = read("show", "digits/large/1")
    found = rows(done)
    start = found.index(["Epoch", "train_loss"]) + 2
    assert found[start] == ["10", "0.09091"]
    assert found[start + 19] == ["29", "0.03333"]
    assert "The last 20 of 30 epochs." in done.stdout


def test_show_a_run_gives_its_results_and_the_confusion_matrix(read: Read) -> None:
    found = rows(read("show", "digits/large/1"))
    assert ["test_acc", "0.5"] in found
    start = found.index(["confusion", "0.8125", "(rows:", "true,", "columns:", "predicted)"])
    assert found[start + 1] == ["cat", "dog"]
    assert found[start + 3 : start + 5] == [["cat", "7", "1"], ["dog", "2", "6"]]


def test_show_a_failed_run_gives_its_traceback(read: Read) -> None:
    output = read("show", "digits/small/2").stdout
    assert output.startswith("small run 2 failed (ValueError) in ")
    assert "Traceback (most recent call last):" in output
    assert output.rstrip().endswith("ValueError: the loss [nan] exploded\nand a second line")


# Their width.


@pytest.mark.parametrize(
    "arguments",
    [
        ["ls"],
        ["show", "digits"],
        ["show", "digits/small"],
        ["show", "digits/large/1"],
        ["show", "digits/small/2"],
    ],
    ids=" ".join,
)
def test_the_output_fits_80_columns(read: Read, arguments: list[str]) -> None:
    done = read(*arguments)
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_output_is_plain_where_it_is_no_terminal(read: Read) -> None:
    for arguments in (["ls"], ["show", "digits"], ["show", "digits/small/2"]):
        assert "\x1b" not in read(*arguments).output
