"""A YAML file becomes plain data, or a sentence that says where it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiment_manager.config.load import load_yaml


def load(path: Path, content: str | bytes) -> tuple[Any, list[str]]:
    problems: list[str] = []
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_yaml(path, problems), problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# only a comment\n", {}),
        ("a: {b: [1, two, null, true]}", {"a": {"b": [1, "two", None, True]}}),
        ("- a: 1\n- 2\n", [{"a": 1}, 2]),
        ("lr: 1e-3", {"lr": 0.001}),
        ("[1E5, 2e+4]", [100000.0, 20000.0]),
        ("lr: '1e-3'", {"lr": "1e-3"}),
        ("lr: ???", {"lr": "???"}),
        ("when: 2024-01-31", {"when": "2024-01-31"}),
        ("secret: ${oc.env:NO_SUCH_VARIABLE_HERE}", {"secret": "${oc.env:NO_SUCH_VARIABLE_HERE}"}),
        ("\ufeffname: ü", {"name": "ü"}),
    ],
)
def test_content_is_plain_data_with_interpolations_as_written(
    tmp_path: Path, text: str, expected: Any
) -> None:
    content, problems = load(tmp_path / "some.yaml", text)
    assert (content, problems) == (expected, [])
    assert type(content) is type(expected)


@pytest.mark.parametrize(
    ("text", "beginning", "reason"),
    [
        ("a: 1\nb: c: 2\n", "some.yaml, line 2", "mapping values are not allowed"),
        ("a: 1\nb: 2\na: 3\n", "some.yaml, line 3, column 1", "duplicate key a"),
        ("a:\n  b: 1\n  b: 2\n", "some.yaml, line 3, column 3", "duplicate key b"),
        ("a:\n\tb: 1\n", "some.yaml, line 2", "cannot stand here"),
        ("a: 1\n---\nb: 2\n", "some.yaml, line 2", ""),
        ("a: 1\nb: ?\n", "some.yaml, line 2, column 4", "put it in quotes"),
        ("a: {b: ?}\n", "some.yaml, line 1, column 8", "put it in quotes"),
        ("a: 1\nb: @x\n", "some.yaml, line 2", "cannot stand here"),
        ("a: \x00", "some.yaml: cannot be read", "control characters"),
        ("a: ${b", "some.yaml: cannot be read", ""),
        (b"a: \xff", "some.yaml: is not UTF-8 text (byte 3)", "save it as UTF-8"),
        ("5", "some.yaml: cannot be read", ""),
    ],
    ids=lambda value: None if isinstance(value, bytes) else repr(value)[:20],
)
def test_a_malformed_file_is_one_problem_with_its_place(
    tmp_path: Path, text: str | bytes, beginning: str, reason: str
) -> None:
    content, problems = load(tmp_path / "some.yaml", text)
    assert content is None
    (problem,) = problems
    assert problem.startswith(beginning)
    assert reason in problem
    assert "\n" not in problem


def test_a_file_that_is_missing_is_named_with_its_folder(tmp_path: Path) -> None:
    problems: list[str] = []
    assert load_yaml(tmp_path / "trials.yaml", problems) is None
    assert problems == [f"trials.yaml: not found in {tmp_path}; create it"]


def test_a_folder_in_the_place_of_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").mkdir()
    problems: list[str] = []
    assert load_yaml(tmp_path / "base.yaml", problems) is None
    assert [problem.partition(":")[0] for problem in problems] == ["base.yaml"]


def test_a_tag_that_names_code_is_refused_and_nothing_executed(tmp_path: Path) -> None:
    made = tmp_path / "made"
    text = f"a: 1\nb: !!python/object/apply:os.mkdir ['{made}']\n"
    content, problems = load(tmp_path / "some.yaml", text)
    assert content is None
    assert problems[0].startswith("some.yaml, line 2")
    assert not made.exists()
