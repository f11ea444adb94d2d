"""``show`` says in a few lines what a run was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiment_manager.cli.console import create_console
from experiment_manager.cli.origin_page import print_origin
from experiment_manager.provenance.capture import capture

FACTS: dict[str, Any] = {
    "code": {
        "root": "/project",
        "folder": "",
        "commit": "1a2b3c4d5e6f",
        "branch": "main",
        "is_dirty": False,
        "changes": {},
        "files": {},
        "repositories": {},
        "reason": None,
    },
    "python": {"version": "3.11.4", "implementation": "CPython", "executable": "/bin/python"},
    "packages": {"numpy": "2.1.0", "torch": "2.4.0"},
    "machine": {
        "host": "node7",
        "system": "Linux 6.1",
        "cpu": "Abacus 3000",
        "cpus": 16,
        "usable_cpus": 8,
        "memory_bytes": 64 * 2**30,
        "gpus": ["RTX 4090"],
    },
    "command": {"arguments": ["em", "run", "my configs"], "folder": "/project"},
}


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def printed(capsys: pytest.CaptureFixture[str], facts: dict[str, Any]) -> str:
    print_origin(create_console(), facts)
    return " ".join(capsys.readouterr().out.split())


def with_code(**changed: Any) -> dict[str, Any]:
    return {"code": {**FACTS["code"], **changed}}


def test_commit_python_machine_and_command_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, FACTS)
    for part in (
        "code commit 1a2b3c4 (main) ",
        "python CPython 3.11.4 with 2 packages",
        "machine node7, Linux 6.1, Abacus 3000, 8 of 16 processors, 64 GiB, RTX 4090",
        "command em run 'my configs' in /project",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {"is_dirty": True, "changes": {"net.py": {}, "data.py": {}}},
            "commit 1a2b3c4 (main), but for data.py and net.py",
        ),
        ({"branch": None}, "commit 1a2b3c4"),
        (
            {"commit": None, "is_dirty": None, "reason": "git is not installed"},
            "/project: no commit (git is not installed)",
        ),
    ],
)
def test_code_that_is_not_that_of_a_commit_is_told(
    capsys: pytest.CaptureFixture[str], changed: dict[str, Any], text: str
) -> None:
    assert printed(capsys, with_code(**changed)).endswith(f"code {text}")


def test_code_that_comes_from_elsewhere_is_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = {"lib": {**FACTS["code"], "commit": "9f8e7d6c5b4a"}}
    text = printed(capsys, with_code(elsewhere=elsewhere))
    assert text.endswith("code commit 1a2b3c4 (main); lib: commit 9f8e7d6 (main)")


@pytest.mark.parametrize("facts", [{}, {"python": "3.11", "host": "node7"}])
def test_without_a_record_there_is_nothing(
    capsys: pytest.CaptureFixture[str], facts: dict[str, Any]
) -> None:
    assert printed(capsys, facts) == ""


def test_what_is_really_captured_fits_80_columns(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    print_origin(create_console(), capture(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) <= 80
