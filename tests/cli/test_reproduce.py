"""``reproduce`` executes a run once more; its exit code says whether it came out the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiment_manager.testing.configs import write_configs

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]

TRAINING = """
import os
import random

from experiment_manager import Pipeline
from reproduced_noise import NOISE


class Training(Pipeline):
    @Pipeline.run_wrapper
    def run(self, config):
        print("a training may print what it likes")
        for epoch in range(config.epochs):
            self.run_epoch(epoch)
        self.run_metrics["test_acc"] = random.random()

    @Pipeline.epoch_wrapper
    def run_epoch(self, epoch_idx):
        self.epoch_metrics["loss"] = random.random() * NOISE
        if "FIFO" in os.environ and epoch_idx == 1:
            with open(os.environ["FIFO"], "w") as fifo:
                fifo.write("x")
            open(os.environ["FIFO"]).read()  # until a signal arrives
"""


@pytest.fixture
def folder(tmp_path: Path, command: Command) -> Path:
    """A folder where an experiment was run, whose temporary files lie in it too."""
    configs = write_configs(
        tmp_path / "configs",
        trials=[{"name": "small"}],
        experiment={"name": "digits"},
        base={"pipeline": "reproduced_training:Training", "epochs": 3},
        env={"workspace": "work"},
    )
    (configs / "reproduced_training.py").write_text(TRAINING, encoding="utf-8")
    (configs / "reproduced_noise.py").write_text("NOISE = 1.0\n", encoding="utf-8")
    (tmp_path / "temporary").mkdir()
    done = command("run", "configs")
    assert done.returncode == 0, done.stderr
    return tmp_path


@pytest.fixture
def reproduce(folder: Path, command: Command) -> Command:
    return lambda *arguments: command("reproduce", *arguments, TMPDIR=str(folder / "temporary"))


def edit(folder: Path, noise: float) -> None:
    (folder / "configs" / "reproduced_noise.py").write_text(f"NOISE = {noise}\n", encoding="utf-8")


def loaded(done: Done) -> Any:
    return json.loads(done.stdout, parse_constant=lambda text: pytest.fail(f"no JSON: {text}"))


def test_an_identical_run_exits_with_0(reproduce: Command) -> None:
    done = reproduce("dig/s/1")
    assert done.returncode == 0
    begin, verdict, values = done.stdout.splitlines()
    assert begin.startswith("Repeating digits/small/1, which took ")
    assert verdict.startswith("digits/small/1 identical in ")
    assert values == "All 4 values of 3 epochs and the results are equal."


def test_a_different_run_exits_with_1_and_says_where_and_why(
    folder: Path, reproduce: Command
) -> None:
    edit(folder, 2.0)
    done = reproduce("digits/small/1")
    assert done.returncode == 1
    text = " ".join(done.stdout.split())
    assert "digits/small/1 different" in text
    assert "The first difference is loss of epoch 0: 0.8444218515250481 -> 1.68884370305" in text
    assert "1 of 4 values are equal." in text
    assert "1 file of the working tree differs: reproduced_noise.py" in text
    assert "With the code as it was: --code recorded" in text


def test_the_recorded_code_gives_the_same_again(folder: Path, reproduce: Command) -> None:
    edit(folder, 2.0)
    assert reproduce("digits/small/1", "--code", "recorded").returncode == 0
    assert list((folder / "temporary").iterdir()) == []


def test_a_tolerance_lets_values_deviate(folder: Path, reproduce: Command) -> None:
    edit(folder, 1.000001)
    done = reproduce("digits/small/1", "--tolerance", "1e-5")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    assert "digits/small/1 within tolerance" in text
    assert "The largest deviation is that of loss of epoch 0" in text
    assert reproduce("digits/small/1", "--tolerance", "1e-9").returncode == 1


def test_a_run_that_cannot_be_repeated_exits_with_2(folder: Path, reproduce: Command) -> None:
    (folder / "configs" / "reproduced_training.py").unlink()
    done = reproduce("digits/small/1")
    assert done.returncode == 2
    assert "its pipeline cannot be made any more" in done.stderr
    assert "--code recorded" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["digits/small"], "'digits/small' is no run; write EXPERIMENT/TRIAL/RUN."),
        (["digits/small/2"], "'small' has no run '2'; it has: 1"),
        (["digits/small/1", "--tolerance", "nan"], "it must be a number, such as 1e-6"),
        (["digits/small/1", "--tolerance", "-1"], "-1.0 is not in the range x>=0"),
        (["digits/small/1", "--code", "record"], "Did you mean 'recorded'?"),
        (["digits/small/1", "--repository", "."], "--repository is for --code recorded."),
        (["digits/small/1", "--keep", "configs"], "is there already; name a new folder"),
    ],
)
def test_bad_usage_exits_with_2(reproduce: Command, arguments: list[str], answer: str) -> None:
    done = reproduce(*arguments, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert answer in done.stderr


def test_the_repetition_can_be_kept_and_looked_at(reproduce: Command, command: Command) -> None:
    assert reproduce("digits/small/1", "--keep", "kept").stdout.endswith("Kept in kept\n")
    shown = command("diff", "digits/small/1", "digits/small/1", "--in", "kept")
    assert (shown.returncode, shown.stderr) == (0, "")
    both = command("diff", *2 * ("digits/small/1",), "--in", "work", "--in", "kept", "--json")
    found = json.loads(both.stdout)
    places = [found[side]["database"] for side in "ab"]
    assert places == ["work/experiments.db", "kept/workspace/experiments.db"]
    assert command("ls").stdout.count("digits") == 1


# For other programs.


def test_json_is_alone_on_standard_output(folder: Path, reproduce: Command) -> None:
    edit(folder, 2.0)
    done = reproduce("digits/small/1", "--json", "--keep", "kept")
    found = loaded(done)
    assert done.returncode == 1
    assert "a training may print what it likes" in done.stderr
    assert found.pop("duration_s") > 0
    first = {"epoch": 0, "batch": None, "metric": "loss", "nth": 1}
    assert found.pop("first").items() >= {**first, "a": 0.8444218515250481}.items()
    assert found.pop("largest").keys() == {*first, "a", "b", "deviation"}
    (difference,) = found.pop("differences")
    assert (difference["area"], difference["name"]) == ("code", "working tree")
    assert found == {
        "run": "digits/small/1",
        "verdict": "different",
        "tolerance": 0.0,
        "code": "current",
        "endings": ["completed after 3 epochs", "completed after 3 epochs"],
        "epochs": [3, 3],
        "values": 4,
        "equal": 1,
        "remarks": [],
        "error": None,
        "kept": "kept",
    }


def test_json_of_a_run_that_fails_now_has_its_traceback(folder: Path, reproduce: Command) -> None:
    (folder / "configs" / "reproduced_noise.py").write_text("NOISE = 'loud'\n", encoding="utf-8")
    found = loaded(reproduce("digits/small/1", "--json"))
    assert found["endings"] == ["completed after 3 epochs", "failed (TypeError) after 0 epochs"]
    assert "TypeError: can't multiply sequence" in found["error"]
    assert found["first"]["b"] is None
    assert found["first"]["deviation"] == "inf"


# Interrupts.


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing(
    folder: Path,
    spawn: Callable[..., subprocess.Popen[bytes]],
    stored: Callable[[], list[tuple[Any, ...]]],
    sent: signal.Signals,
    code: int,
) -> None:
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    before = stored()
    with spawn(
        *("reproduce", "digits/small/1", "--code", "recorded"),
        variables={"FIFO": str(fifo), "TMPDIR": str(folder / "temporary")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert fifo.read_text(encoding="utf-8") == "x"
        if sent == signal.SIGINT:  # as a terminal does
            os.killpg(process.pid, sent)
        else:
            process.send_signal(sent)
        _, errors = process.communicate()
    assert process.returncode == code, errors
    assert b"Traceback" not in errors
    assert list((folder / "temporary").iterdir()) == []
    assert stored() == before


# Its width.


def test_its_page_fits_80_columns(folder: Path, reproduce: Command) -> None:
    edit(folder, 2.0)
    lines = reproduce("digits/small/1").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in "".join(lines)


def test_reproduce_explains_itself() -> None:
    command = [sys.executable, "-m", "experiment_manager", "reproduce", "--help"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Exits with 0 where the run came out identical" in " ".join(text.split())
