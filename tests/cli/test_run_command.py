"""``run DIR`` executes what is missing, says so, and its exit code tells how it went."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import pytest
from rich.console import Console

from experiment_manager.cli.progress import LineProgress
from experiment_manager.common.common import Level
from experiment_manager.trackers.context import Context

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]
Describe = Callable[..., Path]
Spawn = Callable[..., subprocess.Popen[bytes]]
Stored = Callable[[], list[tuple[Any, ...]]]


def table_and_places(output: str) -> str:
    """What follows the lines of the single runs."""
    return output[output.index(" Trial ") :]


def test_a_run_of_all_exits_with_0(finished: Done, stored: Stored) -> None:
    assert (finished.returncode, finished.stderr) == (0, "")
    assert stored() == [
        ("small", 1, "completed", 1),
        ("small", 2, "completed", 1),
        ("large", 1, "completed", 1),
    ]


def test_it_tells_each_run_and_ends_with_statistics_and_places(finished: Done) -> None:
    output = finished.stdout
    assert output.startswith("digits: 3 of 3 runs to execute\n")
    told = [line for line in output.splitlines() if " started, " in line or " epochs in " in line]
    assert told[0] == "small run 1 started, seed 0 (1/3)"
    assert told[1].startswith("small run 1 completed, 2 epochs in ")
    assert told[1].endswith("  test_acc 0.5")
    assert [line.partition(" run ")[0] for line in told[2:]] == [
        "small",
        "small",
        "large",
        "large",
    ]
    rows = [line.split() for line in table_and_places(output).splitlines()]
    assert rows[0] == ["Trial", "Runs", "test_acc", "Status", "by", "run"]
    assert rows[2] == ["small", "2", "0.625", "±", "0.18", "1-2", "completed"]
    assert rows[3] == ["large", "1", "0.5", "1", "completed"]
    assert rows[-3:] == [
        ["Database", "work/experiments.db"],
        ["Logs", "work/digits/logs"],
        ["Artifacts", "work/digits/trials/<trial>/run_<n>/artifacts"],
    ]


def test_a_second_time_there_is_nothing_to_do_and_the_same_table(
    finished: Done, command: Command, stored: Stored
) -> None:
    again = command("run", "configs")
    assert again.returncode == 0
    assert again.stdout.startswith("digits: nothing to do, all 3 runs are finished\n")
    assert "started" not in again.stdout
    assert table_and_places(again.stdout) == table_and_places(finished.stdout)
    assert {attempt for *_, attempt in stored()} == {1}


@pytest.mark.usefixtures("finished")
def test_only_what_is_missing_is_executed(describe: Describe, command: Command) -> None:
    describe({"name": "small", "repeat": 3}, {"name": "large"}, {"name": "huge"})
    output = command("run", "configs").stdout
    assert output.startswith("digits: 2 of 5 runs to execute\n")
    started = [line for line in output.splitlines() if " started, " in line]
    assert started == [
        "small run 3 started, seed 2 (1/2)",
        "huge run 1 started, seed 0 (2/2)",
    ]


def test_a_failed_run_exits_with_1_after_the_others(
    describe: Describe, command: Command, stored: Stored
) -> None:
    describe(breaks_in="small/0")
    assert command("run", "configs").returncode == 1
    assert [status for _, _, status, _ in stored()] == ["failed", "completed", "completed"]


def test_a_failed_run_is_shown_with_its_reason_and_its_log(
    describe: Describe, command: Command, tmp_path: Path
) -> None:
    describe(breaks_in="small/1")
    done = command("run", "configs")
    log = "work/digits/trials/small/run_2/logs"
    assert "small run 2 failed, 1 epoch in " in done.stdout
    assert f"small run 2: ValueError: the loss [nan] exploded (log: {log})" in done.stdout
    assert "1 completed, 2 failed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    written = "".join(file.read_text("utf-8") for file in (tmp_path / log).iterdir())
    assert "Traceback (most recent call last)" in written
    assert "the loss [nan] exploded" in written


def test_a_failed_run_is_executed_again_the_next_time(
    describe: Describe, command: Command, stored: Stored
) -> None:
    describe({"name": "small", "repeat": 2}, breaks_in="small/1")
    command("run", "configs")
    again = command("run", "configs")
    assert again.stdout.startswith("digits: 1 of 2 runs to execute\n")
    assert stored() == [("small", 1, "completed", 1), ("small", 2, "failed", 2)]


@pytest.mark.usefixtures("finished")
def test_an_edit_of_what_finished_is_refused_with_2(
    describe: Describe, command: Command, stored: Stored
) -> None:
    before = stored()
    describe(epochs=3)
    done = command("run", "configs")
    assert done.returncode == 2
    assert "trial 'small' has finished runs with another 'epochs'" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert stored() == before


@pytest.mark.parametrize("name", ["[bold]lr = 0.1 [x]", "größe 🎯"])
def test_a_name_is_printed_as_it_is(describe: Describe, command: Command, name: str) -> None:
    describe({"name": name})
    output = command("run", "configs").stdout
    assert f"{name} run 1 started, seed 0 (1/1)" in output
    assert f"{name} run 1 completed" in output
    assert f" {name} " in table_and_places(output)


def test_a_metric_s_name_is_printed_as_it_is(describe: Describe, command: Command) -> None:
    describe({"name": "lr :fire:"}, metric="f1[/] [macro]")
    assert "f1[/] [macro]" in command("run", "configs", COLUMNS="120").stdout
    shown = command("show", "digits/lr :fire:", "--in", "work", COLUMNS="120")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "f1[/] [macro]" in shown.stdout


def test_an_output_that_lacks_a_character_ends_no_run(
    describe: Describe, command: Command, stored: Stored
) -> None:
    describe(metric="précision")
    done = command("run", "configs", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "pr?cision" in done.stdout
    assert {run[2] for run in stored()} == {"completed"}


@pytest.mark.parametrize("stderr", [None, subprocess.STDOUT], ids=["stdout", "both"])
def test_a_reader_that_goes_away_ends_no_run(
    describe: Describe, spawn: Spawn, stored: Stored, stderr: int | None
) -> None:
    describe()
    command = ("run", "configs", "--verbose")  # so that there is much on both
    with spawn(*command, variables={}, stdout=subprocess.PIPE, stderr=stderr) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait() == 0
    assert [run[2] for run in stored()] == ["completed"] * 3


@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize("arguments", [["plan", "configs"], ["ls", "--json"]], ids=" ".join)
def test_an_output_that_takes_nothing_more_is_told_in_a_line(
    spawn: Spawn, full_output: TextIO, arguments: list[str]
) -> None:
    options: dict[str, Any] = {"stdout": full_output, "stderr": subprocess.PIPE}
    with spawn(*arguments, variables={}, **options) as process:
        assert process.stderr is not None
        (line,) = process.stderr.read().decode().splitlines()
        assert process.wait() == 2
    assert line.startswith("Error: [Errno 28] No space left on device: make room; ")


def test_an_output_that_takes_nothing_more_ends_no_run(full_output: TextIO) -> None:
    progress = LineProgress(Console(file=full_output), 1, lambda: None)
    context = Context().entering_trial("digits", "small")
    progress.on_create(Level.TRIAL_RUN, context)
    progress.on_end(Level.TRIAL_RUN, context)


def test_an_experiment_that_another_process_has_is_told_and_nothing_else(
    describe: Describe, command: Command, spawn: Spawn
) -> None:
    describe()
    ready, ready_in_child = os.pipe()
    with spawn(
        *("run", "configs", "--quiet"),
        variables={"STOP_IN": "small/0", "READY": str(ready_in_child)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=[ready_in_child],
    ) as holder:
        os.close(ready_in_child)
        assert os.read(ready, 1) == b"x"
        os.close(ready)
        done = command("run", "configs")
        holder.kill()
    assert (done.returncode, done.stdout) == (2, "")
    assert "is being run by" in done.stderr


def test_the_reason_of_a_failure_is_its_type_and_first_line(
    describe: Describe, command: Command
) -> None:
    describe(breaks_in="small/1")
    assert "ValueError: the loss [nan] exploded (log:" in command("run", "configs").stdout


def test_quiet_prints_the_results_alone(describe: Describe, command: Command) -> None:
    describe({"name": "small"})
    done = command("run", "configs", "-q")
    assert done.stderr == ""
    assert "started" not in done.stdout
    assert "to execute" not in done.stdout
    assert "Status by run" in done.stdout


def test_verbose_prints_what_the_runs_log(describe: Describe, command: Command) -> None:
    describe({"name": "small"})
    done = command("run", "configs", "--verbose")
    assert "small run 1 starts with seed 0" in done.stderr
