"""What runs were made of, told in a line for each kind of fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from experiment_manager.results.report.facts import origins, package_versions
from experiment_manager.results.selection import FoundRun

CODE = {
    "root": "/project",
    "folder": "/project",
    "commit": "0123456789abcdef",
    "branch": "main",
    "changes": {"a.py": "diff"},
    "files": {},
    "repositories": {},
}
MACHINE = {
    "host": "node1",
    "system": "Linux",
    "cpu": "fast",
    "cpus": 8,
    "usable_cpus": 4,
    "memory_bytes": 2**34,
    "gpus": ["A100"],
}


@pytest.fixture
def runs(found_run: Callable[..., FoundRun]) -> list[FoundRun]:
    return [found_run("small", seed) for seed in range(3)]


def facts_of(runs: list[FoundRun], *facts: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {run.name: fact for run, fact in zip(runs, facts, strict=False)}


def test_equal_facts_are_told_once_with_their_number_of_runs(runs: list[FoundRun]) -> None:
    python = {"python": {"implementation": "CPython", "version": "3.11"}}
    other = {"python": {"implementation": "PyPy", "version": "3.10"}}
    told = origins(runs, facts_of(runs, python, other, python))
    assert told == {"Python": [("CPython 3.11", 2), ("PyPy 3.10", 1)]}


def test_code_is_told_with_what_was_not_committed(runs: list[FoundRun]) -> None:
    told = origins(runs[:1], facts_of(runs, {"code": CODE}))
    assert told["Code"] == [("commit 0123456789ab (main), but for a.py", 1)]


def test_code_without_a_commit_is_told_by_its_folder(runs: list[FoundRun]) -> None:
    told = origins(runs[:1], facts_of(runs, {"code": {**CODE, "commit": None}}))
    assert told["Code"] == [("/project, without a commit", 1)]


def test_machine_and_command_are_told_in_a_line(runs: list[FoundRun]) -> None:
    command = {"arguments": ["em", "run", "my dir"], "folder": "/home"}
    told = origins(runs[:1], facts_of(runs, {"machine": MACHINE, "command": command}))
    assert told["Machine"] == [("node1, Linux, fast, 8 processors, 16 GiB, A100", 1)]
    assert told["Command"] == [("em run 'my dir' in /home", 1)]


@pytest.mark.parametrize("fact", ["the big one", {"version": "3.11"}, None, 7])
def test_what_somebody_recorded_by_hand_is_no_error(runs: list[FoundRun], fact: Any) -> None:
    facts = dict.fromkeys(["code", "python", "machine", "command", "packages"], fact)
    told = origins(runs[:1], facts_of(runs, facts))
    assert set(told) <= {"Packages"}


def test_runs_without_a_fact_are_counted_too(runs: list[FoundRun]) -> None:
    told = origins(runs, facts_of(runs, {"code": CODE}))
    assert told["Code"][0] == ("not recorded", 2)


def test_every_version_of_a_package_is_named(runs: list[FoundRun]) -> None:
    facts = [
        {"packages": {"numpy": version, "torch": "2.2"}} for version in ("2.1", "1.26", "2.1")
    ]
    assert package_versions(runs, facts_of(runs, *facts)) == {"numpy": "1.26, 2.1", "torch": "2.2"}
