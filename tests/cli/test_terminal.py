"""Bars and colours on a terminal; plain lines of 80 columns in a pipe."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]
Describe = Callable[..., Path]
Spawn = Callable[..., subprocess.Popen[bytes]]

BAR = "━"
ESCAPE_CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def on_terminal(spawn: Spawn) -> Callable[..., str]:
    """Executes a command on a terminal of 80 columns; what appears there."""

    def run(*arguments: str, exit_code: int = 0, **variables: str) -> str:
        terminal, inside = pty.openpty()
        given = {"TERM": "xterm-256color", "COLUMNS": "80", **variables}
        with spawn(
            *arguments, variables=given, stdin=inside, stdout=inside, stderr=inside
        ) as process:
            os.close(inside)
            shown = b"".join(_until_closed(terminal))
            os.close(terminal)
            assert process.wait() == exit_code, shown
        return shown.decode()

    return run


def _until_closed(terminal: int) -> list[bytes]:
    parts = []
    try:
        while part := os.read(terminal, 65536):
            parts.append(part)
    except OSError:  # how Linux says that the other side has closed
        pass
    return parts


def test_a_terminal_gets_bars_for_the_run_and_for_all(
    describe: Describe, on_terminal: Callable[..., str]
) -> None:
    describe()
    shown = on_terminal("run", "configs")
    assert BAR in shown
    plain = ESCAPE_CODE.sub("", shown)
    assert re.search(rf"all runs\s+{BAR}+ 3/3 ", plain)
    assert re.search(rf"small run 2\s+{BAR}+ 0/2 ", plain)
    assert "started, seed" not in plain


def test_a_finished_run_stays_on_the_terminal_as_a_line(
    describe: Describe, on_terminal: Callable[..., str]
) -> None:
    describe()
    plain = ESCAPE_CODE.sub("", on_terminal("run", "configs"))
    finished = [line for line in plain.replace("\r", "\n").splitlines() if " completed, 2" in line]
    assert [line.partition(" completed")[0] for line in finished] == [
        "small run 1",
        "small run 2",
        "large run 1",
    ]


@pytest.mark.usefixtures("finished")
def test_a_terminal_gets_colours_unless_they_are_unwanted(
    on_terminal: Callable[..., str],
) -> None:
    green = "\x1b[32mcompleted"
    assert green in on_terminal("plan", "configs")
    assert green not in on_terminal("plan", "configs", NO_COLOR="1")


@pytest.mark.usefixtures("finished")
def test_a_terminal_with_nothing_to_do_gets_no_bars(on_terminal: Callable[..., str]) -> None:
    assert BAR not in on_terminal("run", "configs")


def test_a_terminal_gets_sentences_broken_between_words(
    describe: Describe, on_terminal: Callable[..., str]
) -> None:
    describe({"name": "small", "settings": {"epohcs": 3}}, {"name": "large", "repeat": 0})
    shown = on_terminal("plan", "configs", "env.workspce=elsewhere", exit_code=2)
    lines = shown.replace("\r\n", "\n").splitlines()
    assert max(map(len, lines)) <= 80
    told = " ".join(line.strip() for line in lines)
    assert "Did you mean 'workspace'? To add a new key: +env.workspce=elsewhere" in told


@pytest.mark.parametrize("name", ["[bold]lr = 0.1 [x]", "größe 🎯"])
def test_a_name_is_shown_as_it_is(
    describe: Describe, on_terminal: Callable[..., str], name: str
) -> None:
    describe({"name": name})
    plain = ESCAPE_CODE.sub("", on_terminal("run", "configs"))
    assert re.search(rf"{re.escape(name)} run 1\s+{BAR}+ 0/2 ", plain)
    assert f"{name} run 1 completed" in plain


def test_a_pipe_gets_plain_lines(finished: Done) -> None:
    assert "\nlarge run 1 started, seed 0 (3/3)\n" in finished.stdout
    assert "\nlarge run 1 completed, " in finished.stdout
    assert BAR not in finished.stdout
    assert "\x1b" not in finished.stdout + finished.stderr
    assert "\r" not in finished.stdout


def test_a_pipe_gets_lines_of_80_columns(describe: Describe, command: Command) -> None:
    describe(*({"name": f"network_{n}", "repeat": 5} for n in range(3)))
    for name in ("plan", "run"):
        assert max(map(len, command(name, "configs").stdout.splitlines())) <= 80
