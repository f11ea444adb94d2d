"""``tag`` and ``note`` write what people have to say about runs, and every screen shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from experiment_manager.cli.main import commands
from experiment_manager.db.keys import run_owner
from experiment_manager.db.manager import DatabaseManager

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls a command in a folder with two databases, an experiment of three runs in each."""
    monkeypatch.chdir(tmp_path)
    for title in ("digits", "dogs"):
        url = f"sqlite:///{tmp_path}/outputs/{title}/experiments.db"
        with DatabaseManager.from_url(url) as db:
            experiment = db.create_experiment(title).id
            for name, count in (("small", 2), ("large", 1)):
                trial = db.create_trial(experiment, name).id
                for number in range(1, count + 1):
                    run = db.start_trial_run(trial, number, seed=number).id
                    db.update_trial_run_status(run, "completed")

    def invoke(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(commands, arguments, prog_name="experiment-manager", **options)

    return invoke


def printed(done: Result) -> str:
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def complaint(done: Result) -> str:
    assert (done.exit_code, done.stdout) == (2, "")
    return " ".join(done.stderr.split())


def counts(call: Call, *arguments: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(printed(call("tag", *arguments, "--json")))["tags"]
    return found


# tag.


@pytest.mark.parametrize(("name", "count"), [("digits", 3), ("dig/sm", 2), ("digits/small/2", 1)])
def test_all_runs_of_what_is_named_get_the_tags(call: Call, name: str, count: int) -> None:
    runs = "1 run" if count == 1 else f"{count} runs"
    assert printed(call("tag", name, "paper", "v2")) == f"Tagged {runs}: paper, v2\n"
    assert counts(call) == {"paper": count, "v2": count}


def test_a_query_finds_the_runs_of_all_databases(call: Call) -> None:
    assert printed(call("tag", "--query", "seed = 2", "paper")) == "Tagged 2 runs: paper\n"
    assert counts(call) == {"paper": 2}
    assert printed(call("tag", "--query", "seed = 7", "paper")) == "Tagged 0 runs: paper\n"


def test_tags_are_taken_away(call: Call) -> None:
    call("tag", "digits/small/1", "paper")
    done = call("tag", "digits", "--remove", "paper")
    assert printed(done) == "Took from 1 run: paper\n"
    assert counts(call) == {}


def test_a_tag_is_replaced_in_one_go(call: Call) -> None:
    call("tag", "digits", "old")
    done = call("tag", "digits", "new", "--remove", "old")
    assert printed(done) == "Tagged 3 runs: new\nTook from 3 runs: old\n"
    assert counts(call) == {"new": 3}


def test_tags_are_listed_with_how_many_runs_have_them(call: Call) -> None:
    assert printed(call("tag")) == "There are no tags.\n"
    call("tag", "digits", "paper")
    call("tag", "dogs/large", "paper", "odd")
    lines = [line.split() for line in printed(call("tag")).splitlines() if line.strip()]
    assert [lines[0], *lines[2:]] == [["Tag", "Runs"], ["odd", "1"], ["paper", "4"]]


def test_those_of_what_is_named_are_listed(call: Call) -> None:
    call("tag", "digits/small/1", "b", "a")
    call("tag", "digits/large", "b")
    assert counts(call, "digits") == {"a": 1, "b": 2}
    assert counts(call, "digits/large") == {"b": 1}


@pytest.mark.parametrize("tag", ["", "two words", "a,b", "-paper", "=x", "x" * 65, "a'b", "(a)"])
def test_what_a_query_could_not_name_is_no_tag(call: Call, tag: str) -> None:
    assert "is no tag: it begins with" in complaint(call("tag", "digits", "--", tag))
    assert counts(call) == {}


@pytest.mark.parametrize("tag", ["paper", "v1.2", "2026-11-30", "author:kim", "größe", "c++"])
def test_a_query_finds_what_has_a_tag(call: Call, tag: str) -> None:
    call("tag", "digits/small/1", tag)
    (run,) = json.loads(printed(call("ls", f"tag:{tag} and tag = {tag}", "--json")))["runs"]
    assert (run["trial"], run["run"], run["tags"]) == ("small", 1, [tag])


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["digits", "--remove", "paler"], "None of these runs has the tag 'paler'. Did you mean"),
        (["dgits", "paper"], "No experiment is named 'dgits'. Did you mean 'digits'"),
        (["--remove", "paper"], "Name EXPERIMENT[/TRIAL[/RUN]], or find runs by --query."),
    ],
)
def test_a_slip_is_told(call: Call, arguments: list[str], answer: str) -> None:
    call("tag", "digits", "paper")
    assert answer in complaint(call("tag", *arguments))
    assert counts(call) == {"paper": 3}


