"""A signal in the middle of a run: its status is stored, and the same command completes it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]
Interrupted = Callable[[signal.Signals], tuple[Path, int, str]]
Stored = Callable[[], list[tuple[Any, ...]]]

SIGNALS = pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_exit_code_names_the_signal(
    interrupted: Interrupted, sent: signal.Signals, code: int
) -> None:
    assert interrupted(sent)[1] == code


@SIGNALS
def test_the_run_is_stored_as_aborted(interrupted: Interrupted, sent: signal.Signals) -> None:
    where, *_ = interrupted(sent)
    with closing(sqlite3.connect(where / "work" / "experiments.db")) as connection:
        found = connection.execute("SELECT number, status FROM TRIAL_RUN ORDER BY number")
        assert list(found) == [(1, "completed"), (2, "aborted")]


@SIGNALS
def test_the_run_is_told_as_aborted_without_a_traceback(
    interrupted: Interrupted, sent: signal.Signals
) -> None:
    output = interrupted(sent)[2]
    (told,) = [line for line in output.splitlines() if line.startswith("small run 2 aborted,")]
    assert re.fullmatch(r"small run 2 aborted, 1 epoch in \d+\.\d+ s", told)
    assert "Traceback" not in output


def test_ctrl_c_is_answered_with_what_to_do_next(interrupted: Interrupted) -> None:
    last_line = interrupted(signal.SIGINT)[2].splitlines()[-1]
    assert last_line == "Interrupted. The same command again does what is missing."


@SIGNALS
def test_the_same_command_again_completes_it(
    interrupted: Interrupted,
    command: Command,
    stored: Stored,
    tmp_path: Path,
    sent: signal.Signals,
) -> None:
    shutil.copytree(interrupted(sent)[0], tmp_path, dirs_exist_ok=True)
    again = command("run", "configs")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("digits: 1 of 2 runs to execute\n")
    assert stored() == [("small", 1, "completed", 1), ("small", 2, "completed", 2)]


def test_ctrl_c_in_another_command_is_answered_with_a_line(
    spawn: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    source = tmp_path / "logs" / "metrics.csv"
    source.parent.mkdir()
    os.mkfifo(source)
    with spawn(
        *("import", "logs", "--kind", "lightning", "--name", "digits"),
        variables={},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        with source.open("wb"):  # it waits until the command reads
            process.send_signal(signal.SIGINT)
            code = process.wait()
        assert process.stdout is not None
        assert (code, process.stdout.read().decode().strip()) == (130, "Interrupted.")
