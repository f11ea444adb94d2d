"""``compare``: samples, what tells them apart, and how they are chosen."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Call = Callable[..., Result]
Record = Callable[..., None]
LARGE = [0.922, 0.926, 0.922, 0.927, 0.916]


@pytest.fixture
def call(call: Call, record: Record) -> Call:
    """Calls a command where ``a.db`` has two trials, and a failed run of ``small``."""
    small = [0.911, 0.921, 0.915, 0.918, 0.907, None]
    record("a.db", "small", small, [[8, 2], [1, 9]], model="mlp", width=32)
    record("a.db", "large", LARGE, [[10, 0], [3, 7]], model="mlp", width=256)
    return call


def compared(call: Call, *arguments: str) -> str:
    done = call("compare", *arguments, "--in", "a.db")
    assert done.exit_code == 0, done.stderr
    return done.stdout


def document(call: Call, *arguments: str) -> Mapping[str, Any]:
    return json.loads(compared(call, *arguments, "--json"))  # type: ignore[no-any-return]


# The screen.


def test_samples_stand_in_a_table_the_best_first(call: Call) -> None:
    lines = [line.split() for line in compared(call, "--metric", "test_acc").splitlines()]
    assert lines[4][:6] == ["large", "5", "0.9226", "0.0043", "0.9220", "0.9233"]
    assert lines[5][:2] == ["small", "5/6"]


def test_a_run_that_failed_is_told_and_has_no_part_in_the_mean(call: Call) -> None:
    printed = compared(call, "--metric", "test_acc")
    assert "No value from small: 1 failed" in printed
    assert "left out: 1 run of small (failed or missing)" in printed


def test_the_sentence_says_by_how_much_and_how_certain(call: Call) -> None:
    assert (
        "large beats small on test_acc by 0.82 points (95% CI 0.54 to 1.10, paired t over 5 "
        "seeds, p = 0.0013)"
    ) in compared(call, "--metric", "test_acc")


def test_the_size_of_the_effect_is_told(call: Call) -> None:
    printed = compared(call, "--metric", "test_acc")
    assert "(Hedges' g 1.5; a run of large is better with probability 0.92)" in printed


def test_the_direction_can_be_told(call: Call) -> None:
    assert "small beats large" in compared(call, "--metric", "test_acc", "--mode", "min")


def test_another_test_can_be_asked_for(call: Call) -> None:
    printed = compared(call, "--metric", "test_acc", "--test", "wilcoxon")
    assert "with 5 pairs the smallest possible two-sided Wilcoxon p is 0.062" in printed
    assert "more repeat" in printed


def test_a_margin_gives_equivalence(call: Call) -> None:
    printed = compared(call, "--metric", "test_acc", "--equivalence", "0.02")
    assert "large and small are equivalent on test_acc" in printed


def test_the_level_follows_alpha(call: Call) -> None:
    printed = compared(call, "--metric", "test_acc", "--alpha", "0.01")
    assert "99% CI (t)" in printed
    assert "(99% CI 0.4 to 1.3" in printed


def test_a_single_sample_has_nothing_to_be_compared_with(call: Call) -> None:
    assert "There is no other to compare it with." in compared(call, "la", "--metric", "test_acc")


def test_no_line_is_wider_than_the_terminal_but_sentences(call: Call) -> None:
    lines = compared(call, "--metric", "test_acc").splitlines()
    assert max(len(line) for line in lines if " to " in line and "CI" not in line) <= 80


# Which pairs.


@pytest.fixture
def many(call: Call, record: Record) -> Call:
    """Adds five trials more, some seven in all."""
    draw = random.Random(1)
    for place in range(5):
        record("a.db", f"other_{place}", [0.5 + draw.random() / 100 for _ in range(3)])
    return call


def test_more_than_five_are_compared_with_the_best_and_that_is_said(many: Call) -> None:
    printed = compared(many, "--metric", "test_acc")
    assert "Only large, the best, is compared with each; --all-pairs has all 21 pairs." in printed
    assert "Holm's p is corrected for 21 comparisons." in printed
    assert len(document(many, "--metric", "test_acc")["comparisons"]) == 6


def test_all_pairs_can_be_asked_for(many: Call) -> None:
    found = document(many, "--metric", "test_acc", "--all-pairs")
    assert (found["compared"], len(found["comparisons"])) == ("all pairs", 21)


def test_all_can_be_compared_with_one(many: Call) -> None:
    found = document(many, "--metric", "test_acc", "--against", "sma")
    assert {one["first"] for one in found["comparisons"]} == {"small"}
    assert {one["comparisons"] for one in found["comparisons"]} == {6}


def test_what_there_is_no_room_for_is_counted(many: Call) -> None:
    printed = compared(many, "--metric", "test_acc", "--limit", "2")
    assert "The first 2 of 7 samples; --limit shows more." in printed
    assert "The first 2 of 6 comparisons; --limit shows more." in printed


# What chooses runs.


def test_trials_can_be_named_and_abbreviated(many: Call) -> None:
    found = document(many, "small", "other_3", "--metric", "test_acc")
    assert [sample["name"] for sample in found["samples"]] == ["small", "other_3"]


@pytest.mark.parametrize("names", [["digits"], ["dig/sm", "digits/large"], ["small", "la"]])
def test_trials_are_named_as_in_other_commands_too(call: Call, names: list[str]) -> None:
    found = document(call, *names, "--metric", "test_acc")
    assert [sample["name"] for sample in found["samples"]] == ["large", "small"]


def test_a_folder_without_a_database_may_be_an_experiments_name(call: Call) -> None:
    Path("digits").mkdir()
    assert len(document(call, "digits", "--metric", "test_acc")["samples"]) == 2


@pytest.mark.parametrize("query", [["seed < 3"], ["seed", "<", "3"]])
def test_a_query_chooses_runs(call: Call, query: list[str]) -> None:
    found = document(call, *query, "--metric", "test_acc")
    assert [sample["n"] for sample in found["samples"]] == [3, 3]


@pytest.mark.parametrize("by", ["width", "params.width"])
def test_runs_are_grouped_by_a_parameter(call: Call, by: str) -> None:
    names = [
        sample["name"] for sample in document(call, "--metric", "test_acc", "--by", by)["samples"]
    ]
    assert names == ["width=256", "width=32"]


def test_a_column_names_the_parameter_and_its_cells_the_values(call: Call) -> None:
    rows = [
        line.split()
        for line in compared(call, "--metric", "test_acc", "--by", "width").splitlines()
    ]
    assert [rows[2][0], rows[4][0], rows[5][0]] == ["width", "256", "32"]


def test_several_databases_are_compared_and_told_apart(call: Call, record: Record) -> None:
    record("b.db", "small", LARGE)
    done = call("compare", "a.db", "b.db", "trial = small", "--metric", "test_acc", "--json")
    found = json.loads(done.stdout)
    assert {sample["name"] for sample in found["samples"]} == {
        "a.db:digits/small",
        "b.db:digits/small",
    }
    assert {run["database"] for run in found["samples"][0]["runs"]} == {"b.db"}


# For other programs.


def test_json_has_every_run_with_its_value_or_why_there_is_none(call: Call) -> None:
    small = document(call, "--metric", "test_acc")["samples"][1]
    assert (small["n"], small["missing"], small["obstacles"]) == (5, 1, {"failed": 1})
    assert small["runs"][-1] == {
        "run": "digits/small/6",
        "seed": 5,
        "status": "failed",
        "value": None,
        "database": "a.db",
    }
    assert small["interval"].keys() == {"kind", "level", "low", "high"}


def test_json_has_the_comparison_in_numbers_and_as_a_sentence(call: Call) -> None:
    (one,) = document(call, "--metric", "test_acc")["comparisons"]
    assert (one["verdict"], one["test"], one["pairs"]) == ("better", "paired t", 5)
    assert one["difference"] == pytest.approx(0.0082)
    assert one["sentence"].startswith("large beats small on test_acc")
    assert (one["margin"], one["equivalence_p"], one["obstacle"]) == (None, None, None)


# Label by label.


def test_two_trials_are_compared_label_by_label(call: Call) -> None:
    printed = compared(call, "small", "large", "--per-label", "--metric", "recall")
    assert "A  small (5 of 6 runs)" in printed
    assert "B  large (5 runs)" in printed
    assert "B is better at: cat." in printed
    assert "B is worse at: dog." in printed


def test_confusions_are_shown_with_the_mean_of_the_counts(call: Call) -> None:
    printed = compared(call, "small", "large", "--per-label", "--metric", "confusion")
    assert "confusion: recall" in printed
    assert "confusion: share of a class taken for another" in printed
    assert "confusion of large, mean of the counts (rows: true, columns: predicted)" in printed
    rows = [line.split() for line in printed.splitlines()]
    assert ["cat", "7.6", "2.4"] in rows
    assert ["dog", "3", "7"] in rows


def test_without_a_metric_all_that_have_labels_are_shown(call: Call) -> None:
    printed = compared(call, "large", "--per-label")
    assert "\nrecall\n" in printed
    assert "confusion: recall" in printed


def test_labels_as_json_have_all_samples_and_the_matrices(call: Call) -> None:
    found = document(call, "small", "large", "--per-label")
    recall = next(page for page in found["labels"] if page["title"] == "recall")
    assert recall["values"]["cat"]["comparison"]["verdict"] == "better"
    assert [one["n"] for one in recall["values"]["cat"]["samples"]] == [5, 5]
    matrix = found["matrices"]["confusion"]["small"]
    assert matrix["labels"] == ["cat", "dog"]
    assert matrix["mean"][1] == [1, 9]


# Bad usage.


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Name the metric by --metric. Known: confusion, test_acc."),
        (["--metric", "tst_acc"], "No run has the metric 'tst_acc'. Did you mean 'test_acc'?"),
        (["smoll", "--metric", "test_acc"], "is called 'smoll'. Did you mean 'small'?"),
        (["digits/smoll", "--metric", "test_acc"], "'digits' has no trial 'smoll'. Did you"),
        (["seed = 99", "--metric", "test_acc"], "No such run."),
        (["params.modl = x", "--metric", "test_acc"], "Did you mean 'model'?"),
        (["sed = 1", "--metric", "test_acc"], "There is no field 'sed'. Did you mean 'seed'"),
        (["--metric", "test_acc", "--by", "wdth"], "no field or parameter 'wdth'. Did you mean"),
        (["--metric", "test_acc", "--against", "lrge"], "called 'lrge'. Did you mean 'large'?"),
        (["--metric", "test_acc", "--test", "wilcoxn"], "Did you mean 'wilcoxon'?"),
        (["--metric", "test_acc", "--mode", "mx"], "there is no 'mx'."),
        (["--all-pairs", "--against", "small"], "Give --against or --all-pairs, not both."),
        (["--per-label", "--against", "small"], "--per-label has a single pair"),
        (["--per-label", "--metric", "recal"], "has 'recal' by label. Did you mean 'recall'?"),
        (["--metric", "test_acc", "--equivalence", "0"], "0.0 is not in the range x>0"),
    ],
)
def test_bad_usage_is_refused(call: Call, arguments: list[str], complaint: str) -> None:
    done = call("compare", *arguments, "--in", "a.db")
    assert done.exit_code != 0
    assert complaint in (done.stderr or "") + str(done.exception)


def test_more_than_two_trials_are_too_many_for_labels(many: Call) -> None:
    done = many("compare", "--per-label", "--in", "a.db")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "choose by name or query among: small, large, other_0" in done.stderr