def test_the_tagged_runs_come_as_json(call: Call) -> None:
    call("tag", "digits/large", "old")
    done = call("tag", "digits/large", "new", "--remove", "old", "--json")
    (run,) = json.loads(printed(done))["runs"]
    assert (run["trial"], run["run"], run["tags"]) == ("large", 1, ["new"])


# note.


@pytest.mark.parametrize("name", ["digits", "digits/small", "digits/small/2"])
def test_a_note_is_written_shown_replaced_and_taken_away(call: Call, name: str) -> None:
    assert printed(call("note", name)) == f"{name} has no note.\n"
    for text in ("the [best] so far", "not any more"):
        assert printed(call("note", name, text)) == f"Noted of {name}.\n"
        assert printed(call("note", name)) == f"{text}\n"
        assert f"Note: {text}\n" in printed(call("show", name))
    assert printed(call("note", name, "--remove")) == f"{name} has no note any more.\n"
    assert "Note" not in printed(call("show", name))


def test_a_long_note_comes_from_standard_input(call: Call) -> None:
    call("note", "digits", "-", input="first\nsecond\n")
    assert printed(call("note", "digits")) == "first\nsecond\n"


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["digits", "text", "--remove"], "leave TEXT out"),
        (["digits", " "], "TEXT is empty; --remove takes the note away."),
        (["digits/smll"], "'digits' has no trial 'smll'. Did you mean 'small'?"),
    ],
)
def test_a_note_that_means_nothing_is_refused(
    call: Call, arguments: list[str], answer: str
) -> None:
    assert answer in complaint(call("note", *arguments))


def test_a_note_comes_as_json(call: Call) -> None:
    for arguments, note in ((["a note"], "a note"), ([], "a note"), (["--remove"], None)):
        shown = json.loads(printed(call("note", "digits/small", *arguments, "--json")))
        database = "outputs/digits/experiments.db"
        assert shown == {"name": "digits/small", "note": note, "database": database}


# Where they are shown.


def test_the_page_of_a_run_shows_its_tags_note_and_attempts(call: Call) -> None:
    with DatabaseManager("outputs/digits/experiments.db", use_sqlite=True) as db:
        run = db.start_trial_run(1, 1).id
        db.update_trial_run_status(run, "failed", "MemoryError: 8 GB")
        db.start_trial_run(1, 1)
        db.update_trial_run_status(run, "failed", "ValueError: no luck")
        db.add_tag([run], "paper")
        db.set_note(run_owner(run), "again with half the batch")
    page = printed(call("show", "digits/small/1"))
    assert page.startswith("small run 1 failed (ValueError) in ")
    assert "Tags: paper\nNote: again with half the batch\n" in page
    rows = [line.split() for line in page.splitlines() if line.strip()]
    start = rows.index(["Attempt", "Status", "Reason", "Began", "Ended"]) + 2
    assert [row[:3] for row in rows[start : start + 2]] == [
        ["1", "completed", "-"],
        ["2", "failed", "oom"],
    ]


def test_json_has_tags_note_reason_and_attempts(call: Call) -> None:
    call("tag", "digits/small/1", "paper")
    call("note", "digits/small/1", "good")
    with DatabaseManager("outputs/digits/experiments.db", use_sqlite=True) as db:
        db.start_trial_run(1, 1)
        db.update_trial_run_status(1, "failed", "MemoryError")
    (run,) = json.loads(printed(call("show", "digits/small/1", "--json")))["runs"]
    assert (run["tags"], run["note"], run["reason"]) == (["paper"], "good", "oom")
    assert (run["version"], run["archived"]) == (None, None)
    (attempt,) = run["attempts"]
    assert (attempt["attempt"], attempt["status"], attempt["reason"]) == (1, "completed", None)
    (found,) = json.loads(printed(call("ls", "reason = oom", "--json")))["runs"]
    assert found["tags"] == ["paper"]
    assert "attempts" not in found


def test_an_export_has_tags_and_notes_as_columns(call: Call) -> None:
    call("tag", "digits/small/1", "b", "a")
    call("note", "digits/small/1", "good")
    head, row = printed(call("export", "tag:a", "--to", "-")).splitlines()
    values = dict(zip(head.split(","), row.replace('"a,b"', "a|b").split(","), strict=True))
    assert (values["tags"], values["note"], values["reason"]) == ("a|b", "good", "")


def test_a_table_shows_what_a_query_asks_for(call: Call) -> None:
    call("tag", "digits/small/1", "paper", "v2")
    call("note", "digits/small/1", "a rather long note about it")
    table = printed(call("ls", "tag:paper and note ~ rather", "--in", "outputs/digits"))
    assert "tag" in table
    assert "paper, v2" in table
    assert "a rather long..." in table
