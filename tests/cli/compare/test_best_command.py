"""``best``: the best trial, what may be as good, and where its best run lies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from click.testing import Result

Call = Callable[..., Result]


@pytest.fixture
def call(call: Call, record: Callable[..., None]) -> Call:
    """Calls a command where ``a.db`` has three trials, two of them much alike."""
    record("a.db", "small", [0.5, 0.52, 0.51, 0.53], width=32, depth=2)
    record("a.db", "wide", [0.9, 0.92, 0.93, None], width=256, depth=2)
    record("a.db", "deep", [0.91, 0.93, 0.90, 0.92], width=32, depth=8)
    return call


def printed(call: Call, *arguments: str) -> str:
    done = call("best", "--in", "a.db", *arguments)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def document(call: Call, *arguments: str) -> Mapping[str, Any]:
    return json.loads(printed(call, *arguments, "--json"))  # type: ignore[no-any-return]


def test_the_best_mean_wins_and_what_may_be_as_good_is_named(call: Call) -> None:
    lines = printed(call, "--metric", "test_acc").splitlines()
    assert lines[:2] == [
        "wide has the highest mean test_acc.",
        "Not told apart from it: deep.",
    ]


def test_every_trial_is_shown_with_its_interval_and_its_failures(call: Call) -> None:
    rows = [line.split() for line in printed(call, "--metric", "test_acc").splitlines()]
    assert [row[:2] for row in rows[5:8]] == [["wide", "3/4"], ["deep", "4"], ["small", "4"]]
    assert ["No", "value", "from", "wide:", "1", "failed"] in rows


def test_the_best_run_and_its_files_are_shown(call: Call) -> None:
    text = printed(call, "--metric", "test_acc")
    assert "Best run digits/wide/3: test_acc 0.93, seed 2" in text
    assert "Files in wide/" in text
    assert "2.pt" in text


def test_the_parameters_that_its_runs_share_are_shown(call: Call) -> None:
    rows = [line.split() for line in printed(call, "--metric", "test_acc").splitlines()]
    assert ["width", "256"] in rows


def test_one_that_beats_all_others_is_said_to(call: Call) -> None:
    text = printed(call, "wide", "small", "--metric", "test_acc")
    assert "It is told apart from every other one." in text


def test_what_has_no_value_is_neither_beaten_nor_as_good(
    call: Call, record: Callable[..., None]
) -> None:
    record("c.db", "good", [0.5, 0.6])
    record("c.db", "broken", [None, None])
    text = call("best", "c.db", "--metric", "test_acc").stdout
    assert "There is no other with a value." in text
    assert "No value from broken: 2 failed" in text


def test_the_lowest_may_be_the_best(call: Call) -> None:
    text = printed(call, "--metric", "test_acc", "--mode", "min")
    assert text.startswith("small has the lowest mean test_acc.")
    assert "Best run digits/small/1: test_acc 0.5, seed 0" in text


def test_json_has_it_all(call: Call) -> None:
    found = document(call, "--metric", "test_acc")
    assert (found["best"], found["not_told_apart"]) == ("wide", ["deep"])
    assert found["params"] == {"depth": 2, "width": 256}
    assert (found["run"]["trial"], found["run"]["run"], found["run"]["value"]) == ("wide", 3, 0.93)
    assert [file["location"] for file in found["artifacts"]] == ["wide/2.pt"]
    assert [sample["name"] for sample in found["samples"]] == ["wide", "deep", "small"]
    assert [one["second"] for one in found["comparisons"]] == ["deep", "small"]


def test_of_several_databases_the_files_of_the_right_one_are_shown(
    call: Call, record: Callable[..., None]
) -> None:
    record("b.db", "wide", [0.99, 0.98])
    done = call("best", "a.db", "b.db", "--metric", "test_acc", "--json")
    found = json.loads(done.stdout)
    assert (found["best"], found["run"]["database"]) == ("b.db:digits/wide", "b.db")
    assert [file["location"] for file in found["artifacts"]] == ["wide/0.pt"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Name the metric by --metric. Known: confusion, test_acc."),
        (["status = failed", "--metric", "test_acc"], "No run has the metric 'test_acc'."),
        (["widde", "--metric", "test_acc"], "is called 'widde'. Did you mean 'wide'?"),
    ],
)
def test_bad_usage_is_refused(call: Call, arguments: list[str], complaint: str) -> None:
    done = call("best", *arguments, "--in", "a.db")
    assert done.exit_code != 0
    assert complaint in (done.stderr or "") + str(done.exception)


def test_where_all_runs_diverged_there_is_no_best(call: Call, record: Callable[..., None]) -> None:
    record("c.db", "bad", [float("nan"), float("inf")])
    done = call("best", "c.db", "--metric", "test_acc")
    assert done.exit_code == 2
    assert "No run that succeeded has a finite 'test_acc'." in done.stderr
