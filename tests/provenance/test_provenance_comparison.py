"""What differs between two records, in words."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from experiment_manager.provenance.comparison import Difference, compare

CODE: dict[str, Any] = {
    "root": "/project",
    "folder": "",
    "commit": "a" * 40,
    "branch": "main",
    "remote": None,
    "is_dirty": False,
    "changes": {},
    "files": {},
    "files_not_listed": 0,
    "repositories": {},
    "reason": None,
}
RECORD: dict[str, Any] = {
    "code": CODE,
    "packages": {"numpy": "1.26.4", "scipy": "1.11.0"},
    "python": {"version": "3.11.7", "implementation": "CPython", "executable": "/bin/python"},
    "machine": {"host": "a", "memory_bytes": 2**34, "gpus": ["NVIDIA T4"], "gpu_driver": None},
    "command": {"arguments": ["python", "train.py"], "folder": "/project"},
    "environment_variables": {"OMP_NUM_THREADS": "4"},
    "data": {"train.csv": {"kind": "file", "size_bytes": 4, "sha256": "1" * 64}},
}


def changed(area: str, **values: Any) -> dict[str, Any]:
    """The record with other values in an area."""
    return copy.deepcopy({**RECORD, area: {**RECORD[area], **values}})


def texts(after: dict[str, Any], before: dict[str, Any] = RECORD) -> list[str]:
    return [difference.text for difference in compare(before, after)]


def with_code(**values: Any) -> dict[str, Any]:
    return {"code": {**CODE, **values}}


def test_a_record_does_not_differ_from_itself() -> None:
    assert compare(RECORD, copy.deepcopy(RECORD)) == []


def test_a_difference_has_its_area_its_name_and_both_values() -> None:
    assert compare(RECORD, changed("packages", numpy="2.1.0")) == [
        Difference("packages", "numpy", "1.26.4", "2.1.0", "numpy 1.26.4 -> 2.1.0")
    ]


def test_an_area_that_one_record_lacks_is_passed_over() -> None:
    assert compare({"python": RECORD["python"]}, {"packages": RECORD["packages"]}) == []


def test_differences_come_area_by_area() -> None:
    after = {**changed("packages", numpy="2.1.0"), **with_code(commit="b" * 40)}
    areas = [difference.area for difference in compare(RECORD, after)]
    assert areas == ["code", "packages"]


@pytest.mark.parametrize(
    ("area", "values", "text"),
    [
        ("packages", {"torch": "2.4.0"}, "torch 2.4.0 is new"),
        ("packages", {"scipy": None}, "scipy 1.11.0 is gone"),
        ("python", {"version": "3.12.1"}, "Python version 3.11.7 -> 3.12.1"),
        ("machine", {"host": "b"}, "host a -> b"),
        ("machine", {"memory_bytes": 2**35}, "memory 16.0 GiB -> 32.0 GiB"),
        ("machine", {"gpus": ["A100", "A100"]}, "gpus NVIDIA T4 -> A100, A100"),
        ("machine", {"gpus": []}, "gpus NVIDIA T4 is gone"),
        ("machine", {"gpu_driver": "550.54"}, "gpu driver 550.54 is new"),
        ("command", {"arguments": ["em", "a b"]}, "command python train.py -> em 'a b'"),
        ("command", {"folder": "/home"}, "in /project -> /home"),
        ("environment_variables", {"OMP_NUM_THREADS": "8"}, "OMP_NUM_THREADS 4 -> 8"),
    ],
)
def test_other_values_are_told(area: str, values: dict[str, Any], text: str) -> None:
    assert texts(changed(area, **values)) == [text]


def test_a_few_bytes_of_memory_make_no_difference() -> None:
    assert texts(changed("machine", memory_bytes=2**34 - 4096)) == []


# Code.


def test_another_commit_is_told_with_its_branch() -> None:
    assert texts(with_code(commit="b" * 40, branch=None)) == ["commit aaaaaaa (main) -> bbbbbbb"]


def test_the_same_commit_in_another_place_is_the_same_code() -> None:
    after = with_code(root="/tmp/x", branch=None, remote="https://example.com/x.git")
    assert texts(after) == []


def test_code_without_a_commit_is_told_with_the_reason() -> None:
    after = with_code(commit=None, reason="git is not installed")
    assert texts(after) == ["commit aaaaaaa (main) -> none (git is not installed)"]


def test_files_of_the_working_tree_that_differ_are_named() -> None:
    before = with_code(
        changes={"a.py": {"text": "1"}, "same.py": {"text": "s"}}, files={"b.py": {"text": "1"}}
    )
    after = with_code(
        changes={"a.py": {"text": "2"}, "same.py": {"text": "s"}}, files={"c.py": {"text": "1"}}
    )
    assert compare(before, after) == [
        Difference(
            "code",
            "working tree",
            "a.py and b.py",
            "a.py and c.py",
            "3 files of the working tree differ: a.py, b.py and c.py",
        )
    ]


def test_one_file_that_differs_is_told_in_the_singular() -> None:
    (difference,) = compare(RECORD, with_code(files={"a.py": {"text": "1"}}))
    assert difference.text == "1 file of the working tree differs: a.py"
    assert (difference.before, difference.after) == (None, "a.py")


def test_repositories_within_are_compared() -> None:
    before = with_code(repositories={"lib": CODE, "old": CODE})
    after = with_code(repositories={"lib": {**CODE, "commit": "b" * 40}, "new": CODE})
    assert texts(after, before) == [
        "lib: commit aaaaaaa (main) -> bbbbbbb (main)",
        "repository new at aaaaaaa (main) is new",
        "repository old at aaaaaaa (main) is gone",
    ]


def test_code_elsewhere_is_compared_by_its_name() -> None:
    edited = {**CODE, "files": {"a.py": {"text": "1"}}}
    before = with_code(elsewhere={"lib": CODE, "old": CODE})
    after = with_code(elsewhere={"lib": edited, "new": CODE})
    assert texts(after, before) == [
        "lib: 1 file of the working tree differs: a.py",
        "code in new at aaaaaaa (main) is new",
        "code in old at aaaaaaa (main) is gone",
    ]


def test_of_a_record_from_before_code_elsewhere_was_recorded_nothing_is_said_of_it() -> None:
    assert texts(with_code(elsewhere={"lib": CODE}), with_code()) == []


# Data.


@pytest.mark.parametrize(
    ("fingerprint", "text"),
    [
        ({"kind": "file", "size_bytes": 4, "sha256": "2" * 64}, "train.csv has other content"),
        ({"kind": "missing"}, "train.csv was a file, is missing"),
        ({"kind": "folder", "files": 2}, "train.csv was a file, is a folder"),
    ],
)
def test_other_data_is_told(fingerprint: dict[str, Any], text: str) -> None:
    assert texts(changed("data", **{"train.csv": fingerprint})) == [text]


def test_data_that_one_run_does_not_name_is_told() -> None:
    before, after = {"data": {"a": {"kind": "missing"}}}, {"data": {"b": {"kind": "missing"}}}
    assert texts(after, before) == ["a is no longer named", "b was not named"]


@pytest.mark.parametrize(
    ("kind", "sha256", "text"),
    [
        ("file", "1", "x was modified at another time"),
        ("file", "2", "x has other content"),
        ("folder", "2", "x has other files, sizes or times"),
    ],
)
def test_of_large_data_no_more_is_said_than_is_known(kind: str, sha256: str, text: str) -> None:
    before = {"kind": kind, "size_bytes": 9, "sha256": "1", "modified_ns": 1, "partial": True}
    after = {**before, "sha256": sha256, "modified_ns": 2}
    assert texts({"data": {"x": after}}, {"data": {"x": before}}) == [text]


def test_data_that_is_unreadable_for_another_reason_is_told() -> None:
    before, after = ({"kind": "unreadable", "reason": text} for text in ("busy", "denied"))
    assert texts({"data": {"x": after}}, {"data": {"x": before}}) == ["x is unreadable: denied"]


def test_the_states_of_data_are_short() -> None:
    after = changed("data", **{"train.csv": {"kind": "missing"}})
    (difference,) = compare(RECORD, after)
    assert (difference.before, difference.after) == ("file 1111111", "missing")
